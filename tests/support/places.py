# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for tests that write state hundreds of times."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")


@contextmanager
def quick_directory() -> Iterator[Path]:
    """Yield a new directory in memory where there is such a place: the death of a process needs no disk, only that of a machine does."""
    base = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hodei-tests-", dir=base) as path:
        yield Path(path)


@contextmanager
def short_directory() -> Iterator[Path]:
    """Yield a new directory in which a socket may lie: its path has 107 bytes at most, and a test's own directory can use them up."""
    with tempfile.TemporaryDirectory(prefix="hodei-") as path:
        yield Path(path)

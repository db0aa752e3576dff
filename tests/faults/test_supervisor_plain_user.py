# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor without rights, as most users have it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.plain_user import run_plainly

#: All that the scenarios import, and nothing that needs more than the standard library.
NEEDED = (
    "plugins/module_utils/durable",
    "plugins/module_utils/model",
    "plugins/module_utils/providers",
    "tests/conformance/providers/rigs.py",
    "tests/testbed/wait.py",
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that another user can read; pytest closes its own ones at each start."""
    with tempfile.TemporaryDirectory(prefix="hodei-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.mark.parametrize("scenario", ["life", "limits", "secrets"])
def test_without_rights(place: Path, testbed: Any, scenario: str) -> None:
    """Each scenario as another user where we are root, else as ourselves."""
    run_plainly(place, testbed, NEEDED, "plain_user_scenarios", scenario)

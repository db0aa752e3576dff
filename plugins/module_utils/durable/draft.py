# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that is written beside the one whose place it takes, so that a death leaves the old or the new, and no draft for long."""

from __future__ import annotations

import fcntl
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Yield the name of a draft, one writer of a directory at a time; what a dead one has left is removed. Raises OSError."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        remove_drafts(path)
        try:
            yield _name(path)
        finally:
            remove_drafts(path)
    finally:
        os.close(descriptor)


def remove_drafts(path: Path) -> None:
    """Remove the draft of a file and what SQLite has put beside it."""
    for leftover in glob.glob(f"{glob.escape(str(_name(path)))}*"):
        os.unlink(leftover)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, for its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(path: Path) -> Path:
    return path.parent / f".{path.name}.draft"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SQLite file copied while others write to it, and a copy put in the place of one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from .connect import Subject, explained, open_writer, snapshot
from .draft import draft_of, sync_directory, write_durably
from .failpoints import hit


def copy_of(path: Path) -> bytes:
    """Return a whole copy, with what stands in the log, as one file. Raises OSError, sqlite3.Error."""
    with draft_of(path) as copy:  # where nobody else can put a link in its way
        write_durably(copy, b"")
        snapshot(path, lambda connection: _copy(connection, copy))
        return copy.read_bytes()


def replace_with(path: Path, draft: Path, subject: Subject) -> bool:
    """Put a draft in the place of a file and its log; false, and nothing is done, while somebody reads. Writers have to be kept out."""
    if path.exists() and path.stat().st_size and not _fold_log(path, subject):
        return False
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    hit("restore.folded")
    os.replace(draft, path)
    hit("restore.replaced")
    sync_directory(path.parent)
    return True


def _fold_log(path: Path, subject: Subject) -> bool:
    """Have a file hold all that its log holds, which can go then; false while somebody reads an older state."""
    with explained(path, subject), closing(open_writer(path, subject)) as connection:
        busy, _frames, _moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _copy(connection: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as target:
        connection.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")

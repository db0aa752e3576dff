# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an older state file forward, after making a copy of it; refuses a newer one.

The format number is SQLite's ``user_version``; 0 means that there is no state yet. STEPS[n] brings format n to n + 1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from ...model.errors import HodeiError, Kind
from .codec import damaged

Step = Callable[[sqlite3.Connection], None]

_TABLES = (
    """CREATE TABLE head (
        id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, lineage TEXT NOT NULL, serial INTEGER NOT NULL,
        last_converge REAL, content INTEGER NOT NULL, holder TEXT NOT NULL, fence INTEGER NOT NULL,
        acquired_at REAL NOT NULL, expires_at REAL NOT NULL, ttl REAL NOT NULL, crc INTEGER NOT NULL)""",
    """CREATE TABLE resource (
        address TEXT NOT NULL, generation INTEGER NOT NULL, provider TEXT NOT NULL, external_id TEXT NOT NULL,
        digest TEXT NOT NULL, intent TEXT NOT NULL, status TEXT NOT NULL, deposed INTEGER NOT NULL,
        tainted INTEGER NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, source TEXT NOT NULL,
        spec TEXT NOT NULL, lifecycle TEXT NOT NULL, dependencies TEXT NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (address, generation)) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX resource_current ON resource (address) WHERE deposed = 0",
    """CREATE TABLE operation (
        seq INTEGER PRIMARY KEY, op_id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL, address TEXT NOT NULL,
        generation INTEGER NOT NULL, verb TEXT NOT NULL, provider TEXT NOT NULL, digest TEXT NOT NULL,
        native_name TEXT NOT NULL, begun_at REAL NOT NULL, crc INTEGER NOT NULL, ended_at REAL, error TEXT,
        at REAL NOT NULL)""",
    "CREATE INDEX operation_pending ON operation (seq) WHERE ended_at IS NULL",
    "CREATE INDEX operation_address ON operation (address, at)",
    "CREATE INDEX operation_at ON operation (at)",
    """CREATE TABLE run (
        seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, started_at REAL NOT NULL,
        ended_at REAL, result TEXT NOT NULL, document_digest TEXT NOT NULL, actor TEXT NOT NULL,
        summary TEXT NOT NULL, serial INTEGER NOT NULL)""",
)


def create_tables(connection: sqlite3.Connection) -> None:
    """Make format 1 in an empty database."""
    for statement in _TABLES:
        connection.execute(statement)


def add_anchors(connection: sqlite3.Connection) -> None:
    """Bring format 1 to 2: the heads of audit chains."""
    connection.execute(
        """CREATE TABLE anchor (
        writer TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID"""
    )


def add_memory(connection: sqlite3.Connection) -> None:
    """Bring format 2 to 3: what a run leaves for later ones to hold things against."""
    connection.execute(
        "CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID"
    )


STEPS: tuple[Step, ...] = (create_tables, add_anchors, add_memory)


def format_of(connection: sqlite3.Connection) -> int:
    """Return the format of the state; 0 when there is none. Raises HodeiError(internal) for tables without a format."""
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if number == 0 and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        raise damaged("it has content, but no format")
    return number


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Run the missing steps inside the caller's transaction."""
    present = format_of(connection)
    refuse_newer(present, len(steps))
    for step in steps[present:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {len(steps)}")


def upgrade(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> Path | None:
    """Bring a state file up to date in one transaction; return the copy that was made first, if any.

    Raises HodeiError(compatibility) when the file is newer than this version of the collection.
    """
    present = format_of(connection)
    refuse_newer(present, len(steps))
    if present in (0, len(steps)):
        return None
    copy = copied(connection, path, present)
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrate(connection, steps)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return copy


def copied(connection: sqlite3.Connection, path: Path, number: int) -> Path:
    """Write a whole, durable copy of the database to ``state.db.v<number>.bak`` and return its path."""
    copy = path.with_name(f"{path.name}.v{number}.bak")
    partial = copy.with_name(copy.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    with closing(sqlite3.connect(partial)) as target:
        target.execute("PRAGMA synchronous = FULL")
        connection.backup(target)
    partial.replace(copy)
    return copy


def refuse_newer(present: int, known: int) -> None:
    """Raise HodeiError(compatibility) for a format that this version does not know."""
    if present > known:
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"the state has format {present}, but this version of hodei.workers knows formats up to {known}",
            hint="Use the newer version of the collection that wrote it, or restore the copy that it made "
            f"(state.db.v{known}.bak) and accept what happened since as drift.",
        )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the embedded store: made, opened, looked into and written in transactions, and held against what was seen before."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TypeVar

from ...durable.connect import Subject, explained, open_writer, snapshot, transaction
from ...durable.draft import sync_directory
from ...durable.failpoints import hit
from ...durable.place import reason_against
from ...model.errors import HodeiError, Kind
from ...model.store import Fault, Seen, StoreError
from . import heads
from .heads import Head, corrupt
from .keyring import Keyring
from .ledger import TABLES, Ledger
from .sources import SALT_BYTES

_SMALLEST = 512  # bytes of the smallest page that SQLite has
SUBJECT = Subject("the store of secrets", "the store's path", corrupt)
T = TypeVar("T")


class StoreFile:
    """One file, and the highest generation of it that was seen. Looking creates and changes nothing."""

    def __init__(self, path: Path, keyring: Keyring, *, read_only: bool, seen: Seen | None) -> None:
        self.path = path
        self.keyring = keyring
        self._read_only = read_only
        self._store, self._seen = seen or Seen("", 0)
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def initialise(self, *, allow_ephemeral: bool = False) -> None:
        """Make an empty store (0600, in a directory 0700) under the keyring's first key.

        Raises HodeiError: already_exists when there is one, configuration for a place that vanishes unless ``allow_ephemeral``.
        """
        self._refuse_read_only()
        against = "" if allow_ephemeral else reason_against(self.path)
        if against:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"the store of secrets {self.path} {against}",
                hint="Set the store's path to a directory that stays, on a local disk; or allow it where losing the secrets is fine: "
                "allow_ephemeral: true.",
            )
        store = str(uuid.uuid4())
        kek, entry = self.keyring.new(store, os.urandom(SALT_BYTES))
        with self._lock, explained(self.path, SUBJECT):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            hit("store.directory")
            self.path.touch(mode=0o600)
            hit("store.file")
            with transaction(self._writer(create=True)) as connection:
                if _has_tables(connection):
                    raise HodeiError(
                        Kind.ALREADY_EXISTS, f"there is a store at {self.path} already", hint="It is kept as it is."
                    )
                for table in TABLES:
                    connection.execute(table)
                hit("store.tables")
                columns = heads.encode(Head(store, 1, (entry,)), kek)
                connection.execute("INSERT INTO head (id, document, digests, code) VALUES (1, ?, ?, ?)", columns)
                hit("store.head")
            sync_directory(self.path.parent)
            hit("store.made")

    def close(self) -> None:
        """Close the file and forget the keys. Both are opened again when they are needed."""
        with self._lock, explained(self.path, SUBJECT):
            connection, self._connection = self._connection, None
            self.keyring.forget()
            if connection is not None:
                connection.close()

    def look(self, look: Callable[[Ledger], T]) -> T:
        """Run ``look`` on a consistent view."""
        with self._lock, explained(self.path, SUBJECT):
            self._refuse_absent()
            return snapshot(self.path, lambda connection: look(self._ledger(connection)))

    @contextmanager
    def write(self) -> Iterator[Ledger]:
        """Run a block that changes a view; what it changed is durable, whole, when the block is over."""
        self._refuse_read_only()
        with self._lock, explained(self.path, SUBJECT):
            self._refuse_absent()
            with transaction(self._writer()) as connection:  # pylint: disable=contextmanager-generator-missing-cleanup
                ledger = self._ledger(connection)
                yield ledger
                changed = ledger.seal()
            if changed:
                hit("store.committed")
                self._seen = ledger.head.generation

    def _ledger(self, connection: sqlite3.Connection) -> Ledger:
        if not _has_tables(connection):
            raise self._absent()
        ledger = Ledger(connection, self.keyring)
        head = ledger.head
        if self._store and head.store != self._store:
            raise _put_back(f"{self.path} is another store than before: {head.store}, and it was {self._store}")
        if head.generation < self._seen:
            raise _put_back(
                f"the store {self.path} was put back: it is at generation {head.generation}, and it was at {self._seen} before"
            )
        self._store, self._seen = head.store, head.generation
        return ledger

    def wipe(self) -> None:
        """Fold the log into the file and empty it: what was destroyed may still stand there. A reader in its way delays that."""
        with self._lock, suppress(sqlite3.Error):
            if self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _writer(self, *, create: bool = False) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_writer(self.path, SUBJECT, create=create)
            connection.execute("PRAGMA secure_delete = ON")  # what is destroyed is overwritten, not just unlinked
            self._connection, self._inode = connection, self.path.stat().st_ino
        elif self._inode != self.path.stat().st_ino:
            raise StoreError(
                Fault.CONFLICT, f"{self.path} was replaced while it was in use; nothing was written", hint="Run again."
            )
        return self._connection

    def _refuse_absent(self) -> None:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            raise self._absent() from None
        except PermissionError:
            raise self._denied() from None
        if size == 0:
            raise self._absent()
        if not os.access(self.path, os.R_OK):
            raise self._denied()
        if size < _SMALLEST:  # SQLite would take it for an empty one
            raise corrupt(f"{self.path} has only {size} bytes")

    def _absent(self) -> HodeiError:
        return HodeiError(
            Kind.CONFIGURATION,
            f"there is no store of secrets at {self.path}",
            hint="Run the playbook hodei.workers.init once, with hodei_secrets or hodei_stores in its inventory; or restore it, "
            "with its key, from your backup.",
        )

    def _denied(self) -> StoreError:
        return StoreError(
            Fault.DENIED,
            f"user {os.geteuid()} may not read the store of secrets at {self.path}",
            hint="Run the task as the user who owns it.",
        )

    def _refuse_read_only(self) -> None:
        if self._read_only:
            raise HodeiError(Kind.INTERNAL, f"the store at {self.path} was opened for reading only")


def _put_back(message: str) -> StoreError:
    return StoreError(
        Fault.ROLLED_BACK,
        message,
        hint="Somebody put an older copy, or another store, in its place, so that secrets may have values of before. Put the latest "
        "one back; or, if this is what you want, run the playbook hodei.workers.init with -e hodei_accept=store.NAME.",
    )


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is not None

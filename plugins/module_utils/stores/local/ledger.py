# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of one consistent view of a store's file: each is checked before it is believed.

Reading and writing a secret is by way of its bucket, see ``heads``. Nothing here opens, begins or commits anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ...durable.failpoints import hit
from ...model.secret_name import SecretName
from ...model.secret_value import SecretValue
from . import crypto, heads, records
from .heads import Head, bucket_of, corrupt, digest_of
from .keyring import Keyring
from .records import Entry, Record

TABLES = (
    """CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), document BLOB NOT NULL, digests BLOB NOT NULL,
    code BLOB NOT NULL)""",
    """CREATE TABLE secret (bucket INTEGER NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, document BLOB NOT NULL,
    code BLOB NOT NULL, PRIMARY KEY (bucket, path)) WITHOUT ROWID""",
    "CREATE TABLE value (path TEXT NOT NULL, number INTEGER NOT NULL, box BLOB NOT NULL, UNIQUE (path, number))",
)


class Ledger:
    """A view. ``head`` is what was read, and with writes what ``seal`` will write. Raises StoreError: corrupt, sealed."""

    def __init__(self, connection: sqlite3.Connection, keyring: Keyring) -> None:
        row = connection.execute("SELECT document, digests, code FROM head").fetchone()
        if row is None:
            raise corrupt("its head is missing")
        document, digests, code = _typed(row, bytes, bytes, bytes)
        self.head: Head = heads.decode(document, digests, code)
        heads.verify(document, digests, code, keyring.opens(self.head))
        self._read = self.head
        self._connection, self._keyring = connection, keyring

    # ---- reading -----------------------------------------------------------------------------------------------

    def load(self, name: SecretName) -> Record:
        """Return a secret, an empty record when there is none."""
        bucket = bucket_of(name.path)
        if name.path not in self._codes(bucket):
            self._refuse_renamed(bucket)
            return Record(name, self.head.key)
        found = "SELECT path, key, document, code FROM secret WHERE bucket = ? AND path = ?"
        row = self._connection.execute(found, (bucket, name.path)).fetchone()
        if row is None:
            raise corrupt("its row is missing", name.path)
        return self._believed(*_typed(row, str, str, bytes, bytes))

    def bucket(self, number: int) -> list[Record]:
        """Return the secrets of one bucket."""
        rows = self._rows(number)
        self._check(number, [code for _path, _key, _document, code in rows])
        return [self._believed(*row) for row in rows]

    def all(self) -> list[Record]:
        """Return all secrets, in the order of their paths."""
        buckets = map(self.bucket, range(heads.BUCKETS))
        return sorted((record for bucket in buckets for record in bucket), key=lambda record: record.name.path)

    def value(self, record: Record, entry: Entry) -> SecretValue:
        """Return the value of a version that has one."""
        path, number = record.name.path, entry.version.number
        row = self._connection.execute("SELECT box FROM value WHERE path = ? AND number = ?", (path, number)).fetchone()
        value = None
        if row is not None:
            (box,) = _typed(row, bytes)
            value = crypto.decrypt(self._data_key(record, entry), box, self._binding(record, number))
        if value is None:
            raise corrupt(f"the value of version {number} is not what was written", path)
        return value

    def keys_in_use(self) -> set[str]:
        """Return the ids of the keys that anything is under."""
        return {self.head.key, *(key for (key,) in self._connection.execute("SELECT DISTINCT key FROM secret"))}

    # ---- writing -----------------------------------------------------------------------------------------------

    def take(self, name: SecretName) -> Record:
        """Return a secret to change it."""
        return self.renewed(self.load(name))

    def renewed(self, record: Record) -> Record:
        """Return a secret with its data keys under the head's key, whatever they were under: nothing is written under another."""

        def anew(entry: Entry) -> bytes:
            return self._wrap(record, entry.version.number, self._data_key(record, entry))

        key = self.head.key
        return record if record.key == key else records.rewrapped(record, key, anew)

    def add_value(self, record: Record, number: int, value: SecretValue) -> bytes:
        """Write the value of a new version; return its data key, wrapped."""
        data_key = crypto.new_data_key()
        box = crypto.encrypt(data_key, value, self._binding(record, number))
        add = "INSERT INTO value (path, number, box) VALUES (?, ?, ?)"
        self._connection.execute(add, (record.name.path, number, box))
        hit("store.value")
        return self._wrap(record, number, data_key)

    def save(self, record: Record, before: Record) -> bool:
        """Write a secret that was taken, and drop the values that it has no more; tell whether there were any."""
        path, bucket = record.name.path, bucket_of(record.name.path)
        text = records.encode(record)
        code = self._kek(record.key).authenticate("secret", text)
        gone = [(path, number) for number in before.kept - record.kept]
        self._connection.executemany("DELETE FROM value WHERE path = ? AND number = ?", gone)
        hit("store.gone")
        put = "INSERT OR REPLACE INTO secret (bucket, path, key, document, code) VALUES (?, ?, ?, ?, ?)"
        self._connection.execute(put, (bucket, path, record.key, text, code))
        hit("store.secret")
        codes = self._codes(bucket, check=False)  # they were checked when the secret was taken
        self.head = self.head.with_digest(bucket, digest_of(codes.values()))
        return bool(gone)

    def seal(self) -> bool:
        """Write the head if anything has changed, one generation on; tell whether it has."""
        if self.head == self._read:
            return False
        self.head = replace(self.head, generation=self._read.generation + 1)
        columns = heads.encode(self.head, self._keyring.opens(self.head))
        self._connection.execute("UPDATE head SET document = ?, digests = ?, code = ?", columns)
        hit("store.head")
        return True

    # ---- inside ------------------------------------------------------------------------------------------------

    def _codes(self, bucket: int, *, check: bool = True) -> dict[str, bytes]:
        found = "SELECT path, code FROM secret WHERE bucket = ? ORDER BY path"
        codes = dict(_typed(row, str, bytes) for row in self._connection.execute(found, (bucket,)))
        if check:
            self._check(bucket, codes.values())
        return codes

    def _check(self, bucket: int, codes: Iterable[bytes]) -> None:
        if digest_of(codes) != self.head.digest(bucket):
            raise corrupt("secrets were removed, added or put back behind its back")

    def _rows(self, bucket: int) -> list[tuple[str, str, bytes, bytes]]:
        found = "SELECT path, key, document, code FROM secret WHERE bucket = ? ORDER BY path"
        return [_typed(row, str, str, bytes, bytes) for row in self._connection.execute(found, (bucket,))]

    def _refuse_renamed(self, bucket: int) -> None:
        """Raise CORRUPT when a row lies under another's path, where nobody would find it: digests cover what rows hold only."""
        for path, key, document, code in self._rows(bucket):
            self._confirm(path, key, document, code)
            if records.path_of(document) != path:
                raise corrupt("its row is another's", path)

    def _believed(self, path: str, key: str, document: bytes, code: bytes) -> Record:
        self._confirm(path, key, document, code)
        record = records.decode(document, key)
        if record.name.path != path:
            raise corrupt("its row is another's", path)
        return record

    def _confirm(self, path: str, key: str, document: bytes, code: bytes) -> None:
        if not self._kek(key).confirms(code, "secret", document):
            raise corrupt("its row is not what was written", path)

    def _kek(self, key: str) -> crypto.Kek:
        if all(one.id != key for one in self.head.keys):
            raise corrupt("a row is under a key that the store is not under")
        return self._keyring.find(self.head, key)

    def _data_key(self, record: Record, entry: Entry) -> SecretValue:
        number = entry.version.number
        data_key = crypto.unwrap(self._kek(record.key), entry.wrapped, self._binding(record, number))
        if data_key is None:
            raise corrupt(f"the data key of version {number} is not what was written", record.name.path)
        return data_key

    def _wrap(self, record: Record, number: int, data_key: SecretValue) -> bytes:
        return crypto.wrap(self._kek(self.head.key), data_key, self._binding(record, number))

    def _binding(self, record: Record, number: int) -> crypto.Binding:
        return crypto.Binding(self.head.store, record.name.path, number)


def _typed(row: tuple[Any, ...], *types: type) -> tuple[Any, ...]:
    """Return a row whose columns have these types: SQLite goes by what stands in the file, not by what was declared."""
    if not all(map(isinstance, row, types)):
        raise corrupt("a row has something else than what was written")
    return row

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the embedded store is damaged, tampered with, cut or put back: one clear error each, and never 'not found'."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Seen, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local import heads
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.heads import (
    DIGEST_BYTES,
    bucket_of,
    digest_of,
)
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.places import quick_directory

NAMES = [SecretName("a"), SecretName("b/c"), SecretName("a", "acme")]
FLIPS = 10**9 if os.environ.get("HODEI_SOAK") else 250


class Made(NamedTuple):
    """A store that is closed, and its key."""

    path: Path
    key: Path

    def open(self, *, seen: Seen | None = None) -> LocalStore:
        return LocalStore(self.path, key_source({"file": str(self.key)}), seen=seen)

    def change(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection as rows:
            assert rows.execute(statement, values).rowcount > 0

    def forge(self, changed: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> None:
        """Change document and digests of the head as somebody can who has the format and not the key."""
        with closing(sqlite3.connect(self.path)) as connection, connection as rows:
            document, digests, code = rows.execute("SELECT document, digests, code FROM head").fetchone()
            new, others = changed(document, digests)
            assert (new, others) != (document, digests)
            code = code[:DIGEST_BYTES] + hashlib.sha256(others + new).digest()
            rows.execute("UPDATE head SET document = ?, digests = ?, code = ?", (new, others, code))

    def fault(self, read: Callable[[LocalStore], object] | None = None) -> Fault:
        """Return the one fault that reading everything, or what ``read`` does, ends in."""
        try:
            (read or _read_all)(self.open())
        except StoreError as error:
            return error.fault
        raise AssertionError("nothing was noticed")


def _texts(name: SecretName) -> list[str]:
    return [f"{name.path} one", f"{name.path} two"]


def _read_all(store: LocalStore) -> None:
    assert [one.name for one in store.list()] == sorted(NAMES, key=lambda one: one.path)
    for name in NAMES:
        assert [store.get(name, number).value.text() for number in (1, 2)] == _texts(name)
        assert store.get(name).value.text() == _texts(name)[1]


def _read_one(store: LocalStore) -> object:
    return store.get(NAMES[0])


@pytest.fixture
def made() -> Iterator[Made]:
    with quick_directory() as directory:
        one = Made(directory / "store" / "secrets.db", directory / "key")
        create_key_file(one.key)
        store = one.open()
        store.initialise(allow_ephemeral=True)
        for name in NAMES:
            for text in _texts(name):
                store.put(name, SecretValue(text.encode()))
        store.close()
        assert sorted(path.name for path in one.path.parent.iterdir()) == ["secrets.db"]
        _read_all(one.open())
        yield one


def test_a_flipped_bit_anywhere_is_harmless_or_told(made: Made) -> None:
    whole = made.path.read_bytes()
    offsets = range(len(whole)) if len(whole) <= FLIPS else random.Random(7).sample(range(len(whole)), FLIPS)
    told = {}
    for offset in offsets:
        changed = bytearray(whole)
        changed[offset] ^= 1 << offset % 8
        made.path.write_bytes(changed)
        try:
            _read_all(made.open())
        except HodeiError as error:
            told[offset] = error
    assert told
    strange = {
        offset: str(error) for offset, error in told.items() if getattr(error, "fault", None) is not Fault.CORRUPT
    }
    # SQLite's own header says which version may read and write the file, and how long its pages are.
    assert {offset for offset in strange if offset >= 100} == set(), strange
    assert not [text for text in strange.values() if "no store of secrets" in text]


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("DELETE FROM secret WHERE path = ?", ("a",)),
        ("DELETE FROM value WHERE path = ? AND number = 2", ("a",)),
        ("DELETE FROM head", ()),
        ("UPDATE secret SET path = ? WHERE path = 'a'", ("x",)),
        ("UPDATE secret SET bucket = 3 WHERE path = ?", ("a",)),
        ("UPDATE secret SET key = ? WHERE path = 'a'", ("0" * 16,)),
        (
            "UPDATE secret SET document = CAST(replace(CAST(document AS TEXT), ?, 'pending') AS BLOB) WHERE path = 'a'",
            ("current",),
        ),
        ("UPDATE secret SET code = 7 WHERE path = ?", ("a",)),
        ("UPDATE secret SET code = zeroblob(32) WHERE path = ?", ("a",)),
        ("UPDATE value SET number = 3 - number + 10 WHERE path = ?", ("a",)),
        ("UPDATE value SET box = (SELECT box FROM value WHERE path = 'b/c' AND number = 1) WHERE path = ?", ("a",)),
        ("UPDATE value SET box = zeroblob(5) WHERE path = ?", ("a",)),
        ("UPDATE value SET box = NULL WHERE path = ?", ("a",)),
        ("UPDATE head SET digests = zeroblob(?)", (8192,)),
        ("UPDATE head SET document = CAST('{}' AS BLOB), code = ?", (bytes(64),)),
    ],
)
def test_rows_removed_swapped_or_changed(made: Made, statement: str, values: tuple[object, ...]) -> None:
    if "NULL" in statement:
        with pytest.raises(sqlite3.IntegrityError):
            made.change(statement, *values)
        return
    made.change(statement, *values)
    assert made.fault() is Fault.CORRUPT
    assert made.fault(_read_one) is Fault.CORRUPT, "nor is a secret that somebody has removed taken for a missing one"


def _later(made: Made) -> None:
    """Say that it has got further than it has, so that an older copy passes for the newest."""
    made.forge(lambda document, digests: (document.replace(b'"generation":7', b'"generation":9'), digests))


def _without_one(made: Made) -> None:
    """Take a secret away, with its place in the digests."""
    made.change("DELETE FROM secret WHERE path = 'a'")
    start = bucket_of("a") * DIGEST_BYTES
    made.forge(lambda document, digests: (document, digests[:start] + digest_of([]) + digests[start + DIGEST_BYTES :]))


@pytest.mark.parametrize("forge", [_later, _without_one])
def test_a_head_that_was_written_without_the_key_is_noticed(made: Made, forge: Callable[[Made], None]) -> None:
    """Its checksum is no secret, so whoever forges a head has it right; the code is what only the key makes."""
    forge(made)
    assert made.fault() is made.fault(_read_one) is Fault.CORRUPT


def test_costs_that_somebody_forged_keep_no_machine_busy(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase is not stretched as a file says that somebody else has written: here it would take all memory."""
    costs = b',"memory":1073741824,"parallelism":1,"salt":"c2FsdHNhbHRzYWx0c2FsdA==","time":3}'
    made.forge(lambda document, digests: (document.replace(b"}],", costs + b"],"), digests))
    monkeypatch.setenv("WORDS", "correct horse battery staple")
    with pytest.raises(StoreError) as caught:
        LocalStore(made.path, key_source({"passphrase": {"env": "WORDS"}})).list()
    assert caught.value.fault is Fault.CORRUPT


def test_a_file_of_another_format_is_not_guessed_at(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a newer version has written is no damaged one, and nothing of it is read or written by these rules."""
    store = made.open()
    with store._file.write() as ledger:
        monkeypatch.setattr(heads, "SCHEMA", 2)
        ledger.head = replace(ledger.head, generation=ledger.head.generation + 1)
    monkeypatch.undo()
    store.close()
    for call in (made.open().list, lambda: made.open().put(NAMES[0], SecretValue(b"x"))):
        with pytest.raises(HodeiError, match="format 2, and this version reads format 1") as caught:
            call()
        assert caught.value.kind is Kind.COMPATIBILITY


def test_an_older_row_put_back_alone_is_noticed(made: Made) -> None:
    row = "SELECT document, code FROM secret WHERE path = 'a'"
    with closing(sqlite3.connect(made.path)) as connection:
        document, code = connection.execute(row).fetchone()
    store = made.open()
    store.put(NAMES[0], SecretValue(b"three"))
    store.close()
    made.change("UPDATE secret SET document = ?, code = ? WHERE path = 'a'", document, code)
    assert made.fault() is made.fault(_read_one) is Fault.CORRUPT


def test_an_older_head_put_back_alone_is_noticed(made: Made) -> None:
    with closing(sqlite3.connect(made.path)) as connection:
        head = connection.execute("SELECT document, digests, code FROM head").fetchone()
    store = made.open()
    store.put(NAMES[0], SecretValue(b"three"))
    store.close()
    made.change("UPDATE head SET document = ?, digests = ?, code = ?", *head)
    assert made.fault() is Fault.CORRUPT


def test_the_whole_file_put_back_is_noticed_by_who_remembers(made: Made) -> None:
    copy = made.path.read_bytes()
    store = made.open()
    store.put(NAMES[0], SecretValue(b"three"))
    now = store.fingerprint()
    store.close()
    made.path.write_bytes(copy)
    for suspicious in (store, made.open(seen=Seen(now.store_id, now.generation))):
        for call in (suspicious.fingerprint, lambda one=suspicious: one.put(NAMES[0], SecretValue(b"x"))):
            with pytest.raises(StoreError, match="put back") as caught:
                call()
            assert caught.value.fault is Fault.ROLLED_BACK
    _read_all(made.open())


def test_who_has_just_written_remembers_how_far_it_got(made: Made) -> None:
    """Without having looked since."""
    copy, store = made.path.read_bytes(), made.open()
    store.put(NAMES[0], SecretValue(b"three"))
    store._file.wipe()
    inode = made.path.stat().st_ino
    made.path.write_bytes(copy)
    assert made.path.stat().st_ino == inode
    with pytest.raises(StoreError, match="put back"):
        store.get(NAMES[0])


def test_another_store_in_its_place_is_noticed(made: Made) -> None:
    store = made.open()
    now = store.fingerprint()
    made.path.unlink()
    other = made.open()
    other.initialise(allow_ephemeral=True)
    for number in range(now.generation + 1):
        other.put(NAMES[0], SecretValue(str(number).encode()))
    other.close()
    for suspicious in (store, made.open(seen=Seen(now.store_id, now.generation))):
        with pytest.raises(StoreError, match="another store") as caught:
            suspicious.get(NAMES[0])
        assert caught.value.fault is Fault.ROLLED_BACK


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.9999])
def test_a_file_cut_short(made: Made, share: float) -> None:
    with made.path.open("r+b") as file:
        file.truncate(int(made.path.stat().st_size * share))
    if share < 0.99:  # else only empty space of the last page is gone
        assert made.fault() is Fault.CORRUPT
    with pytest.raises(StoreError) as caught:
        made.open().put(NAMES[0], SecretValue(b"x"))
    assert caught.value.fault is Fault.CORRUPT


@pytest.mark.parametrize("empty", [True, False])
def test_no_file_or_an_empty_one_is_no_missing_secret(made: Made, empty: bool) -> None:
    made.path.unlink()
    if empty:
        made.path.touch()
    with pytest.raises(HodeiError, match="no store of secrets at") as caught:
        made.open().get(NAMES[0])
    assert caught.value.kind is Kind.CONFIGURATION


def _readable(made: Made) -> None:
    made.key.chmod(0o640)


def _gone(made: Made) -> None:
    made.key.unlink()


def _short(made: Made) -> None:
    made.key.write_text("c2hvcnQ=\n")


def _text(made: Made) -> None:
    made.key.write_text("correct horse battery staple, in German\n")


def _linked(made: Made) -> None:
    shutil.move(made.key, made.key.with_name("elsewhere"))
    made.key.symlink_to(made.key.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_readable, "others can read or write it"),
        (_gone, "does not exist"),
        (_short, "holds is no key"),
        (_text, "holds is no key"),
        (_linked, "cannot be used"),
    ],
)
def test_a_key_file_that_cannot_serve(made: Made, spoil: Callable[[Made], None], words: str) -> None:
    spoil(made)
    with pytest.raises(HodeiError, match=words) as caught:
        made.open().get(NAMES[0])
    assert caught.value.kind is Kind.CONFIGURATION
    assert "horse" not in str(caught.value)

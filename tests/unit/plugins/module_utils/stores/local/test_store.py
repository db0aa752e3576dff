# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the embedded store does beyond its port: keys change, what is destroyed is gone, places and limits, times."""

from __future__ import annotations

import base64
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Stage, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import (
    KeySource,
    create_key_file,
    key_source,
)
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.places import quick_directory

NAME = SecretName("db/password")


def value(text: str) -> SecretValue:
    return SecretValue.of_text(text)


class Place:
    """A directory with keys by name and one store."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.path = directory, directory / "store" / "secrets.db"

    def key(self, name: str) -> KeySource:
        if not (self.directory / name).exists():
            create_key_file(self.directory / name)
        return key_source({"file": str(self.directory / name)})

    def open(self, name: str = "key", *old: str, **options: Any) -> LocalStore:
        return LocalStore(self.path, self.key(name), old_keys=[self.key(one) for one in old], **options)


@pytest.fixture
def place() -> Iterator[Place]:
    with quick_directory() as directory:
        yield Place(directory)


@pytest.fixture
def store(place: Place) -> LocalStore:
    made = place.open()
    made.initialise(allow_ephemeral=True)
    return made


def test_only_its_owner_reads_it(place: Place, store: LocalStore) -> None:
    store.put(NAME, value("x"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in place.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "secrets.db-wal" in modes
    assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700


def test_a_place_that_vanishes_is_refused(place: Place) -> None:
    with pytest.raises(HodeiError, match=r"lies in memory|lies under") as caught:
        place.open().initialise()
    assert "allow_ephemeral" in caught.value.hint
    assert not place.path.parent.exists()


def test_a_second_store_is_not_made(store: LocalStore) -> None:
    store.put(NAME, value("x"))
    with pytest.raises(HodeiError) as caught:
        store.initialise(allow_ephemeral=True)
    assert caught.value.kind is Kind.ALREADY_EXISTS
    assert store.get(NAME).value == value("x")


def test_a_store_for_reading_is_not_written(place: Place, store: LocalStore) -> None:
    store.put(NAME, value("x"))
    reader = place.open(read_only=True)
    assert reader.get(NAME).value == value("x")
    with pytest.raises(HodeiError, match="for reading only"):
        reader.put(NAME, value("y"))


def test_only_so_many_versions_are_kept_and_those_with_a_stage_always(place: Place, store: LocalStore) -> None:
    few = place.open(most_versions=3)
    few.put(NAME, value("0"))
    few.stage(NAME, value("pending"))
    for number in range(5):
        few.put(NAME, value(f"{number}"))
    kept = few.describe(NAME).versions
    assert [(one.number, one.stage) for one in kept] == [(2, Stage.PENDING), (6, Stage.PREVIOUS), (7, Stage.CURRENT)]
    with pytest.raises(StoreError) as caught:
        few.get(NAME, 3)
    assert caught.value.fault is Fault.NOT_FOUND


def test_what_is_destroyed_is_in_no_file(place: Place, store: LocalStore) -> None:
    store.put(SecretName("other"), value("x"))
    store.put(NAME, value("one" * 1000))
    wrapped = [entry.wrapped for entry in store._file.look(lambda ledger: ledger.load(NAME)).entries]
    boxes = _boxes(store)

    def left(part: bytes) -> bool:
        return any(part in file.read_bytes() for file in place.path.parent.iterdir())

    parts = [*boxes, *(base64.b64encode(one) for one in wrapped)]
    assert all(map(left, parts))
    store.destroy(NAME)
    assert not any(map(left, parts))


def test_the_value_of_a_version_that_is_forgotten_is_in_no_file(place: Place, store: LocalStore) -> None:
    """As if it had been destroyed: nobody can ask for it any more."""
    few = place.open(most_versions=3)
    few.put(NAME, value("one" * 1000))
    (box,) = _boxes(few)
    for _unused in range(3):
        few.put(NAME, value("x"))
    assert not any(box in file.read_bytes() for file in place.path.parent.iterdir())


def test_a_store_that_is_closed_has_forgotten_its_key(place: Place, store: LocalStore) -> None:
    store.put(NAME, value("x"))
    (place.directory / "key").rename(place.directory / "elsewhere")
    assert store.get(NAME).value == value("x"), "the control: while it is open it has the key in mind"
    store.close()
    assert _fault(lambda: store.get(NAME)) is Fault.SEALED


def test_a_token_that_is_too_long_is_refused(store: LocalStore) -> None:
    with pytest.raises(HodeiError, match="token of 129 characters is longer") as caught:
        store.put(NAME, value("x"), token="t" * 129)
    assert caught.value.kind is Kind.VALIDATION
    assert not store.list()


def _boxes(store: LocalStore) -> list[bytes]:
    with store._file.write() as ledger:
        rows = ledger._connection.execute("SELECT box FROM value WHERE path = ?", (NAME.path,)).fetchall()
    return [row[0][:200] for row in rows]


# ---- another key ---------------------------------------------------------------------------------------------------


def test_rekey_wraps_every_data_key_again_and_touches_no_value(place: Place, store: LocalStore) -> None:
    for number in range(3):
        store.put(NAME, value(str(number)))
    store.put(SecretName("gone"), value("x"))
    store.destroy(SecretName("gone"))
    boxes, wrapped = _boxes(store), store._file.look(lambda ledger: ledger.load(NAME)).entries[0].wrapped
    new = place.open("new", "key")
    assert not new.is_rekeyed()
    assert new.rekey() == 2
    assert new.is_rekeyed(), "and the key of before opens nothing any more"
    assert not any(base64.b64encode(wrapped) in file.read_bytes() for file in place.path.parent.iterdir())
    assert place.open("new", "key").rekey() == 0
    assert _fault(lambda: store.get(NAME)) is Fault.SEALED
    new = place.open("new")
    assert [new.get(NAME, number).value.text() for number in (1, 2, 3)] == ["0", "1", "2"]
    assert _boxes(new) == boxes
    assert new.put(SecretName("gone"), value("y")).number == 2


def test_rekey_in_the_middle_both_keys_are_needed_and_writers_go_on(place: Place, store: LocalStore) -> None:
    names = [SecretName(f"n{number}") for number in range(6)]
    for name in names:
        store.put(name, value(name.name))
    changing = place.open("new", "key")
    passed: list[str] = []

    class Interrupted(Exception):
        pass

    def stop(text: str) -> None:
        passed.append(text)
        if text == "store.committed" and passed.count("store.secret") >= 2:
            raise Interrupted

    failpoints.install(stop)
    try:
        with pytest.raises(Interrupted):
            changing.rekey()
    finally:
        failpoints.install(lambda text: None)
    both, new = place.open("new", "key"), place.open("new")
    assert [both.get(name).value.text() for name in names] == [name.name for name in names]
    assert _fault(lambda: store.put(names[0], value("x"))) is Fault.SEALED
    answers = [_fault(lambda name=name: new.get(name)) for name in names]
    moved = passed.count("store.secret")
    assert 2 <= moved < 5
    assert (answers.count(None), answers.count(Fault.SEALED)) == (moved, 6 - moved)
    left = names[answers.index(Fault.SEALED)]
    both.put(left, value("written meanwhile"))
    assert new.get(left).value.text() == "written meanwhile"
    assert place.open("new", "key").rekey() == 5 - moved
    assert new.get(left, Stage.PREVIOUS).value.text() == left.name
    assert [info.name for info in new.list()] == names


def test_a_passphrase_where_a_key_is_needed(place: Place, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORDS", "correct horse battery staple")
    with pytest.raises(StoreError, match="made of no passphrase") as caught:
        LocalStore(place.path, key_source({"passphrase": {"env": "WORDS"}})).list()
    assert caught.value.fault is Fault.SEALED


def test_a_rekey_leaves_keys_that_somebody_else_brings_in(place: Place, store: LocalStore) -> None:
    """Two bring it under each other's key at once: what the first has moved, the second one's last step must not orphan."""
    store.put(NAME, value("x"))
    place.open("new", "key").rekey()
    with place.open("new", "key")._file.write() as ledger:  # the first step of another's way back
        _kek, entry = store._file.keyring.new(ledger.head.store, b"")
        ledger.head = replace(ledger.head, keys=(entry, *ledger.head.keys))
    with place.open("new", "key")._file.write() as ledger:
        assert len(ledger.keys_in_use()) == 2
    assert place.open("new", "key").get(NAME).value == value("x")
    assert place.open("key", "new").rekey() == 1
    assert store.get(NAME).value == value("x")


def test_a_rekey_that_somebody_overtakes_loses_nothing(place: Place, store: LocalStore) -> None:
    """Another's first step comes behind the last bucket: what was moved there is under a key that has to stay."""
    store.put(NAME, value("x"))
    committed = [0]

    def overtake(text: str) -> None:
        committed[0] += text == "store.committed"
        if text == "store.committed" and committed[0] == 2:
            with place.open("new", "key")._file.write() as ledger:
                _kek, entry = store._file.keyring.new(ledger.head.store, b"")
                ledger.head = replace(ledger.head, keys=(entry, *ledger.head.keys))

    failpoints.install(overtake)
    try:
        assert place.open("new", "key").rekey() == 1
    finally:
        failpoints.install(lambda text: None)
    assert place.open("key", "new").get(NAME).value == value("x")


def test_from_one_passphrase_to_another(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "correct horse battery staple")
    monkeypatch.setenv("NEW", "another horse battery staple")
    old, new = (key_source({"passphrase": {"env": name}}) for name in ("OLD", "NEW"))
    first = LocalStore(place.path, old)
    first.initialise(allow_ephemeral=True)
    first.put(NAME, value("x"))
    assert _fault(lambda: LocalStore(place.path, new).get(NAME)) is Fault.SEALED
    LocalStore(place.path, new, old_keys=[old]).rekey()
    assert LocalStore(place.path, new).get(NAME).value == value("x")
    assert _fault(lambda: LocalStore(place.path, old).get(NAME)) is Fault.SEALED


def test_a_stretched_passphrase_is_lent(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who borrows stretches none, and writes and reads as the other; a wrong loan, or none, costs the time that it takes, and no more."""
    monkeypatch.setenv("WORDS", "correct horse battery staple")
    words = key_source({"passphrase": {"env": "WORDS"}})
    first = LocalStore(place.path, words)
    first.initialise(allow_ephemeral=True)
    lent = first.lend()
    monkeypatch.delenv("WORDS")
    assert _fault(LocalStore(place.path, words).list) is Fault.SEALED, "the control"
    asked: list[SecretValue] = []

    def borrow() -> SecretValue:
        asked.append(lent)
        return lent

    second = LocalStore(place.path, words, borrow=borrow)
    second.put(NAME, value("x"))
    assert second.get(NAME).value == value("x")
    assert len(asked) == 1
    nothing = SecretValue(b""), SecretValue(b'{"0011223344556677": ""}')
    for other in nothing:
        assert _fault(LocalStore(place.path, words, borrow=lambda: other).list) is Fault.SEALED  # noqa: B023
    forged = SecretValue(lent.reveal().replace(lent.reveal()[-40:-20], b"A" * 20))
    assert _fault(LocalStore(place.path, words, borrow=lambda: forged).list) is Fault.CORRUPT
    monkeypatch.setenv("WORDS", "correct horse battery staple")
    assert LocalStore(place.path, words, borrow=lambda: nothing[0]).get(NAME).value == value("x")


def test_a_key_that_is_none_is_not_lent(place: Place, store: LocalStore) -> None:
    """Who can read the passphrase's place can read the key's, and it takes no time; nobody is asked for it."""
    assert store.lend().reveal() == b"{}"
    asked: list[int] = []

    def borrow() -> SecretValue:
        asked.append(1)
        return SecretValue(b"")

    LocalStore(place.path, place.key("key"), borrow=borrow).list()
    assert not asked


def test_a_loan_does_not_pass_for_the_new_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a store is brought under another key, what is lent is the one of before."""
    monkeypatch.setenv("OLD", "correct horse battery staple")
    monkeypatch.setenv("NEW", "another horse battery staple")
    old, new = (key_source({"passphrase": {"env": name}}) for name in ("OLD", "NEW"))
    first = LocalStore(place.path, old)
    first.initialise(allow_ephemeral=True)
    first.put(NAME, value("x"))
    lent = first.lend()
    LocalStore(place.path, new, old_keys=[old], borrow=lambda: lent).rekey()
    assert LocalStore(place.path, new).get(NAME).value == value("x")
    assert _fault(lambda: LocalStore(place.path, old).get(NAME)) is Fault.SEALED


def _fault(call: Any) -> Fault | None:
    try:
        call()
    except StoreError as error:
        return error.fault
    return None


# ---- how long it takes ---------------------------------------------------------------------------------------------


def test_times_grow_no_faster_than_the_store(place: Place, store: LocalStore) -> None:
    """By what SQLite has to do, which no busy machine changes: rows that a read and a write look at."""

    def rows(count: int) -> tuple[int, int]:
        while len(made) < count:
            made.append(SecretName(f"n/{len(made)}"))
            store.put(made[-1], value("x"))
        steps = [0]

        def tick() -> int:
            steps[0] += 1
            return 0

        with store._file.write() as ledger:
            ledger._connection.set_progress_handler(tick, 10)
            ledger.load(made[0])
            read, steps[0] = steps[0], 0
            before = ledger.take(made[1])
            ledger.save(before, before)
            ledger._connection.set_progress_handler(None, 0)
            return read, steps[0]

    made: list[SecretName] = []
    small, large = rows(100), rows(800)
    assert large[0] <= 8 * max(small[0], 10)
    assert large[1] <= 8 * max(small[1], 10)


def test_one_of_many_is_read_at_once(place: Place, store: LocalStore) -> None:
    for number in range(500):
        store.put(SecretName(f"n/{number}"), value(str(number)))
    store.close()
    started = time.process_time()
    assert place.open().get(SecretName("n/250")).value.text() == "250"
    assert time.process_time() - started < 0.25

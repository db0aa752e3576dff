# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a rotation, and the three ways to be gone: points 6 to 11, 13 and 14 of the suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.store import Ability, Fault, Stage, Store
from ansible_collections.hodei.workers.tests.conformance.stores.rigs import NAME, OTHER, Rig, fault_of, needs, value


@pytest.fixture
def staged(rig: Rig, store: Store) -> Store:
    """NAME has ``old`` at version 1, and ``new`` pending at version 2."""
    needs(rig, store, Ability.PENDING)
    store.put(NAME, value("old"))
    store.stage(NAME, value("new"))
    return store


def test_6_pending_is_invisible_to_a_default_read(staged: Store) -> None:
    assert staged.get(NAME).value.text() == "old"
    assert staged.get(NAME, Stage.PENDING).value.text() == "new"
    assert staged.get(NAME, 2).value.text() == "new"
    assert fault_of(lambda: staged.get(NAME, Stage.PREVIOUS)) is Fault.NOT_FOUND


def test_7_promote_is_atomic_under_a_read_loop(rig: Rig, staged: Store) -> None:
    reader, done = rig.open(), Event()

    def read() -> list[str]:
        seen = []
        while not done.is_set():
            seen.append(reader.get(NAME).value.text())
        return seen

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for number in range(2, 12):
            staged.promote(NAME, number)
            staged.stage(NAME, value("old" if number % 2 == 0 else "new"))
        done.set()
        seen = reading.result()
    assert set(seen) <= {"old", "new"}


def test_8_previous_is_readable_until_it_is_retired(staged: Store) -> None:
    staged.promote(NAME, 2)
    assert staged.get(NAME).value.text() == "new"
    assert staged.get(NAME, Stage.PREVIOUS).value.text() == "old"
    staged.retire(NAME, 1)
    staged.retire(NAME, 1)
    assert fault_of(lambda: staged.get(NAME, Stage.PREVIOUS)) is Fault.NOT_FOUND
    assert fault_of(lambda: staged.get(NAME, 1)) is Fault.NOT_FOUND
    assert staged.get(NAME).value.text() == "new"


def test_8_each_stage_has_one_version(staged: Store) -> None:
    staged.promote(NAME, 2)
    number = staged.stage(NAME, value("newer")).number
    staged.promote(NAME, number)
    stages = {one.number: one.stage for one in staged.describe(NAME).versions if one.stage}
    assert stages == {2: Stage.PREVIOUS, number: Stage.CURRENT}
    last = staged.put(NAME, value("newest")).number
    stages = {one.number: one.stage for one in staged.describe(NAME).versions if one.stage}
    assert stages == {number: Stage.PREVIOUS, last: Stage.CURRENT}


def test_8_what_is_needed_is_not_retired(staged: Store) -> None:
    assert fault_of(lambda: staged.retire(NAME, 1)) is Fault.CONFLICT
    assert fault_of(lambda: staged.retire(NAME, 2)) is Fault.CONFLICT
    assert fault_of(lambda: staged.retire(NAME, 3)) is Fault.NOT_FOUND


def test_9_rollback_restores_the_very_bytes(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.PENDING, Ability.BINARY)
    before = value(bytes(range(256)) * 16)
    store.put(NAME, before)
    number = store.stage(NAME, value("new")).number
    store.promote(NAME, number)
    store.rollback(NAME, number)
    assert store.get(NAME).value == before
    store.rollback(NAME, number)  # its answer was lost
    assert store.get(NAME).value == before


def test_9_rollback_of_a_pending_version_drops_it(staged: Store) -> None:
    staged.rollback(NAME, 2)
    staged.rollback(NAME, 2)
    assert staged.get(NAME).value.text() == "old"
    assert fault_of(lambda: staged.get(NAME, Stage.PENDING)) is Fault.NOT_FOUND
    assert staged.stage(NAME, value("newer")).number > 2


def test_10_rollback_to_what_is_no_longer_kept_is_a_typed_error(staged: Store) -> None:
    staged.promote(NAME, 2)
    staged.retire(NAME, 1)
    assert fault_of(lambda: staged.rollback(NAME, 2)) is Fault.NOT_FOUND
    assert staged.get(NAME).value.text() == "new"


def test_11_deleted_restored_destroyed(rig: Rig, staged: Store) -> None:
    needs(rig, staged, Ability.RESTORE, Ability.DESTROY)
    staged.delete(NAME)
    staged.delete(NAME)
    assert fault_of(lambda: staged.get(NAME)) is Fault.DELETED
    assert fault_of(lambda: staged.put(NAME, value("x"))) is Fault.DELETED
    assert fault_of(lambda: staged.put(NAME, value("x"), expected=0)) is Fault.DELETED
    assert fault_of(lambda: staged.promote(NAME, 2)) is Fault.DELETED
    assert staged.describe(NAME).deleted_at is not None
    assert [one.name for one in staged.list()] == [NAME]
    staged.restore(NAME)
    staged.restore(NAME)
    assert (staged.get(NAME).value.text(), staged.get(NAME, Stage.PENDING).value.text()) == ("old", "new")
    staged.destroy(NAME)
    staged.destroy(NAME)
    assert fault_of(lambda: staged.get(NAME)) is Fault.NOT_FOUND
    assert fault_of(lambda: staged.restore(NAME)) is Fault.NOT_FOUND
    assert fault_of(lambda: staged.describe(NAME)) is Fault.NOT_FOUND
    assert staged.list() == []


def test_11_a_deleted_secret_can_be_destroyed_and_its_name_used_again(rig: Rig, staged: Store) -> None:
    needs(rig, staged, Ability.RESTORE, Ability.DESTROY)
    staged.delete(NAME)
    staged.destroy(NAME)
    assert staged.put(NAME, value("anew"), expected=0).number > 2, "a number was given to another value"
    assert staged.get(NAME).value.text() == "anew"


def test_11_what_never_was_is_not_found(store: Store) -> None:
    store.put(OTHER, value("other"))
    for call in (store.get, store.describe, store.delete, store.restore):
        assert fault_of(lambda call=call: call(NAME)) is Fault.NOT_FOUND  # type: ignore[misc]
    for change in (store.promote, store.rollback, store.retire):
        assert fault_of(lambda change=change: change(NAME, 1)) is Fault.NOT_FOUND  # type: ignore[misc]
    store.destroy(NAME)


def test_13_a_second_rotation_is_refused(staged: Store) -> None:
    assert fault_of(lambda: staged.stage(NAME, value("newest"))) is Fault.CONFLICT
    assert staged.get(NAME, Stage.PENDING).value.text() == "new"


def test_14_promote_by_somebody_who_was_overtaken_is_refused(rig: Rig, staged: Store) -> None:
    needs(rig, staged, Ability.COMPARE_AND_SET)
    rig.open().put(NAME, value("emergency"))
    assert fault_of(lambda: staged.promote(NAME, 2, expected=1)) is Fault.CONFLICT
    assert staged.get(NAME).value.text() == "emergency"
    staged.promote(NAME, 2, expected=3)
    staged.promote(NAME, 2, expected=3)  # its answer was lost
    assert (staged.get(NAME).value.text(), staged.get(NAME, Stage.PREVIOUS).value.text()) == ("new", "emergency")


def test_tenants_do_not_see_each_other(store: Store) -> None:
    for name in (NAME, OTHER):
        store.put(name, value(name.path))
    assert [one.name for one in store.list()] == sorted((NAME, OTHER), key=lambda one: one.path)
    assert [one.name for one in store.list("acme")] == [OTHER]
    assert [one.name for one in store.list("")] == [NAME]
    assert list(store.list("acm")) == []

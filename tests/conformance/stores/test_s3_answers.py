# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store says when it cannot, and what it never says: points 15 and 17 to 20 of the suite."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.guarded import GuardedStore
from ansible_collections.hodei.workers.plugins.module_utils.access.rules import RulePolicy
from ansible_collections.hodei.workers.plugins.module_utils.model.access import AccessContext
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Entry, Result
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Principal, Verified
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Ability, Fault, Metadata, Stage, Store
from ansible_collections.hodei.workers.tests.conformance.stores.rigs import NAME, OTHER, Rig, fault_of, needs, value

CANARY = "canary-4f1d9c-never-to-be-seen"


def test_15_sealed_is_told_apart(rig: Rig, store: Store) -> None:
    needs(rig, store, "sealed")
    store.put(NAME, value("x"))
    sealed = rig.sealed()
    for name in (NAME, OTHER):  # whether it is there is no business of theirs
        assert fault_of(lambda name=name: sealed.get(name)) is Fault.SEALED  # type: ignore[misc]
    assert fault_of(lambda: sealed.put(NAME, value("y"))) is Fault.SEALED
    assert fault_of(sealed.list) is Fault.SEALED
    assert store.get(NAME).value.text() == "x"


def test_15_denied_is_told_apart(rig: Rig, store: Store) -> None:
    needs(rig, store, "denied")
    store.put(NAME, value("x"))
    assert fault_of(lambda: rig.denied().get(NAME)) is Fault.DENIED


def test_15_throttled_is_told_apart(rig: Rig, store: Store) -> None:
    needs(rig, store, "throttled")
    store.put(NAME, value("x"))
    assert fault_of(lambda: rig.throttled().get(NAME)) is Fault.THROTTLED


def test_17_a_login_that_expires_is_renewed(rig: Rig, store: Store) -> None:
    needs(rig, store, "expired")
    store.put(NAME, value("x"))
    rig.expire(store)
    assert store.get(NAME).value == value("x")


def test_15_damage_is_told_apart(rig: Rig, store: Store) -> None:
    needs(rig, store, "damage")
    store.put(NAME, value("x"))
    store.put(OTHER, value("y"))
    rig.damage(NAME)
    assert fault_of(lambda: store.get(NAME)) is Fault.CORRUPT
    assert store.get(OTHER).value.text() == "y"


def test_18_a_canary_shows_nowhere(rig: Rig, store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    needs(rig, store, Ability.PENDING)
    canary = value(CANARY)
    shown = [repr(canary), f"{canary}", f"{canary!s:>50}"]
    shown += [repr(store.put(NAME, canary, token="t", metadata=Metadata(tags={"a": "b"})))]
    shown += [
        repr(store.stage(NAME, value(CANARY + "-2"))),
        repr(store.get(NAME)),
        repr(store.get(NAME, Stage.PENDING)),
    ]
    for call in (
        lambda: store.put(NAME, value(CANARY + "-3"), token="t"),
        lambda: store.put(NAME, value(CANARY + "-3"), expected=7),
        lambda: store.stage(NAME, value(CANARY + "-3")),
        lambda: store.put(NAME, value(CANARY * 10_000)),
        lambda: rig.sealed().put(NAME, canary),
    ):
        try:
            call()
        except HodeiError as error:
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown += ["".join(told.format()), repr(error), str(error.as_dict())]
        else:
            raise AssertionError("the call succeeded")
    shown += [repr(store), repr(store.describe(NAME)), repr(store.list()), repr(store.fingerprint())]
    shown += [
        repr(store.promote(NAME, 2)),
        repr(store.rollback(NAME, 2)),
        repr(store.delete(NAME)),
        *capfd.readouterr(),
    ]
    assert [text for text in shown if CANARY in text.replace("\\n", "")] == []
    assert CANARY.encode() not in rig.traces()
    store.destroy(NAME)
    assert CANARY.encode() not in rig.traces()


def test_19_reading_writes_nothing(rig: Rig, store: Store) -> None:
    store.put(NAME, value("x"))
    before, generation = rig.writes(), store.fingerprint().generation
    reader = rig.open()
    for call in (
        reader.fingerprint,
        reader.list,
        lambda: reader.get(NAME),
        lambda: reader.describe(NAME),
        lambda: fault_of(lambda: reader.get(OTHER)),
        lambda: fault_of(lambda: reader.get(NAME, 9)),
    ):
        call()
    assert rig.writes() == before
    assert store.fingerprint().generation == generation


def test_19_what_changes_nothing_writes_nothing(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.TOKENS, Ability.PENDING, Ability.GENERATION)
    store.put(NAME, value("x"), token="t")
    generation = store.fingerprint().generation
    store.put(NAME, value("x"), token="t")
    store.promote(NAME, 1)
    store.restore(NAME)
    store.destroy(OTHER)
    for call in (
        lambda: store.put(NAME, value("y"), token="t"),
        lambda: store.put(NAME, value("y"), expected=0),
        lambda: store.rollback(NAME, 1),
        lambda: store.retire(NAME, 1),
    ):
        fault_of(call)
    assert store.fingerprint().generation == generation


def test_20_each_write_is_a_generation(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.GENERATION)
    seen = [store.fingerprint().generation]
    for write in (
        lambda: store.put(NAME, value("x")),
        lambda: store.stage(NAME, value("y")),
        lambda: store.promote(NAME, 2),
        lambda: store.rollback(NAME, 2),
        lambda: store.retire(NAME, 2),
        lambda: store.delete(NAME),
        lambda: store.restore(NAME),
        lambda: store.destroy(NAME),
    ):
        write()
        seen.append(rig.open().fingerprint().generation)
    assert seen == sorted(set(seen))


def test_20_a_denied_access_makes_no_call(rig: Rig, store: Store) -> None:
    store.put(NAME, value(CANARY))
    before, calls = rig.writes(), list[str]()
    recorded: list[tuple[Result, bool]] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(store, name)

    class Auditor:
        def record(self, *entries: Entry, sync: bool = True) -> None:
            recorded.extend((entry.result, sync) for entry in entries)

    nobody = Principal("user:alice", Verified.OIDC)
    counted: Any = Counted()
    guarded = GuardedStore(counted, nobody, RulePolicy("uid:0", {}), Auditor(), lambda: AccessContext(0.0))
    denied: list[Callable[[], object]] = [
        lambda: guarded.get(NAME),
        lambda: guarded.describe(NAME),
        lambda: guarded.put(NAME, value("x")),
        lambda: guarded.stage(NAME, value("x")),
        lambda: guarded.annotate(NAME, Metadata()),
        lambda: guarded.promote(NAME, 1),
        lambda: guarded.rollback(NAME, 1),
        lambda: guarded.retire(NAME, 1),
        lambda: guarded.delete(NAME),
        lambda: guarded.restore(NAME),
        lambda: guarded.destroy(NAME),
    ]
    assert {fault_of(call) for call in denied} == {Fault.DENIED}
    assert recorded == [(Result.DENIED, True)] * len(denied)
    assert not calls
    assert not guarded.list()
    assert (calls, rig.writes()) == (["list"], before)

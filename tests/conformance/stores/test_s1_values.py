# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put is what is read, compare-and-set and tokens: points 1 to 5 and 16 of the suite."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.store import (
    Ability,
    Fault,
    Metadata,
    Stage,
    Store,
    StoreError,
)
from ansible_collections.hodei.workers.tests.conformance.stores.rigs import NAME, OTHER, Rig, fault_of, needs, value


@pytest.mark.parametrize("text", ["", "x", "pa ss\n", "contraseña-密码-\U0001f511", "a" * 4096])
def test_1_text_comes_back(store: Store, text: str) -> None:
    store.put(NAME, value(text))
    assert store.get(NAME).value.text() == text


def test_1_any_bytes_of_any_length_come_back(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.BINARY)
    longest = os.urandom(store.fingerprint().most_bytes)
    assert len(longest) >= 64 << 10
    for data in (bytes(range(256)), b"\0", longest):
        store.put(NAME, value(data))
        assert rig.open().get(NAME).value == value(data)


def test_1_a_longer_value_is_refused_and_nothing_is_written(rig: Rig, store: Store) -> None:
    store.put(NAME, value("before"))
    before = rig.writes()
    with pytest.raises(HodeiError, match="longer than") as caught:
        store.put(NAME, value(bytes(store.fingerprint().most_bytes + 1)))
    assert caught.value.kind is Kind.VALIDATION
    assert rig.writes() == before
    assert store.get(NAME).value.text() == "before"


def test_1_metadata_belong_to_the_secret(store: Store) -> None:
    """A write may change them, a new value alone does not, and they change without one."""
    wanted = Metadata(expires_at=time.time() + 3600, tags={"team": "ci ñ", "empty": ""})
    first = store.put(NAME, value("1"), metadata=wanted)
    second = store.put(NAME, value("2"))
    assert (first.number, second.number) == (1, 2)
    assert second.created_at >= first.created_at > 0
    assert store.describe(NAME).metadata == wanted
    other = Metadata(tags={"team": "ops"})
    assert store.annotate(NAME, other).metadata == other
    assert store.annotate(NAME, other) == store.describe(NAME)
    assert store.get(NAME).version == second
    store.delete(NAME)
    assert store.annotate(NAME, wanted).deleted_at is not None
    assert store.describe(NAME).metadata == wanted
    store.destroy(NAME)
    assert fault_of(lambda: store.annotate(NAME, wanted)) is Fault.NOT_FOUND
    store.put(NAME, value("new"))
    assert store.describe(NAME).metadata == Metadata()


def test_2_create_only_on_an_existing_secret_fails(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.COMPARE_AND_SET)
    store.put(NAME, value("first"), expected=0)
    assert fault_of(lambda: store.put(NAME, value("second"), expected=0)) is Fault.CONFLICT
    assert store.get(NAME).value.text() == "first"
    store.put(OTHER, value("other"), expected=0)


def test_3_one_of_32_racers_wins(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.COMPARE_AND_SET)
    number = store.put(NAME, value("start")).number
    handles = [rig.open() for _unused in range(32)]

    def race(index: int) -> bool:
        try:
            handles[index].put(NAME, value(f"racer {index}"), expected=number)
        except StoreError as error:
            if error.fault is not Fault.CONFLICT:
                raise
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        won = [index for index, first in enumerate(pool.map(race, range(32))) if first]
    assert len(won) == 1
    assert store.get(NAME).value.text() == f"racer {won[0]}"
    assert len(store.describe(NAME).versions) == 2


def test_4_a_repeated_call_adds_no_version(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.TOKENS)
    first = store.put(NAME, value("one"), expected=0, token="t-1")
    assert rig.open().put(NAME, value("one"), expected=0, token="t-1").number == first.number
    store.put(NAME, value("two"), token="t-2")
    late = store.put(NAME, value("one"), expected=0, token="t-1")  # its answer was lost for a long time
    assert late.number == first.number
    assert store.get(NAME).value.text() == "two"
    assert len(store.describe(NAME).versions) == 2


def test_4_a_repeated_stage_adds_no_version(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.TOKENS, Ability.PENDING)
    store.put(NAME, value("one"))
    first = store.stage(NAME, value("two"), token="t")
    assert store.stage(NAME, value("two"), token="t").number == first.number
    store.promote(NAME, first.number)
    assert store.stage(NAME, value("two"), token="t").number == first.number
    assert len(store.describe(NAME).versions) == 2


def test_5_a_token_with_another_value_or_stage_is_a_conflict(rig: Rig, store: Store) -> None:
    needs(rig, store, Ability.TOKENS, Ability.PENDING)
    store.put(NAME, value("one"), token="t")
    assert fault_of(lambda: store.put(NAME, value("two"), token="t")) is Fault.CONFLICT
    store.stage(NAME, value("three"), token="u")
    assert fault_of(lambda: store.put(NAME, value("three"), token="u")) is Fault.CONFLICT
    assert store.get(NAME).value.text() == "one"


def test_16_who_wrote_is_read_by_others(rig: Rig, store: Store) -> None:
    reader = rig.open()
    for index in range(5):
        store.put(NAME, value(str(index)))
        assert reader.get(NAME).value.text() == str(index)
    assert reader.get(NAME, Stage.CURRENT).version.number == 5

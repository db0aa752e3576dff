# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.engine.state import codec
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Run
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle
from ansible_collections.hodei.workers.tests.conformance.state.builders import operation, resource

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True)
addresses = st.builds(Address, st.just("worker"), names, st.none() | st.integers(0, 10**6))
times = st.floats(0, 2e9)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
resources = st.builds(
    resource,
    addresses,
    st.integers(0, 10**9),
    provider=names,
    external_id=text,
    spec=st.dictionaries(text, json_values, max_size=3),
    lifecycle=st.builds(
        Lifecycle,
        st.floats(0, 1e6),
        st.none() | st.floats(0, 1e6),
        st.booleans(),
        st.lists(text, max_size=2).map(tuple),
        st.sampled_from(["create_before_destroy", "destroy_before_create"]),
    ),
    dependencies=st.lists(addresses, max_size=3).map(tuple),
    intent=st.sampled_from(Intent),
    status=st.sampled_from(WorkerState),
    source=text,
    deposed=st.booleans(),
    tainted=st.booleans(),
    created_at=times,
    updated_at=times,
)


@given(resources)
def test_resource_round_trip(item: Any) -> None:
    assert codec.decode_resources([codec.encode_resource(item)]) == (item,)


@given(addresses, st.integers(0, 99), text, text, times)
def test_operation_round_trip(address: Address, generation: int, op_id: str, name: str, at: float) -> None:
    begun = operation(op_id, address, generation, native_name=name, begun_at=at)
    assert codec.decode_pending(codec.encode_operation(begun)) == begun


def test_run_round_trip() -> None:
    run = Run("r", "converge", 1.5, "doc", "ana", 2.5, "ok", {"create": 3}, 7)
    assert codec.decode_run(codec.encode_run(run)) == run


@pytest.mark.parametrize("column", range(15))
def test_any_changed_column_of_a_resource_is_noticed(column: int) -> None:
    row = list(codec.encode_resource(resource()))
    row[column] = f"{row[column]}x" if isinstance(row[column], str) else row[column] + 1
    with pytest.raises(HodeiError) as caught:
        codec.decode_resources([tuple(row)])
    assert caught.value.kind is Kind.INTERNAL
    assert "damaged" in caught.value.message
    assert "hodei.workers.restore" in caught.value.hint


def test_moving_text_between_columns_is_noticed() -> None:
    row = list(codec.encode_operation(operation("ab", native_name="c")))
    row[0], row[1] = row[0] + row[1][:1], row[1][1:]
    with pytest.raises(HodeiError):
        codec.decode_pending(tuple(row))


def test_equal_specs_are_one_object() -> None:
    first, second = codec.decode_resources([codec.encode_resource(resource(generation=number)) for number in (1, 2)])
    assert first.spec is second.spec


def test_file_name_that_is_no_text_is_spelled_out() -> None:
    (item,) = codec.decode_resources([codec.encode_resource(resource(source="b\udcffd.yml"))])
    assert item.source == r"b\udcffd.yml"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any sequence of writes, crashes and take-overs, held against a dictionary: what was acknowledged is there, and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.records import (
    Lease,
    Operation,
    OperationEnd,
    Resource,
)
from ansible_collections.hodei.workers.tests.conformance.state.builders import (
    LINEAGE,
    OWNER,
    T0,
    TTL,
    ended,
    operation,
    resource,
)
from ansible_collections.hodei.workers.tests.conformance.state.conftest import BACKENDS

addresses = st.sampled_from([Address("worker", "a"), Address("worker", "b", 0), Address("worker", "b", 10)])
generations = st.integers(1, 3)


class Model(RuleBasedStateMachine):
    """One owner's state, with the store reopened as by another process whenever a crash is drawn."""

    backend = ""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.open = BACKENDS[self.backend](Path(self.place.name))
        self.store: Any = self.open()
        self.resources: dict[tuple[Address, int], Resource] = {}
        self.pending: dict[str, Operation] = {}
        self.serial, self.fence, self.number = 0, 0, 0
        self.lease: Lease | None = None
        self.stale: list[Lease] = []

    @initialize()
    def initialise(self) -> None:
        self.store.initialise(OWNER, LINEAGE, T0)
        self.take_over()

    @rule()
    def take_over(self) -> None:
        if self.lease is not None:
            self.stale.append(self.lease)
        self.lease = self.store.acquire("ana", TTL, T0, break_lease=True)
        assert self.lease.fence > self.fence
        self.fence = self.lease.fence

    @rule(begun=st.lists(st.tuples(addresses, generations), min_size=1, max_size=4))
    def begin(self, begun: list[tuple[Address, int]]) -> None:
        operations = []
        for address, generation in begun:
            self.number += 1
            operations.append(operation(f"op{self.number}", address, generation))
        self.store.begin(self.lease, operations)
        self.pending.update({item.op_id: item for item in operations})

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.pending)), unique=True, min_size=1))
        ends, after = self.ends(chosen, data)
        current = [address for (address, _unused), item in after.items() if not item.deposed]
        if len(current) > len(set(current)):
            with pytest.raises(HodeiError, match="two current objects"):
                self.store.end(self.lease, ends)
            return
        self.serial += 1
        assert self.store.end(self.lease, ends) == self.serial
        self.resources = after
        for op_id in chosen:
            del self.pending[op_id]

    def ends(
        self, chosen: list[str], data: st.DataObject
    ) -> tuple[list[OperationEnd], dict[tuple[Address, int], Resource]]:
        ends, after = [], dict(self.resources)
        for op_id in chosen:
            key = self.pending[op_id].address, self.pending[op_id].generation
            if data.draw(st.booleans()):
                item = resource(*key, deposed=data.draw(st.booleans()), external_id=op_id, dependencies=())
                ends.append(ended(op_id, put=(item,)))
                after[key] = item
            else:
                ends.append(ended(op_id, drop=(key,)))
                after.pop(key, None)
        return ends, after

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def stale_lease_writes_nothing(self, data: st.DataObject) -> None:
        with pytest.raises(HodeiError):
            self.store.begin(data.draw(st.sampled_from(self.stale)), [operation("stale")])

    @rule()
    def begin_twice_writes_nothing(self) -> None:
        if self.pending:
            with pytest.raises(HodeiError):
                self.store.begin(self.lease, [operation("new"), next(iter(self.pending.values()))])

    @rule()
    def crash(self) -> None:
        """The next process opens the state while the last one's files are as it left them."""
        abandoned, self.store = self.store, self.open()
        self.store.read()
        abandoned.close()

    @rule()
    def close(self) -> None:
        self.store.close()

    @invariant()
    def invariant_18_state_is_sound_and_what_was_acknowledged(self) -> None:
        if self.lease is None:
            return
        for store in (self.store, self.open(read_only=True)):
            state = store.read()
            assert verify(state) == []
            assert {(item.address, item.generation): item for item in state.resources} == self.resources
            assert {item.op_id: item for item in state.pending} == self.pending
            assert state.serial == self.serial
            assert store.lease() == self.lease

    def teardown(self) -> None:
        self.store.close()
        self.place.cleanup()


@pytest.mark.parametrize("backend", BACKENDS)
def test_invariant_18_holds_after_any_sequence_of_transitions(backend: str) -> None:
    machine = type("OfBackend", (Model,), {"backend": backend})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine, settings=settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal around side effects: begin is durable before, end is durable after, and both need a live lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..durable.failpoints import hit
from ..model.address import Address
from ..model.errors import HodeiError, Kind
from ..model.ports import Outcome
from ..model.records import Operation, OperationEnd, Resource
from ..model.state_store import StateStore
from ..model.worker import Instance
from .graph import Step
from .lease import LeaseKeeper
from .outcome import Before, end_of


class Journal:
    """Writes operations of one run and keeps the run's view of the resources up to date.

    Used from the run's main thread only, but for ``resource`` and ``instances`` (what the document
    wants, by address), which only read. Raises HodeiError: conflict
    when the lease is lost, else whatever keeps the store from writing; then nothing was written.
    """

    def __init__(
        self,
        store: StateStore,
        keeper: LeaseKeeper,
        run_id: str,
        resources: Iterable[Resource],
        instances: Iterable[Instance],
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._run_id = run_id
        self._clock = clock
        self._new_id = new_id
        self._resources: dict[Address, dict[int, Resource]] = {}
        for one in resources:
            self._resources.setdefault(one.address, {})[one.generation] = one
        self.instances = {one.address: one for one in instances}
        self.serial = 0

    def settle(self, operations: Sequence[Operation]) -> None:
        """End what an interrupted run left open, once the world has been looked at and the plan knows what became of it."""
        if not operations:
            return
        self._keeper.check()
        error = HodeiError(Kind.TIMEOUT, "the run that began it was interrupted; what became of it was looked up")
        hit("settle.before")
        now = self._clock()
        ends = [OperationEnd(operation.op_id, now, error=error.as_dict()) for operation in operations]
        self.serial = self._store.end(self._keeper.lease, ends)
        hit("settle.after")

    def begin(self, steps: Sequence[Step]) -> dict[int, str]:
        """Make the intent of steps durable, all in one transaction; returns the operation id of each step's number."""
        self._keeper.check()
        ids = {step.number: self._new_id() for step in steps}
        now = self._clock()
        hit("begin.before")
        self._store.begin(self._keeper.lease, [self._operation(step, ids[step.number], now) for step in steps])
        hit("begin.after")
        return ids

    def end(self, results: Sequence[tuple[Step, str, Outcome]]) -> None:
        """Make outcomes durable, all in one transaction, before anything that depends on them may start."""
        now = self._clock()
        ends: list[OperationEnd] = []
        after: dict[Address, dict[int, Resource]] = {}
        for step, op_id, outcome in results:
            address = step.change.address
            known = after.setdefault(address, dict(self._resources.get(address, {})))
            origin = step.change.moved_from
            source = after.get(origin, self._resources.get(origin, {})) if origin is not None else {}
            before = Before(self.instances.get(address), tuple(known.values()), source.get(step.generation))
            end = end_of(step, op_id, outcome, before, now)
            for dropped, generation in end.drop:
                after.setdefault(dropped, dict(self._resources.get(dropped, {}))).pop(generation, None)
            known.update({put.generation: put for put in end.put})
            ends.append(end)
        hit("end.before")
        self.serial = self._store.end(self._keeper.lease, ends)
        hit("end.after")
        self._resources |= after

    def resource(self, address: Address, generation: int) -> Resource | None:
        """Return state's record of an object, as of the last end."""
        return self._resources.get(address, {}).get(generation)

    def _operation(self, step: Step, op_id: str, now: float) -> Operation:
        return Operation(
            op_id=op_id,
            run_id=self._run_id,
            address=step.change.address,
            generation=step.generation,
            verb=step.verb,
            provider=step.provider,
            digest=step.change.digest,
            native_name=f"{step.change.address.slug}.{step.generation}",
            begun_at=now,
        )

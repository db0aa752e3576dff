# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of an address's objects is the worker, and which are left over; pure.

While one object replaces another an address has two. A crash, a lost reply or lost state may leave them so; looking
at both settles it, because every object carries its generation and lineage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..model.address import Address
from ..model.ports import Observation
from ..model.records import Operation, Resource, State
from ..model.states import WorkerState
from .world import World

_READY = frozenset((WorkerState.RUNNING, WorkerState.PAUSED, WorkerState.STOPPED, WorkerState.COMPLETED))
_IN_THE_MAKING = frozenset((WorkerState.CREATING, WorkerState.STARTING))


class Holding(NamedTuple):
    """An address as state and world show it together.

    ``resource`` is what state remembers of ``seen`` (None: known by looking only) or, when nothing is seen, of the object that
    is gone. ``unfinished`` is an object that an interrupted run began to make and nobody saw through: ``seen`` itself, or
    its successor. ``deposed`` are the objects beside ``seen`` and ``unfinished``, to be deleted; ``gone`` are generations that
    only state still knows. ``last_generation`` is the highest number ever used, ``interrupted`` the verb of an operation
    whose end nobody recorded.
    """

    seen: Observation | None = None
    resource: Resource | None = None
    unfinished: Observation | None = None
    deposed: tuple[Observation, ...] = ()
    gone: tuple[Resource, ...] = ()
    last_generation: int = 0
    interrupted: str = ""


def holdings(state: State, world: World) -> dict[Address, Holding]:
    """Put together what state and world say of every address that either knows."""
    remembered: dict[Address, list[Resource]] = {}
    for resource in state.resources:
        remembered.setdefault(resource.address, []).append(resource)
    pending = {operation.address: operation for operation in state.pending}
    addresses = {**dict.fromkeys(remembered), **dict.fromkeys(world.objects)}
    return {
        address: holding(remembered.get(address, ()), world.at(address), pending.get(address)) for address in addresses
    }


def holding(remembered: Sequence[Resource], seen: Sequence[Observation], pending: Operation | None = None) -> Holding:
    """Decide what is current.

    The object that state calls current stays so until a newer generation is ready; a newer one that is not
    ready is left over from a replacement that failed, or that was interrupted. Without state the newest ready object is
    current, else the newest one alive, else the newest.
    """
    by_generation = {resource.generation: resource for resource in remembered}
    known = next((resource for resource in remembered if not resource.deposed), None)
    current = _choose(seen, known, by_generation)
    unfinished = _unfinished(seen, current, by_generation)
    present = {one.generation for one in seen}
    return Holding(
        seen=current,
        resource=by_generation.get(current.generation) if current else known,
        unfinished=unfinished,
        deposed=tuple(one for one in seen if one is not current and one is not unfinished),
        gone=tuple(one for one in remembered if one.generation not in present and (one.deposed or current is not None)),
        last_generation=max((*by_generation, *present), default=0),
        interrupted=pending.verb if pending else "",
    )


def _choose(seen: Sequence[Observation], known: Resource | None, remembered: dict[int, Resource]) -> Observation | None:
    candidates = [one for one in seen if not _superseded(one, remembered)]
    if known is not None:
        mine = [one for one in candidates if one.generation == known.generation]
        newer = [one for one in candidates if one.generation > known.generation and one.state in _READY]
        if mine or newer:
            return (newer or mine)[-1]
    return max(candidates, key=lambda one: (one.state in _READY, one.state.alive, one.generation), default=None)


def _unfinished(
    seen: Sequence[Observation], current: Observation | None, remembered: dict[int, Resource]
) -> Observation | None:
    """Find the newest object that is still in the making and that no end was recorded of."""
    for one in reversed(seen):
        older = current is not None and one.generation < current.generation
        if one.state in _IN_THE_MAKING and one.generation not in remembered and not older:
            return one
    return None


def _superseded(one: Observation, remembered: dict[int, Resource]) -> bool:
    resource = remembered.get(one.generation)
    return resource is not None and resource.deposed

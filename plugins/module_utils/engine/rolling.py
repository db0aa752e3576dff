# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances are taken away in turns, so that no more of a worker than ``max_unavailable`` are away at a time; pure.

Those that are away by themselves count. They have their turn first: that may bring them back, and costs nobody anything. Where this run
has nothing to do about them, they take the place of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from ..model.address import Address
from ..model.change import Action, Cause, Change
from ..model.states import Intent, WorkerState
from ..model.worker import Instance
from .current import Holding

_AWAY = frozenset(
    (WorkerState.CREATING, WorkerState.STARTING, WorkerState.DEGRADED, WorkerState.RECOVERING, WorkerState.FAILED)
)
_NOTHING_DONE = frozenset((Action.NOOP, Action.ADOPT))

Observed = Mapping[Address, WorkerState]


class _Roll(NamedTuple):
    """What is done to a worker in turns: ``most`` at a time. ``still`` are away, and this run does nothing about that."""

    most: int
    still: tuple[Address, ...]
    changes: tuple[Change, ...]


def away(instances: Mapping[Address, Instance], held: Mapping[Address, Holding]) -> Observed:
    """Return those that should run and do not, or not well, of workers that say how many may be away."""
    found: dict[Address, WorkerState] = {}
    for address, one in instances.items():
        if one.lifecycle.max_unavailable and one.state == Intent.STARTED.value and address in held:
            seen = held[address].seen
            if seen is not None and seen.state in _AWAY:
                found[address] = seen.state
    return found


def held_back(changes: Iterable[Change], instances: Mapping[Address, Instance], gone: Observed) -> dict[Address, str]:
    """Say which instances are left alone, and why: as many are away as may be. What somebody asks for by name is done."""
    found: dict[Address, str] = {}
    for roll in _rolls(changes, instances, gone):
        if len(roll.still) >= roll.most:
            why = f"{roll.still[0]} is {gone[roll.still[0]].value}, and lifecycle.max_unavailable lets {roll.most} be away"
            found |= {
                one.address: why for one in roll.changes if one.address not in gone and one.cause is not Cause.REQUEST
            }
    return found


def turns(
    changes: Iterable[Change], instances: Mapping[Address, Instance], gone: Observed
) -> dict[Address, tuple[Address, ...]]:
    """Have each instance that a change takes away wait for the one that went ``max_unavailable`` before it."""
    found: dict[Address, tuple[Address, ...]] = {}
    for roll in _rolls(changes, instances, gone):
        addresses = [one.address for one in roll.changes]
        most = max(1, roll.most - len(roll.still))
        found |= {later: (earlier,) for earlier, later in zip(addresses, addresses[most:], strict=False)}
    return found


def _rolls(changes: Iterable[Change], instances: Mapping[Address, Instance], gone: Observed) -> Iterable[_Roll]:
    changed = {one.address: one for one in changes if one.action not in _NOTHING_DONE and not one.deposed}
    limited = (one for one in instances.values() if one.lifecycle.max_unavailable)
    for _name, group in groupby(limited, key=lambda one: one.address.name):
        members = [one.address for one in group]
        own = [changed[one] for one in members if one in changed]
        rolling = [one for one in own if one.address in gone or _interrupts(one)]
        if rolling:
            most = instances[members[0]].lifecycle.most_away(len(members)) or len(members)
            still = tuple(one for one in members if one in gone and one not in changed)
            yield _Roll(most, still, tuple(sorted(rolling, key=lambda one: one.address not in gone)))


def _interrupts(change: Change) -> bool:
    """Tell whether a change takes an instance away that comes back."""
    if change.action is Action.REPLACE:
        return not change.create_before_destroy
    return Action.RESTART in (change.action, change.then)

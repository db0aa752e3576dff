# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who waits for whom: dependencies on the way up, the same reversed on the way down; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..model.address import Address
from ..model.change import Action, Change
from ..model.records import Resource
from ..model.worker import Instance
from .rolling import Observed, turns

_TEARDOWN = frozenset((Action.DELETE, Action.STOP, Action.PAUSE))
_UNORDERED = frozenset((Action.NOOP, Action.FORGET, Action.ADOPT, Action.MOVE, Action.RELEASE, Action.IMPORT))

Addresses = tuple[Address, ...]


def ordered(
    changes: Sequence[Change], instances: Mapping[Address, Instance], resources: Iterable[Resource], gone: Observed
) -> tuple[Change, ...]:
    """Give each change the addresses that it has to wait for.

    What comes up waits for what it depends on in the document. What goes waits for those who depended on it, as state
    remembers or, where that knows nothing, as the document says; what stops or pauses, for those of them that stop or
    pause or go as well. ``gone`` are instances that are away by themselves.
    """
    active = [change for change in changes if change.action not in _UNORDERED]
    changing = {change.address for change in active}
    going = {change.address for change in active if change.action in _TEARDOWN}
    needed_by = _needed_by(instances.values(), resources) if going else {}
    # Instances of one worker share their dependencies; so do their changes, or a thousand times a thousand would be a million.
    shared: dict[int, Addresses] = {}

    def after(change: Change) -> Addresses:
        address = change.address
        if change.action in _UNORDERED or change.deposed:
            return ()
        if change.action in _TEARDOWN:
            others = changing if change.action is Action.DELETE else going
            return _sorted((needed_by.get(address, set()) & others) - {address})
        needs = instances[address].depends_on
        if id(needs) not in shared:
            shared[id(needs)] = _sorted(changing.intersection(needs))
        return (*shared[id(needs)], *waiting.get(address, ()))

    waiting = turns(active, instances, gone)
    return tuple(replace(change, after=waits) if (waits := after(change)) else change for change in changes)


def _needed_by(instances: Iterable[Instance], resources: Iterable[Resource]) -> dict[Address, set[Address]]:
    """Turn dependencies around: for objects as state remembers them, for the rest as the document says."""
    needs = {instance.address: instance.depends_on for instance in instances}
    needs |= {resource.address: resource.dependencies for resource in resources if not resource.deposed}
    found: dict[Address, set[Address]] = {}
    for address, others in needs.items():
        for other in others:
            found.setdefault(other, set()).add(address)
    return found


def _sorted(addresses: Iterable[Address]) -> Addresses:
    return tuple(sorted(addresses, key=str))

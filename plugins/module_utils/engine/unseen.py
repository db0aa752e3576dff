# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may not be concluded, because it could not be seen; pure.

A failed or partial list, an unknown state, two objects with one name: each of them stops what would rest on it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model.address import Address
from ..model.change import Action
from ..model.mounts import called
from ..model.records import Resource
from ..model.states import WorkerState
from ..model.worker import Instance
from .current import Holding
from .inputs import Draft
from .world import World

_BRINGS_UP = frozenset(
    (Action.CREATE, Action.REPLACE, Action.UPDATE, Action.START, Action.RESTART, Action.RESUME, Action.PAUSE)
)


def unseen(world: World, address: Address, held: Holding, provider: str) -> str:
    """Say why nothing may be concluded about an address that is meant for ``provider``, or nothing at all."""
    if address in world.twins:
        return world.twins[address]
    if held.seen is not None:
        unknown = held.seen.state is WorkerState.UNKNOWN
        return f"its state is unknown: {held.seen.reason or 'its provider cannot tell'}" if unknown else ""
    for name in (provider, held.resource.provider if held.resource else provider):
        if name in world.unseen:
            return f"{called(name)} could not be seen: {world.unseen[name]}"
        if name not in world.seen:
            return f"its {called(name)} is not configured in this run, so it can be neither seen nor deleted"
    return ""


def block_deletions(draft: Draft, world: World) -> None:
    """Where a list was not complete nothing is deleted, replacements included: what is missing may be what matters."""
    if not world.unseen:
        return
    for change in draft.changes:
        deletes = change.action in (Action.DELETE, Action.REPLACE)
        provider = change.old_provider or change.provider
        if deletes and provider in world.unseen:
            draft.blocked[change.address] = (
                f"{called(provider)} could not be seen whole, so nothing is deleted there: {world.unseen[provider]}"
            )


def block_dependents(draft: Draft, wanted: Mapping[Address, Instance], resources: Iterable[Resource]) -> None:
    """What needs something that is blocked waits for it; what is needed by something blocked stays. Then drop their changes."""
    if not draft.blocked:
        return
    needed_by: dict[Address, list[Address]] = {}
    for instance in wanted.values():
        for address in instance.depends_on:
            needed_by.setdefault(address, []).append(instance.address)
    needs = {resource.address: resource.dependencies for resource in resources}
    actions = {change.address: change.action for change in draft.changes if not change.deposed}
    waiting = list(draft.blocked)
    while waiting:
        blocked = waiting.pop()
        waits = f"it depends on {blocked}, which is blocked"
        held_back = {one: waits for one in needed_by.get(blocked, ()) if actions.get(one) in _BRINGS_UP}
        if blocked not in wanted:
            stays = f"{blocked} depends on it, and is blocked"
            held_back |= {one: stays for one in needs.get(blocked, ()) if actions.get(one) is Action.DELETE}
        for address, why in held_back.items():
            if address not in draft.blocked:
                draft.blocked[address] = why
                waiting.append(address)
    draft.changes = [change for change in draft.changes if change.address not in draft.blocked]

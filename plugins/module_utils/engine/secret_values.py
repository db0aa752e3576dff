# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan does to the values of secrets beyond each by itself: copies follow, and what ends soon is told; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..model.address import SECRET, Address
from ..model.change import Action, Cause, Change, FieldChange
from ..model.quantities import rough_time
from ..model.worker import Instance
from .current import Holding
from .decide_secret import as_it_was, back_with
from .inputs import Draft, Inputs
from .world import World

_UNTOUCHED = (Action.NOOP, Action.ADOPT, Action.UPDATE)
#: What ends within a tenth of its life, and within a week, is told before it is over.
_SOON, _PART = 7 * 86_400.0, 10
_TOLD = 3
_SOURCE_ANEW = "what it is copied from gets another value"


def coming_back(draft: Draft, wanted: Mapping[Address, Instance], world: World) -> dict[tuple[str, str], int]:
    """Return the versions of deleted secrets that this plan brings back as they were, by store and path.

    One that was asked to get another value has that among its fields.
    """
    found = {}
    for change in draft.changes:
        place = (change.provider, change.address.name)
        deleted = world.deleted.get(place) if change.action is Action.CREATE else None
        if deleted is not None and not change.fields and as_it_was(wanted[change.address], deleted):
            found[place] = int(deleted.details["version"])
    return found


def follow_copies(draft: Draft, wanted: Mapping[Address, Instance], back: Collection[tuple[str, str]]) -> set[Address]:
    """Have copies follow what gets another value in this very plan, and not only by the next one; returns all that get one.

    Those that come ``back`` do not.
    """
    places = {one.address: place for place, one in enumerate(draft.changes) if one.address.kind == SECRET}
    copies = {address: one for address, one in wanted.items() if address in places and _tracks(one)}
    renewed = {
        address
        for address, place in places.items()
        if _renews(draft.changes[place], wanted.get(address))
        and (draft.changes[place].provider, address.name) not in back
    }
    while behind := [one for one in copies if one not in renewed and renewed.intersection(wanted[one].depends_on)]:
        for address in behind:
            renewed.add(address)
            change = draft.changes[places[address]]
            if change.action in _UNTOUCHED:
                draft.changes[places[address]] = _copied(change)
            elif (change.provider, address.name) in back:
                draft.changes[places[address]] = replace(change, reason=back_with(_SOURCE_ANEW))
    return renewed


def _tracks(instance: Instance) -> bool:
    return "from" in instance.spec and "version" not in instance.spec["from"]


def _renews(change: Change, instance: Instance | None) -> bool:
    """Tell whether a change makes another value."""
    if change.action in (Action.CREATE, Action.REPLACE):
        return True
    anew = ["value", "from"]
    if instance is not None and instance.spec.get("regenerate") == "on_change":
        anew.append("generate")
    return any(field.path.partition(".")[0] in anew for field in change.fields)


def _copied(change: Change) -> Change:
    said = f"{change.reason}; {_SOURCE_ANEW}" if change.action is Action.UPDATE else _SOURCE_ANEW
    fields = (*change.fields, FieldChange("value", None, None))
    return replace(change, action=Action.UPDATE, cause=Cause.DOCUMENT, reason=said, fields=fields)


def tell_ends(
    inputs: Inputs, draft: Draft, wanted: Mapping[Address, Instance], held: Mapping[Address, Holding]
) -> None:
    """Say which values are past their end, and which will be soon; not of those that this plan renews."""
    soon: dict[Address, float] = {}
    for change in draft.changes:
        seen = held[change.address].seen if change.address in held else None
        if change.address.kind != SECRET or change.address not in wanted or seen is None or seen.expires_at is None:
            continue
        if _renews(change, wanted[change.address]) or any(field.path == "expires" for field in change.fields):
            continue
        left = seen.expires_at - inputs.now
        if left <= 0:
            draft.overdue[change.address] = -left
        elif left < min(_SOON, (seen.expires_at - (seen.started_at or 0.0)) / _PART):
            soon[change.address] = left
    if soon:
        named = [f"{address} in {rough_time(left)}" for address, left in sorted(soon.items(), key=lambda one: one[1])]
        more = f" and {len(named) - _TOLD} more" if len(named) > _TOLD else ""
        draft.warnings.append(
            f"secrets that expire soon: {', '.join(named[:_TOLD])}{more}; renew them with `replace`, or give them other values"
        )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of objects that the document does not want: deleted, kept, or left alone until they can be seen; pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.address import SECRET, Address
from ..model.change import Action, Cause, Change
from ..model.ports import Observation
from ..model.records import Resource
from .current import Holding
from .inputs import Draft, Inputs, delete, forget, protected
from .moves import Moves
from .options import GOING
from .unseen import unseen


def is_unwanted(inputs: Inputs, moves: Moves, address: Address) -> bool:
    """Tell whether something that is there, but not among what this run wants, is for this run to deal with."""
    options = inputs.options
    if not moves.selected(options, address):
        return False
    if options.destroy:
        return True
    if options.state == "forgotten":
        return True
    if address in inputs.instances:
        return options.state == "absent"
    return options.state is None or inputs.lists(address)


def plan_unwanted(inputs: Inputs, draft: Draft, address: Address, held: Holding) -> None:
    """Add what is to be done about one unwanted address."""
    resource = held.resource
    provider = inputs.provider_of(held.seen) or (resource.provider if resource else "")
    blocked = unseen(inputs.world, address, held, provider)
    if blocked:
        draft.blocked[address] = blocked
        return
    if held.seen is None and resource is not None:
        draft.changes.append(forget(resource, _why_gone(held)))
    elif held.seen is not None:
        stays = _may_stay(inputs, address, resource)
        if stays:
            draft.kept[address] = stays
            return
        released = _is_released(inputs, held.seen, resource)
        if not released and _is_protected(inputs, address, held):
            draft.problems.append(protected(address, "deleted", "", resource.source if resource else ""))
            return
        explicit = inputs.options.destroy or inputs.options.state in GOING
        why = "asked to be absent" if explicit else "no longer in the document"
        if address.kind == SECRET and not released:
            why += "; all its values are gone for good" if held.seen.on_remove == "destroy" else "; it can be restored"
        if released:
            why = f"{'asked to be forgotten' if explicit else why}: it runs on and belongs to nobody"
        cause = Cause.REQUEST if explicit else Cause.DOCUMENT
        action = Action.RELEASE if released else Action.DELETE
        draft.changes.append(delete(inputs, held.seen, why, cause, action=action))
    draft.changes += leftovers(inputs, held)


def leftovers(inputs: Inputs, held: Holding, resumed: int | None = None) -> Iterator[Change]:
    """Delete superseded and half-made objects, forget what is already gone. The generation ``resumed`` is being seen through."""
    half_made = held.unfinished is not None and held.unfinished is not held.seen
    for one in (*held.deposed, *((held.unfinished,) if half_made else ())):
        if one is not None and one.generation != resumed:
            yield delete(inputs, one, "left over from a replacement that did not finish", Cause.STATE, deposed=True)
    for resource in held.gone:
        if resource.provider in inputs.world.seen:
            yield forget(resource, "it is gone already")


def _why_gone(held: Holding) -> str:
    if held.interrupted == "delete":
        return "an interrupted run deleted it"
    return "it is gone already and nobody wants it"


def _may_stay(inputs: Inputs, address: Address, resource: Resource | None) -> str:
    """Say why an object that the document does not name is left alone, or nothing."""
    options, document = inputs.options, inputs.document
    if options.destroy or options.state is not None or inputs.lists(address):
        return ""
    if not options.prune:
        return "it is no longer in the document, and prune is off"
    source = resource.source if resource else ""
    if source and source not in document.sources and source not in options.prune_fragments:
        return (
            f"it came from {source}, which this run does not see; name that in prune_fragments if it is gone for good"
        )
    return ""


def _is_released(inputs: Inputs, seen: Observation, resource: Resource | None) -> bool:
    """Tell whether an object is let go rather than deleted: asked for, or by ``on_remove`` of its worker.

    That is what the document says of those that are left of it, else what state remembers, else what the object's label says.
    """
    options = inputs.options
    if options.state is not None or options.destroy:
        return options.state == "forgotten"
    others = (one.lifecycle for one in inputs.document.wanted if one.address[:2] == seen.address[:2])
    return next(others, resource.lifecycle if resource else seen.lifecycle).on_remove == "forget"


def _is_protected(inputs: Inputs, address: Address, held: Holding) -> bool:
    """The document's word counts most; what it does not name, or names only to delete it, state and the object's own label protect."""
    instance = inputs.instances.get(address)
    if instance is not None and inputs.options.state != "absent":
        return instance.lifecycle.prevent_destroy
    written = instance is not None and instance.lifecycle.prevent_destroy
    remembered = held.resource is not None and held.resource.lifecycle.prevent_destroy
    return written or remembered or (held.seen is not None and held.seen.protected)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: (desired, observed, state, now) -> Plan. Pure: the same input gives the same plan, everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..model.address import SECRET, Address
from ..model.change import Action, Cause, Change, Plan
from ..model.worker import Instance
from .carried import not_carried
from .current import Holding, holdings
from .decide import Decision, decide
from .decide_secret import decide_secret
from .finishing import STOPS
from .guards import guard, lookalikes
from .inputs import Draft, Inputs, protected
from .mounted import mounted, mounted_but_going
from .moves import Moves, Origin, follow
from .options import GOING
from .order import ordered
from .rolling import away, held_back
from .secret_values import coming_back, follow_copies, tell_ends
from .unseen import block_deletions, block_dependents, unseen
from .unwanted import is_unwanted, leftovers, plan_unwanted

TTL_SLACK = 5.0
_NOTHING = Holding()


def make_plan(inputs: Inputs) -> Plan:
    """Compare the document with the world and say what to do, in the order of the document, what is unwanted last."""
    draft = Draft()
    moves = follow(inputs.document.moves, holdings(inputs.state, inputs.world), inputs.world)
    held = moves.held
    wanted = _wanted(inputs, moves)
    problems, draft.warnings = not_carried(wanted.values(), inputs.columns)
    draft.problems += problems
    secrets = [one for one in wanted.values() if one.address.kind == SECRET]
    workers = [one for one in wanted.values() if one.address.kind != SECRET]
    _plan_each(inputs, draft, secrets, moves)
    back = coming_back(draft, wanted, inputs.world)
    draft.renewed = follow_copies(draft, wanted, back)  # which those workers are given that are planned now
    _plan_each(replace(inputs, world=inputs.world.with_versions(back)), draft, workers, moves)
    tell_ends(inputs, draft, wanted, held)
    for address, one in held.items():
        if address not in wanted and is_unwanted(inputs, moves, address):
            plan_unwanted(inputs, draft, address, one)
    block_deletions(draft, inputs.world)
    resources = moves.renamed(inputs.state.resources)
    gone = away(inputs.instances, held)
    draft.blocked |= held_back(draft.changes, inputs.instances, gone)
    block_dependents(draft, wanted, resources)
    for change in draft.changes:
        if change.draining_since is not None:
            lasted = max(0.0, inputs.now - change.draining_since)
            draft.overdue[change.address] = max(lasted, draft.overdue.get(change.address, 0.0))
    # Those too that this run leaves alone: what they are given is theirs.
    staying = wanted if inputs.options.state or inputs.options.destroy else inputs.instances
    draft.problems += mounted_but_going(staying.values(), draft.changes)
    draft.problems += guard(inputs.document, inputs.options, draft.changes, there=held)
    known = {*inputs.instances, *held, *(origin.address for origin in moves.origins.values())}
    draft.warnings += [
        *_interrupted(inputs),
        *moves.warnings,
        *lookalikes(draft.changes, resources),
        *inputs.options.strangers(known),
    ]
    return Plan(
        owner=inputs.document.owner,
        lineage=inputs.document.lineage,
        serial=inputs.state.serial,
        document_digest=inputs.document.digest,
        changes=ordered(draft.changes, inputs.instances, resources, gone),
        blocked={str(address): why for address, why in draft.blocked.items()},
        kept={str(address): why for address, why in draft.kept.items()},
        problems=tuple(draft.problems),
        warnings=tuple(draft.warnings),
        foreign=tuple(inputs.foreign.values()),
        overdue={str(address): late for address, late in draft.overdue.items()},
    )


def _wanted(inputs: Inputs, moves: Moves) -> dict[Address, Instance]:
    """Select instances; the dependencies of a target come along, as nothing can start without them, unless excluded."""
    options = inputs.options
    if options.destroy or options.state in GOING:
        return {}
    everything = inputs.instances
    chosen = {address for address in everything if moves.selected(options, address)}
    if options.targets:
        waiting = list(chosen)
        while waiting:
            for address in everything[waiting.pop()].depends_on:
                if address in everything and address not in chosen and not options.rejects(address):
                    chosen.add(address)
                    waiting.append(address)
    return {address: instance for address, instance in everything.items() if address in chosen}


def _plan_each(inputs: Inputs, draft: Draft, instances: Iterable[Instance], moves: Moves) -> None:
    for instance in instances:
        address = instance.address
        if address in moves.blocked:
            draft.blocked[address] = moves.blocked[address]
        else:
            _plan_wanted(inputs, draft, instance, moves.held.get(address, _NOTHING), moves.origins.get(address))


def _plan_wanted(inputs: Inputs, draft: Draft, instance: Instance, held: Holding, origin: Origin | None = None) -> None:
    address = instance.address
    decision = _decide(inputs, draft, instance, held, moves_in=origin is not None)
    if origin is not None:
        decision = _moved(decision, origin)
    if decision.blocked:
        draft.blocked[address] = decision.blocked
        return
    if decision.action is Action.REPLACE and instance.lifecycle.prevent_destroy:
        draft.problems.append(protected(address, "replaced", decision.reason, instance.source))
    change = _change(inputs, instance, held, decision)
    if origin is not None:
        change = replace(change, moved_from=origin.address)
    draft.changes.append(change)
    draft.changes += leftovers(inputs, held, resumed=change.generation)


def _moved(decision: Decision, origin: Origin) -> Decision:
    """Say that an object gets another address, and what else is done to it."""
    said = f"moved from {origin.name}"
    if decision.action in (Action.NOOP, Action.ADOPT):
        return decision._replace(action=Action.MOVE, cause=Cause.DOCUMENT, reason=said)
    return decision._replace(reason=f"{said}; {decision.reason}")


def _decide(inputs: Inputs, draft: Draft, instance: Instance, held: Holding, *, moves_in: bool = False) -> Decision:
    address = instance.address
    blocked = unseen(inputs.world, address, held, instance.provider)
    if not blocked and (held.seen is None or moves_in) and address in inputs.foreign:
        blocked = f"its place is taken: {inputs.foreign[address]}; adopt that with fleet_refresh, or delete it there"
    if blocked:
        return Decision(Action.NOOP, blocked=blocked)
    column = inputs.columns.get(instance.provider, {})
    if address.kind == SECRET:
        return decide_secret(
            instance,
            held,
            deleted=inputs.world.deleted.get((instance.provider, address.name)),
            column=column,
            key_id=inputs.key_id,
            force=inputs.options.forces_replace(address),
            provider_of_seen=inputs.provider_of(held.seen),
        )
    given = mounted(instance, held.seen, inputs.world, draft.renewed, column)
    if given.missing:
        return Decision(Action.NOOP, blocked=given.missing)
    late = _late(inputs, instance, held)
    if late:
        draft.overdue[address] = late
    return decide(
        instance,
        held,
        column=column,
        key_id=inputs.key_id,
        state=inputs.options.state,
        force=inputs.options.forces_replace(address),
        provider_of_seen=inputs.provider_of(held.seen),
        overdue=bool(late),
        mounted=given.fields,
    )


def _late(inputs: Inputs, instance: Instance, held: Holding) -> float:
    """Return by how many seconds a time to live is over that nobody was there to enforce."""
    ttl, seen = instance.lifecycle.ttl, held.seen
    if ttl is None or seen is None or seen.started_at is None or not seen.state.alive:
        return 0.0
    late = inputs.now - seen.started_at - ttl
    return late if late > TTL_SLACK else 0.0


def _change(inputs: Inputs, instance: Instance, held: Holding, decision: Decision) -> Change:
    seen, resource = held.seen, held.resource
    makes = decision.action in (Action.CREATE, Action.REPLACE)
    known = seen.generation if seen else (resource.generation if resource else 0)
    generation = _new_generation(inputs, instance, held, decision) if makes else known
    old = known if makes and known != generation else 0
    stops = not STOPS.isdisjoint((decision.action, decision.then))
    old_provider = inputs.provider_of(seen) or (resource.provider if resource else "")
    return Change(
        address=instance.address,
        action=decision.action,
        cause=decision.cause,
        reason=decision.reason,
        provider=instance.provider,
        generation=generation,
        old_generation=old,
        old_provider=old_provider if old and old_provider != instance.provider else "",
        external_id=seen.external_id if seen else "",
        etag=seen.etag if seen else "",
        digest=instance.digest,
        fields=decision.fields,
        create_before_destroy=(
            decision.action is Action.REPLACE and instance.lifecycle.replace == "create_before_destroy"
        ),
        then=decision.then,
        intent=decision.intent,
        when_idle=stops and inputs.waits_for(seen, resource),
        draining_since=seen.draining.since if stops and seen and seen.draining else None,
        source=instance.source,
    )


def _new_generation(inputs: Inputs, instance: Instance, held: Holding, decision: Decision) -> int:
    """See an interrupted creation of the same spec through: creating is idempotent on the generation. Else take a new number."""
    begun = held.unfinished
    if begun is None or (begun is held.seen and decision.action is Action.REPLACE):
        return held.last_generation + 1
    same = (begun.spec_digest, inputs.provider_of(begun)) == (instance.digest, instance.provider)
    return begun.generation if same else held.last_generation + 1


def _interrupted(inputs: Inputs) -> list[str]:
    count = len(inputs.state.pending)
    if not count:
        return []
    operations = "an operation" if count == 1 else f"{count} operations"
    return [f"an earlier run was interrupted during {operations}; what became of that was looked up"]

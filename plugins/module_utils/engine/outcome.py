# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome leaves in state; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..model.address import Address
from ..model.errors import HodeiError, Kind
from ..model.mounts import called
from ..model.ports import Observation, Outcome
from ..model.records import OperationEnd, Resource
from ..model.states import Intent, WorkerState
from ..model.worker import Instance
from .graph import Step
from .waiting import DRAIN

_INTENTS = {
    "start": Intent.STARTED,
    "restart": Intent.STARTED,
    "resume": Intent.STARTED,
    "stop": Intent.STOPPED,
    "pause": Intent.PAUSED,
}

Effect = tuple[tuple[Resource, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Before:
    """What the engine knows of a step's address when the step ends.

    ``instance`` is what the document wants (None when it wants nothing), ``resources`` what state remembers, all generations;
    ``origin`` is what it remembers of the object under the address that it moves from.
    """

    instance: Instance | None
    resources: Sequence[Resource] = ()
    origin: Resource | None = None

    def of(self, generation: int) -> Resource | None:
        """Return state's record of one generation."""
        return next((one for one in self.resources if one.generation == generation), None)


def checked(step: Step, outcome: Outcome) -> HodeiError | None:
    """Return what went wrong: a provider is held to its promises, and what was to be deleted may be gone already."""
    error, seen = outcome.error, outcome.observation
    if error is not None:
        if step.verb in ("delete", "release") and error.kind is Kind.NOT_FOUND:
            return None
        return _stale(step, error) if error.kind is Kind.CONFLICT and not error.hint else error
    if step.verb not in ("create", "update", "move", "import"):
        return None
    if seen is None:
        return _broken(step, "returned nothing for it")
    if (seen.address, seen.generation) != (step.change.address, step.generation):
        return _broken(step, f"returned {seen.address} generation {seen.generation} instead")
    if step.verb != "move" and seen.spec_digest != step.change.digest:
        return _broken(step, "returned an object of another spec")
    return None


def end_of(step: Step, op_id: str, outcome: Outcome, before: Before, now: float) -> OperationEnd:
    """Turn an outcome into the durable end of its operation."""
    error = checked(step, outcome)
    put, drop = _effect(step, outcome.observation, error, before, now)
    return OperationEnd(
        op_id=op_id,
        ended_at=now,
        error=error.as_dict() if error else None,
        put=(*put, *superseded(put, drop, before.resources, now)),
        drop=(*((step.change.address, generation) for generation in drop), *_left_behind(step, error)),
    )


def _left_behind(step: Step, error: HodeiError | None) -> tuple[tuple[Address, int], ...]:
    """Name the record under the old address of what has moved."""
    origin = step.change.moved_from
    return () if step.verb != "move" or origin is None or error else ((origin, step.generation),)


def superseded(
    put: Iterable[Resource], drop: Iterable[int], resources: Iterable[Resource], now: float
) -> tuple[Resource, ...]:
    """Depose whatever was current of an address before: it has one current object in state, at every moment.

    ``put`` and ``drop`` (generations) are what an operation leaves, ``resources`` what state remembers of the address.
    """
    current = [one.generation for one in put if not one.deposed]
    if not current:
        return ()
    settled = {*current, *drop}
    return tuple(
        replace(one, deposed=True, updated_at=now)
        for one in resources
        if not one.deposed and one.generation not in settled
    )


def _effect(step: Step, seen: Observation | None, error: HodeiError | None, before: Before, now: float) -> Effect:
    if step.verb == DRAIN:
        return (), ()
    if step.verb in ("delete", "forget", "release"):
        return ((), ()) if error else ((), (step.generation,))
    instance = before.instance
    if instance is None:
        return (), ()
    if step.verb == "create":
        return _created(step, instance, seen, error, now)
    if step.verb == "import":
        return ((_imported(step, instance, seen, now),) if seen is not None else ()), ()
    if error is not None:
        return (), ()
    if step.verb == "move":
        return (_moved(step, instance, seen, before.origin or before.of(step.generation), now),), ()
    base = before.of(step.generation) or _fresh(step, instance, seen, now)
    return (_aligned(step, base, instance, seen, now),), ()


def _created(step: Step, instance: Instance, seen: Observation | None, error: HodeiError | None, now: float) -> Effect:
    """A new object supersedes the old one only when it is ready; one that failed is remembered, to be cleaned up."""
    if seen is None:
        return (), ()
    fresh = _fresh(step, instance, seen, now)
    if step.change.create_before_destroy:
        failed = error is not None
        return (replace(fresh, deposed=failed, tainted=failed),), ()
    old = step.change.old_generation
    return (replace(fresh, tainted=error is not None),), ((old,) if old else ())


def _imported(step: Step, instance: Instance, seen: Observation, now: float) -> Resource:
    """Remember what was found, not what was wished for, so that the next plan says what differs."""
    found = json.loads(json.dumps(instance.recorded))
    for field in step.change.fields:
        *way, last = field.path.split(".")
        place = found
        for name in way:
            place = place.setdefault(name, {})
        place[last] = field.before
    return replace(_fresh(step, instance, seen, now), spec=found)


def _fresh(step: Step, instance: Instance, seen: Observation | None, now: float) -> Resource:
    return Resource(
        address=instance.address,
        generation=step.generation,
        provider=step.provider,
        external_id=seen.external_id if seen else step.change.external_id,
        spec=instance.recorded,
        digest=seen.spec_digest if seen else instance.digest,
        lifecycle=instance.lifecycle,
        dependencies=instance.depends_on,
        intent=step.change.intent,
        status=_status(seen),
        source=instance.fragment,
        created_at=now,
        updated_at=now,
    )


def _moved(step: Step, instance: Instance, seen: Observation | None, known: Resource | None, now: float) -> Resource:
    """Keep all that state knows of an object but its address; of one that only its labels tell, what those say."""
    if known is None:
        known = _fresh(step, instance, seen, now)
        if known.digest != instance.digest:
            known = replace(known, spec={})
        if seen is not None:
            known = replace(known, lifecycle=seen.lifecycle, intent=seen.intent)
    moved = replace(
        known,
        address=step.change.address,
        external_id=seen.external_id if seen else known.external_id,
        dependencies=instance.depends_on,
        source=instance.fragment,
        status=_status(seen),
        updated_at=now,
    )
    return _aligned(step, moved, instance, seen, now) if step.ready else moved


def _aligned(step: Step, base: Resource, instance: Instance, seen: Observation | None, now: float) -> Resource:
    """Bring state's record of an object up to date with the document and with what was seen."""
    as_wanted = seen is not None and seen.spec_digest == instance.digest
    return replace(
        base,
        external_id=seen.external_id if seen else base.external_id,
        spec=instance.recorded if as_wanted else base.spec,
        digest=instance.digest if as_wanted else base.digest,
        lifecycle=instance.lifecycle,
        dependencies=instance.depends_on,
        source=instance.fragment,
        intent=_INTENTS.get(step.verb) or (step.change.intent if step.ready else base.intent),
        status=_status(seen),
        updated_at=now,
    )


def _status(seen: Observation | None) -> WorkerState:
    return seen.state if seen else WorkerState.UNKNOWN


def _stale(step: Step, error: HodeiError) -> HodeiError:
    return HodeiError(
        Kind.CONFLICT,
        error.message,
        where=error.where or str(step.change.address),
        hint="The plan is stale for it: converge again.",
    )


def _broken(step: Step, what: str) -> HodeiError:
    return HodeiError(
        Kind.PROVIDER_SPECIFIC,
        f"{called(step.provider)} {what}",
        where=str(step.change.address),
        hint="This is a fault of the provider; the next converge looks again.",
    )

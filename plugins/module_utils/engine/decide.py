# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one wanted worker needs: the rules, in the order in which they win; pure."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import NamedTuple

from ..model.carry import Column
from ..model.change import Action, Cause, FieldChange
from ..model.ports import Observation, Verb
from ..model.records import Resource
from ..model.states import Intent, WorkerState
from ..model.worker import Instance
from .current import Holding
from .delivery import NEXT_START, changes_files, telling
from .difference import covered, differences, drift_differences, hides, lifecycle_differences


class Decision(NamedTuple):
    """What to do to one address, and why. ``blocked`` says why nothing may be done at all."""

    action: Action
    cause: Cause = Cause.DOCUMENT
    reason: str = ""
    fields: tuple[FieldChange, ...] = ()
    blocked: str = ""
    then: Action | None = None
    intent: Intent = Intent.STARTED


NOTHING = Decision(Action.NOOP)


def decide(
    instance: Instance,
    held: Holding,
    *,
    column: Column,
    key_id: str,
    state: str | None,
    force: bool,
    provider_of_seen: str,
    overdue: bool = False,
    mounted: tuple[FieldChange, ...] = (),
) -> Decision:
    """Compare one instance with what is there.

    ``state`` is the caller's wish (None: the document's own), ``force`` his wish to have it made anew; ``provider_of_seen`` is
    where the object was found, ``overdue`` says that its time to live is over, ``mounted`` what of its secrets is not as stores have it.
    """
    seen, resource = held.seen, held.resource
    intent = _wanted_intent(instance, resource, seen, state)
    decision = _make_anew(instance, held, force, provider_of_seen)
    if decision is None and seen is not None:
        run = _run_state(intent, seen, resource, state, overdue=overdue)
        spec = _restarted(
            _delivered(_spec(instance, held, column, key_id, mounted), instance, seen, intent), seen, intent
        )
        known = resource.intent if resource else intent
        decision = _both(spec, run) if spec else run or adopt(instance, seen, resource, run_state=(known, intent))
    return (decision or NOTHING)._replace(intent=intent)


def _both(spec: Decision, run: Decision | None) -> Decision:
    """An update in place leaves the run state alone, so a second step settles that; a new object starts as wanted."""
    if run is None or spec.action is not Action.UPDATE:
        return spec
    if spec.then is Action.RESTART and run.action in (Action.RESUME, Action.RESTART):
        return spec
    return spec._replace(then=run.then or run.action, reason=f"{spec.reason}; {run.reason}")


def _delivered(spec: Decision | None, instance: Instance, seen: Observation, intent: Intent) -> Decision | None:
    """Have the worker told of files that change now, or of those that an interrupted run changed and did not tell."""
    changing = spec is not None and spec.action is Action.UPDATE
    if not (seen.stale and (spec is None or changing)) and not (spec and changing and changes_files(spec.fields)):
        return spec
    how, then = telling(instance.spec, seen, intent)
    if spec is not None:
        return spec._replace(then=then, reason=f"{spec.reason}; {how}")
    if how == NEXT_START:
        return None
    return Decision(then or Action.UPDATE, Cause.STATE, f"its files changed, and it was not told; {how}")


def _make_anew(instance: Instance, held: Holding, force: bool, provider_of_seen: str) -> Decision | None:
    """Find what calls for a new object whatever the spec says."""
    seen, resource = held.seen, held.resource
    if seen is None:
        return gone(resource, held)
    if force:
        return Decision(Action.REPLACE, Cause.REQUEST, "asked to be replaced")
    if resource is not None and resource.tainted:
        return Decision(Action.REPLACE, Cause.STATE, "it was made but never became ready")
    if provider_of_seen != instance.provider:
        moved = FieldChange("provider", provider_of_seen, instance.provider, forces_replace=True)
        return Decision(Action.REPLACE, Cause.DOCUMENT, "provider changed", (moved,))
    if seen is held.unfinished and seen.spec_digest == instance.digest:
        return Decision(Action.CREATE, Cause.STATE, "an interrupted run began to make it, which is seen through")
    return None


def gone(resource: Resource | None, held: Holding) -> Decision:
    """Say why something is made that is not there."""
    if resource is None:
        return Decision(Action.CREATE, Cause.DOCUMENT, "not there yet")
    if held.interrupted == Action.DELETE.value:
        return Decision(Action.CREATE, Cause.STATE, "an interrupted run had deleted it to replace it")
    if held.interrupted == Action.RELEASE.value:
        return Decision(Action.CREATE, Cause.STATE, "an interrupted run had released it")
    return Decision(Action.CREATE, Cause.DRIFT, "it is gone")


def _restarted(spec: Decision | None, seen: Observation, intent: Intent) -> Decision | None:
    """Have a worker begin again whose environment has another secret now: nothing changes the one of what runs."""
    if spec is None or spec.action is not Action.UPDATE or not (seen.state.alive and intent is Intent.STARTED):
        return spec
    if spec.then is Action.RESTART or not any(field.path.startswith("secrets.env.") for field in spec.fields):
        return spec
    return spec._replace(
        then=Action.RESTART, reason=f"{spec.reason}; restarted, for its environment is that of its start"
    )


def _spec(
    instance: Instance, held: Holding, column: Column, key_id: str, mounted: tuple[FieldChange, ...]
) -> Decision | None:
    """Compare what it is made of: the document with what we made, and what we made with what is there now."""
    seen, resource = held.seen, held.resource
    if seen is None:
        return None
    ignored = instance.lifecycle.ignore_changes
    as_made = resource is not None and resource.digest == seen.spec_digest
    as_wanted = seen.spec_digest == instance.digest
    if not as_made and not as_wanted and not (resource is None and ignored):
        return _by_digest(seen, held, key_id)
    fields = differences(resource.spec, instance.recorded, column, ignored) if resource and not as_wanted else ()
    if seen.key_id != key_id and any(hides(field) for field in fields):
        return other_key(seen, key_id)
    said = tuple(field.path for field in fields)
    fields += tuple(one for one in mounted if not covered(one.path, ignored) and not _told(one.path, said))
    fields += lifecycle_changes(instance, seen, resource)
    drift = drift_differences(seen.drift, instance.recorded, column, ignored)
    return _change(fields, drift)


def _told(path: str, others: tuple[str, ...]) -> bool:
    """Tell whether a change above or below a path is told already."""
    return covered(path, others) or any(covered(other, (path,)) for other in others)


def lifecycle_changes(instance: Instance, seen: Observation, resource: Resource | None) -> tuple[FieldChange, ...]:
    """Compare the lifecycle; without state, only what the object's labels carry of it."""
    wanted = instance.lifecycle
    told = replace(wanted, prevent_destroy=seen.protected, on_remove=seen.on_remove or wanted.on_remove)
    return lifecycle_differences(resource.lifecycle if resource else told, wanted)


def _by_digest(seen: Observation, held: Holding, key_id: str) -> Decision:
    """Settle an object of which only the digest in its labels is known, and that is neither what we remember nor what is wanted."""
    if seen.key_id != key_id:
        return other_key(seen, key_id)
    if held.interrupted in (Action.CREATE.value, Action.UPDATE.value):
        return Decision(Action.REPLACE, Cause.STATE, "an interrupted run left it as an earlier document wanted it")
    if held.resource is None:
        reason = "it differs from the document (state was lost, so the fields are not known)"
    else:
        reason = "somebody remade it: its labels no longer carry the digest that we wrote"
    return Decision(Action.REPLACE, Cause.DRIFT, reason)


def other_key(seen: Observation, key_id: str) -> Decision:
    """Say that digests cannot be compared."""
    reason = f"its digests were made with key {seen.key_id or 'unknown'}, ours is {key_id}, so they cannot be compared"
    return Decision(Action.NOOP, blocked=f"{reason}: restore that key, or name it in `replace` to make it anew")


def _change(document: tuple[FieldChange, ...], drift: tuple[FieldChange, ...]) -> Decision | None:
    """One change heals both: what the document changed and what somebody changed from outside."""
    seen = {field.path for field in document}
    drift = tuple(field for field in drift if field.path not in seen)
    said = [_names(fields, verb) for fields, verb in ((document, "changed"), (drift, "changed from outside")) if fields]
    if not said:
        return None
    forces = any(field.forces_replace for field in (*document, *drift))
    action = Action.REPLACE if forces else Action.UPDATE
    return Decision(action, Cause.DOCUMENT if document else Cause.DRIFT, "; ".join(said), (*document, *drift))


def _names(fields: tuple[FieldChange, ...], verb: str) -> str:
    """Say which fields differ, those first that force a replacement."""
    paths = [field.path for field in sorted(fields, key=lambda field: not field.forces_replace)]
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"{', '.join(paths[:3])}{more} {verb}"


def _wanted_intent(
    instance: Instance, resource: Resource | None, seen: Observation | None, state: str | None
) -> Intent:
    """``present`` leaves a worker that somebody stopped or paused on purpose as it is."""
    if state in ("started", "restarted"):
        return Intent.STARTED
    if state in ("stopped", "paused"):
        return Intent(state)
    if state == "present" and seen is not None:
        return resource.intent if resource else seen.intent
    return Intent(instance.state)


def _run_state(
    wanted: Intent, seen: Observation, resource: Resource | None, state: str | None, *, overdue: bool
) -> Decision | None:
    now = seen.state
    if state == "restarted" and now.alive:
        return Decision(Action.RESTART, Cause.REQUEST, "asked to be restarted")
    cause = Cause.DRIFT if resource is not None and resource.intent is wanted else Cause.DOCUMENT
    if state not in (None, "present") and cause is Cause.DOCUMENT:
        cause = Cause.REQUEST
    if wanted is Intent.STARTED:
        if overdue and not (seen.draining and seen.draining.expiring):
            return Decision(Action.RESTART, Cause.DRIFT, "its time to live is over")
        return _to_started(now, cause, seen, explicit=state in ("started", "restarted"))
    if wanted is Intent.STOPPED:
        running = now.alive or now in (WorkerState.CREATING, WorkerState.RECOVERING)
        return Decision(Action.STOP, cause, f"it is {now.value}, wanted stopped") if running else None
    return _to_paused(now, cause)


def _to_paused(now: WorkerState, cause: Cause) -> Decision | None:
    if now is WorkerState.PAUSED:
        return None
    reason = f"it is {now.value}, wanted paused"
    if now.alive:
        return Decision(Action.PAUSE, cause, reason)
    return Decision(Action.START, cause, reason, then=Action.PAUSE)


def _to_started(now: WorkerState, cause: Cause, seen: Observation, *, explicit: bool) -> Decision | None:
    if now is WorkerState.PAUSED:
        return Decision(Action.RESUME, cause, "it is paused")
    if now in (WorkerState.FAILED, WorkerState.STOPPED, WorkerState.STOPPING):
        return Decision(Action.START, cause, _why_down(seen))
    if now is WorkerState.COMPLETED and explicit:
        return Decision(Action.START, Cause.REQUEST, "it had completed")
    return _wanted_after_all(seen)


def _wanted_after_all(seen: Observation) -> Decision | None:
    """Settle a worker that finishes its work for a change that nobody wants any more. A restart that was left to it is on its way."""
    draining = seen.draining
    if draining is None or draining.expiring or draining.then is Verb.RESTART or not seen.state.alive:
        return None
    if draining.told:
        return Decision(Action.RESTART, Cause.STATE, "it was told to take no more work, and is wanted after all")
    return Decision(Action.RESUME, Cause.STATE, "it was to be stopped when idle, and is wanted after all")


def _why_down(seen: Observation) -> str:
    if seen.reason:
        return f"it is {seen.state.value}: {seen.reason}"
    if seen.exit_code is None:
        return f"it is {seen.state.value}"
    if seen.exit_code < 0:
        return f"it was killed by {_signal_name(-seen.exit_code)}"
    return f"it ended with exit code {seen.exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def adopt(
    instance: Instance, seen: Observation, resource: Resource | None, **others: tuple[object, object]
) -> Decision | None:
    """Find what state has to learn of an object that is as it should be; ``others`` is what it remembers besides, and what is wanted."""
    if resource is None:
        return Decision(Action.ADOPT, Cause.STATE, "it is there and as the document wants it; state did not know it")
    if resource.digest != seen.spec_digest:
        return Decision(Action.ADOPT, Cause.STATE, "it is as the document wants it; state remembered another spec")
    remembered = {
        "dependencies": (resource.dependencies, instance.depends_on),
        "source": (resource.source, instance.fragment),
        **others,
    }
    changed = [name.replace("_", " ") for name, (known, wanted) in remembered.items() if known != wanted]
    if not changed:
        return None
    return Decision(Action.ADOPT, Cause.STATE, f"only state has to learn of it: {' and '.join(changed)} changed")

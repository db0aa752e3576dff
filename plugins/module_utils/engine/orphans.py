# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect what nobody remembers: objects of our owner that belong to a lineage that is gone, or to no document and no state.

Decided by owner, lineage, age and lease alone, and told before it is done: ``judge`` is what a dry run shows, and ``collect``
deletes exactly what it would show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..model.address import Address
from ..model.errors import HodeiError, Kind
from ..model.ports import Activity, DrainRequest, Observation, Outcome, Provider, Target, Verb
from ..model.quantities import rough_time
from ..model.records import Lease, Operation, OperationEnd, Run, State
from ..model.states import WorkerState
from ..model.worker import Document, Lifecycle
from .converge import Ports, Tools, same_fleet
from .lease import LeaseKeeper, held_lease
from .provider_fault import provider_fault
from .survey import Survey, survey


@dataclass(frozen=True)
class Collect:
    """One collection: ``lineages`` are those that may be collected, one's own only by its name; ``older_than`` is in seconds.

    ``leases`` are those of the same owner that are known to exist elsewhere, each with the lineage that it belongs to.
    """

    document: Document
    holder: str
    lineages: tuple[str, ...]
    older_than: float
    max_deletes: int
    actor: str = ""
    leases: tuple[Lease, ...] = ()
    lease_ttl: float = 30.0
    lease_timeout: float = 60.0
    break_lease: bool = False


@dataclass(frozen=True)
class Orphan:
    """An object that nobody remembers. ``kept`` says why it is left alone, empty when it goes; ``error`` why it could not go."""

    provider: str
    seen: Observation
    age: float | None
    kept: str = ""
    error: HodeiError | None = None


@dataclass(frozen=True)
class Collection:
    """What was found, and the providers that could not be seen, about whose objects nothing is concluded."""

    orphans: tuple[Orphan, ...]
    unseen: Mapping[str, str]

    @property
    def going(self) -> list[Orphan]:
        """Those that go, or went."""
        return [one for one in self.orphans if not one.kept]


def judge(request: Collect, seen: Survey, state: State, now: float) -> Collection:
    """Say of each object that nobody remembers whether it goes, and why not; pure."""
    found = [
        Orphan(provider, one, age, _kept(request, one, age, now))
        for provider, one in _unknown(request.document, seen, state)
        if provider in seen.world.seen
        for age in [None if one.created_at is None else max(0.0, now - one.created_at)]
    ]
    return Collection(tuple(found), seen.world.unseen)


def _unknown(document: Document, seen: Survey, state: State) -> Iterator[tuple[str, Observation]]:
    """Yield objects of another lineage, and those of ours that neither the document nor state knows."""
    yield from seen.world.foreign
    known = {one.address for one in state.resources} | {one.address for one in state.pending}
    for address, objects in seen.world.objects.items():
        if address.name not in document.names and address not in known:
            yield from ((seen.world.provider_of[address, one.generation], one) for one in objects)


def _kept(request: Collect, one: Observation, age: float | None, now: float) -> str:
    live = [lease for lease in request.leases if lease.lineage == one.lineage and lease.expires_at > now]
    if one.lineage not in request.lineages:
        return f"lineage {one.lineage} is not among `lineages`"
    if live:
        return f"a run of lineage {one.lineage} holds its lease"
    if age is None:
        return "its age is unknown"
    if age < request.older_than:
        return f"it is {rough_time(age)} old, not yet {rough_time(request.older_than)}"
    if one.protected:
        return "it is protected by prevent_destroy"
    if one.state is WorkerState.UNKNOWN:
        return f"its state is unknown: {one.reason}" if one.reason else "its state is unknown"
    return ""


def look(request: Collect, ports: Ports, tools: Tools, state: State) -> Collection:
    """Look, and change nothing: no lease is taken."""
    same_fleet(request.document, state)
    return judge(request, survey(ports.providers, request.document.lineage), state, tools.clock())


def collect(request: Collect, ports: Ports, tools: Tools) -> Collection:
    """Delete what ``look`` shows as going, journalled, under the owner's lease.

    Raises HodeiError(conflict) when the lease is held or the state is another fleet's, (resource_exhausted) when it is more than
    ``max_deletes``; nothing was deleted then.
    """
    with held_lease(
        ports.store,
        request.holder,
        ttl=request.lease_ttl,
        timeout=request.lease_timeout,
        break_lease=request.break_lease,
        clock=tools.clock,
        on_wait=tools.on_wait,
        give_up=tools.stop.is_set,
    ) as keeper:
        found = look(request, ports, tools, ports.store.read())
        if len(found.going) > request.max_deletes:
            raise HodeiError(
                Kind.RESOURCE_EXHAUSTED,
                f"{len(found.going)} objects would be deleted, and max_deletes is {request.max_deletes}",
                hint="Look at them with state: listed; then raise max_deletes, or name fewer lineages.",
                retryable=False,
            )
        if not found.going:
            return found
        run = Run(tools.new_id(), "collect", tools.clock(), request.document.digest, request.actor)
        ports.store.start_run(keeper.lease, run)
        done = replace(found, orphans=tuple(_delete(ports, tools, keeper, run.run_id, found.orphans)))
        failed = sum(one.error is not None for one in done.going)
        summary = {"deleted": len(done.going) - failed, "failed": failed}
        ended = replace(run, ended_at=tools.clock(), result="failed" if failed else "ok", summary=summary)
        ports.store.finish_run(keeper.lease, ended)
        return done


def _delete(
    ports: Ports, tools: Tools, keeper: LeaseKeeper, run_id: str, orphans: Iterable[Orphan]
) -> Iterator[Orphan]:
    """Delete in calls of the size that each provider allows; stopped or without the lease, nothing new begins."""
    by_provider: dict[str, list[Orphan]] = {}
    for one in orphans:
        if one.kept:
            yield one
        else:
            by_provider.setdefault(one.provider, []).append(one)
    for name, going in by_provider.items():
        provider = ports.providers[name]
        size = max(1, provider.fingerprint().limits.bulk)
        for start in range(0, len(going), size):
            part = going[start : start + size]
            if tools.stop.is_set():
                yield from (replace(one, kept="the run was interrupted before it") for one in part)
            else:
                keeper.check()
                yield from _delete_part(ports, tools, keeper, run_id, name, provider, part)


def _delete_part(
    ports: Ports,
    tools: Tools,
    keeper: LeaseKeeper,
    run_id: str,
    name: str,
    provider: Provider,
    part: Sequence[Orphan],
) -> list[Orphan]:
    now = tools.clock()
    operations = [
        Operation(tools.new_id(), run_id, one.seen.address, one.seen.generation, "collect", name, begun_at=now)
        for one in part
    ]
    ports.store.begin(keeper.lease, operations)
    idle = _idle(name, provider, part)
    outcomes = _ask(name, "delete", partial(provider.act, Verb.DELETE), [_target(one) for one in idle if not one.kept])
    done = [one if one.kept else replace(one, error=outcomes[_key(one)].error) for one in idle]
    now = tools.clock()
    ends = [
        OperationEnd(operation.op_id, now, error=one.error.as_dict() if one.error else None)
        for operation, one in zip(operations, done, strict=True)
    ]
    ports.store.end(keeper.lease, ends)
    return done


def _idle(name: str, provider: Provider, part: Sequence[Orphan]) -> list[Orphan]:
    """Let those finish their work that say how: who works is told, and kept until a later run."""
    drained = [one for one in part if one.seen.drain is not None and one.seen.state.alive]
    if not drained:
        return list(part)
    outcomes = _ask(name, "drain", provider.drain, [DrainRequest(_target(one)) for one in drained])

    def judged(one: Orphan) -> Orphan:
        outcome = outcomes.get(_key(one))
        if outcome is None:
            return one
        if outcome.activity is Activity.IDLE:
            return replace(one, seen=outcome.observation or one.seen)
        why = outcome.error or outcome.reason or "it works"
        return replace(one, kept=f"it was told to finish its work: {why}; run this again later")

    return [judged(one) for one in part]


def _key(one: Orphan) -> tuple[Address, int]:
    return one.seen.address, one.seen.generation


def _target(one: Orphan) -> Target:
    lifecycle = Lifecycle(drain=one.seen.drain)
    return Target(one.seen.address, one.seen.generation, one.seen.external_id, one.seen.etag, lifecycle)


def _ask(
    name: str, verb: str, call: Callable[[Sequence[Any]], Iterable[Outcome]], items: Sequence[Any]
) -> dict[tuple[Address, int], Outcome]:
    """Make one bulk call; what it says nothing about has failed."""
    silent = HodeiError(Kind.PROVIDER_SPECIFIC, "its provider said nothing about it", hint="Look again.")
    found: dict[tuple[Address, int], Outcome] = {}
    try:
        for outcome in call(items) if items else ():
            found.setdefault((outcome.address, outcome.generation), outcome)
    except HodeiError as error:
        silent = error
    except Exception as error:  # noqa: BLE001 - a fault of a provider must not lose the outcomes of the others
        silent = provider_fault(name, verb, error)
    for item in items:
        key = (item.address, item.generation)
        found.setdefault(key, Outcome(*key, error=silent))
    return found

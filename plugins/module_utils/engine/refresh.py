# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make state follow the world, without changing a worker: record what is there, forget what is gone, adopt a lineage by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..model.address import Address
from ..model.errors import HodeiError, Kind
from ..model.ports import CreateRequest, Labels, Observation, Outcome, Provider
from ..model.records import Operation, OperationEnd, Resource, Run, State
from ..model.worker import Document, Instance
from .converge import Ports, Tools, same_fleet
from .current import Holding, holdings
from .lease import LeaseKeeper, held_lease
from .options import Options
from .outcome import superseded
from .survey import Survey, survey


@dataclass(frozen=True)
class Refresh:
    """One refresh. ``adopt_lineages`` names foreign lineages whose objects become ours; times are seconds."""

    document: Document
    key_id: str
    holder: str
    actor: str = ""
    adopt_lineages: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    lease_ttl: float = 30.0
    lease_timeout: float = 60.0
    break_lease: bool = False
    check: bool = False


class _Note(NamedTuple):
    """Something to record about one object that needs no side effect."""

    verb: str
    address: Address
    generation: int
    provider: str
    put: tuple[Resource, ...] = ()
    drop: tuple[tuple[Address, int], ...] = ()


@dataclass
class Found:
    """What a refresh recorded: addresses by what became of them, and what it could not or may not touch."""

    adopted: list[Address] = field(default_factory=list)
    updated: list[Address] = field(default_factory=list)
    forgotten: list[Address] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def refresh(request: Refresh, ports: Ports, tools: Tools, state: State) -> Found:
    """Look, and write what was seen. In check mode nothing is written and no lease is taken.

    Raises HodeiError(conflict) when the lease is held or the state is another fleet's.
    """
    if request.check:
        return _look(request, ports, tools, state)[0]
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
        state = ports.store.read()
        found, notes, foreign = _look(request, ports, tools, state)
        run = Run(tools.new_id(), "refresh", tools.clock(), request.document.digest, request.actor)
        ports.store.start_run(keeper.lease, run)
        serial = _record(ports, tools, keeper, run.run_id, notes) if notes else state.serial
        if foreign and not tools.stop.is_set():
            serial = _adopt_lineages(request, ports, tools, keeper, run.run_id, foreign, found)
        summary = {
            "adopted": len(found.adopted),
            "updated": len(found.updated),
            "forgotten": len(found.forgotten),
            "failed": len(found.failed),
        }
        result = "failed" if found.failed or found.unseen else "ok"
        ended = replace(run, ended_at=tools.clock(), result=result, summary=summary, serial=serial)
        ports.store.finish_run(keeper.lease, ended)
        return found


def _look(
    request: Refresh, ports: Ports, tools: Tools, state: State
) -> tuple[Found, list[_Note], list[tuple[str, Observation]]]:
    same_fleet(request.document, state)
    seen = survey(ports.providers, request.document.lineage)
    options = Options(targets=request.targets, excludes=request.excludes)
    wanted = {instance.address: instance for instance in request.document.instances}
    found = Found(unseen=dict(seen.world.unseen))
    now = tools.clock()
    notes: list[_Note] = []
    remembered: dict[Address, list[Resource]] = {}
    for resource in state.resources:
        remembered.setdefault(resource.address, []).append(resource)
    for address, held in holdings(state, seen.world).items():
        if options.selects(address) and address not in seen.world.twins:
            notes += _follow(held, wanted.get(address), remembered.get(address, ()), seen, found, now)
    foreign = []
    for provider, one in seen.world.foreign:
        if (
            one.lineage in request.adopt_lineages
            and options.selects(one.address)
            and one.address not in seen.world.objects
        ):
            foreign.append((provider, one))
            if request.check:
                found.adopted.append(one.address)
        else:
            found.foreign.append(f"{one.address} on '{provider}' belongs to lineage {one.lineage}")
    return found, notes, foreign


def _follow(
    held: Holding,
    instance: Instance | None,
    remembered: Sequence[Resource],
    seen: Survey,
    found: Found,
    now: float,
) -> Iterator[_Note]:
    """Say what of one address state has to record."""
    one, resource = held.seen, held.resource
    if one is None:
        if resource is not None and resource.provider in seen.world.seen:
            address = resource.address
            found.forgotten.append(address)
            drop = ((address, resource.generation),)
            yield _Note("forget", address, resource.generation, resource.provider, drop=drop)
        return
    address = one.address
    if resource is None:
        if instance is None or instance.digest == one.spec_digest:
            found.adopted.append(address)
            provider = seen.world.provider_of[address, one.generation]
            known = _resource(one, provider, instance, now)
            put = (known, *superseded((known,), (), remembered, now))
            yield _Note("adopt", address, one.generation, provider, put=put)
    elif resource.status is not one.state or resource.external_id != one.external_id:
        found.updated.append(address)
        current = replace(resource, status=one.state, external_id=one.external_id, updated_at=now)
        yield _Note("record", address, one.generation, resource.provider, put=(current,))


def _record(ports: Ports, tools: Tools, keeper: LeaseKeeper, run_id: str, notes: Sequence[_Note]) -> int:
    """Journal notes as operations that begin and end at once, so that history shows them."""
    now = tools.clock()
    operations = [
        Operation(tools.new_id(), run_id, note.address, note.generation, note.verb, note.provider, begun_at=now)
        for note in notes
    ]
    ports.store.begin(keeper.lease, operations)
    ends = [
        OperationEnd(operation.op_id, now, put=note.put, drop=note.drop)
        for note, operation in zip(notes, operations, strict=True)
    ]
    return ports.store.end(keeper.lease, ends)


def _resource(one: Observation, provider: str, instance: Instance | None, now: float) -> Resource:
    """Describe an object that state did not know; what no document describes keeps its own protection."""
    return Resource(
        address=one.address,
        generation=one.generation,
        provider=provider,
        external_id=one.external_id,
        spec=instance.recorded if instance else {},
        digest=one.spec_digest,
        lifecycle=instance.lifecycle if instance else one.lifecycle,
        dependencies=instance.depends_on if instance else (),
        intent=one.intent,
        status=one.state,
        source=instance.fragment if instance else "",
        created_at=one.created_at or now,
        updated_at=now,
    )


def _adopt_lineages(
    request: Refresh,
    ports: Ports,
    tools: Tools,
    keeper: LeaseKeeper,
    run_id: str,
    foreign: Sequence[tuple[str, Observation]],
    found: Found,
) -> int:
    """Write our lineage into the labels of foreign objects, journalled like every other side effect."""
    now = tools.clock()
    operations = [
        Operation(tools.new_id(), run_id, one.address, one.generation, "adopt", provider, one.spec_digest, begun_at=now)
        for provider, one in foreign
    ]
    ports.store.begin(keeper.lease, operations)
    labels = Labels(request.document.owner, request.document.lineage, request.key_id, run_id)
    by_provider: dict[str, list[CreateRequest]] = {}
    for (provider, one), operation in zip(foreign, operations, strict=True):
        by_provider.setdefault(provider, []).append(_relabel(one, operation, labels))
    outcomes = {
        (one.address, one.generation): one
        for provider, requests in by_provider.items()
        for one in _update(ports.providers[provider], requests)
    }
    now = tools.clock()
    ends = []
    for (provider, one), operation in zip(foreign, operations, strict=True):
        outcome = outcomes.get((one.address, one.generation))
        problem = outcome.error if outcome else HodeiError(Kind.PROVIDER_SPECIFIC, "its provider said nothing about it")
        if problem is not None:
            found.failed.append(f"{one.address}: {problem}")
            ends.append(OperationEnd(operation.op_id, now, error=problem.as_dict()))
        else:
            found.adopted.append(one.address)
            ends.append(OperationEnd(operation.op_id, now, put=(_resource(one, provider, None, now),)))
    return ports.store.end(keeper.lease, ends)


def _update(provider: Provider, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
    """Update in calls of the size that the provider allows; a call that breaks fails those of its own that it left open."""
    size = max(1, provider.fingerprint().limits.bulk)
    for start in range(0, len(requests), size):
        missing = {(one.address, one.generation): one for one in requests[start : start + size]}
        try:
            for outcome in provider.update(list(missing.values())):
                if missing.pop((outcome.address, outcome.generation), None) is not None:
                    yield outcome
        except HodeiError as error:
            for address, generation in missing:
                yield Outcome(address, generation, error=error)


def _relabel(one: Observation, operation: Operation, labels: Labels) -> CreateRequest:
    return CreateRequest(
        address=one.address,
        generation=one.generation,
        operation=operation.op_id,
        spec={},
        digest=one.spec_digest,
        labels=replace(labels, key_id=one.key_id),  # the digest stays the one that was made with that key
        lifecycle=one.lifecycle,
        intent=one.intent,
        worker=one.address.name,
        index=one.address.key,
        etag=one.etag,
        adopt_from=one.lineage,
    )

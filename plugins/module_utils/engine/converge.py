# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main path: read, observe, plan, authorize, apply, tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..durable.failpoints import hit
from ..model.change import Action, Plan
from ..model.errors import HodeiError, InvalidDocument, Kind
from ..model.records import Run, State
from ..model.state_store import StateStore
from ..model.worker import Document
from .inputs import Inputs
from .lease import LeaseKeeper, held_lease
from .plan import make_plan
from .request import Authorizer, Ports, Report, Request, Tools
from .survey import Survey, survey

if TYPE_CHECKING:
    from .apply import Result

__all__ = ["Ports", "Report", "Request", "Tools", "converge", "preview", "same_fleet"]


def preview(request: Request, ports: Ports, tools: Tools, state: State | None = None) -> Report:
    """Plan without touching anything: no lease, no write. ``state`` stands in for one that does not exist yet."""
    state = state or ports.store.read()
    same_fleet(request.document, state)
    seen = survey(ports.objects, request.document.lineage)
    return Report(plan=_plan(request, ports, seen, state, tools.clock()), survey=seen, state=state)


def converge(request: Request, ports: Ports, tools: Tools) -> Report:
    """Make the world what the document says.

    Raises InvalidDocument when a guard or a provider refuses (nothing was changed), HodeiError(conflict) when the lease is held,
    the state is another fleet's, a saved plan is stale, or ``fail_on`` names what was found. What fails later stands in the report.
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
        state = ports.store.read()
        same_fleet(request.document, state)
        seen = survey(ports.objects, request.document.lineage, attend=True)
        plan = _plan(request, ports, seen, state, tools.clock())
        if request.saved is not None:
            from .savedplan import refuse_stale

            refuse_stale(request.saved, request.document, state, plan)
        if plan.problems:
            raise InvalidDocument(plan.problems)
        if request.fail_on:
            from .findings import refuse_found

            refuse_found(plan, request.fail_on)
        _authorize(ports.authorizer, plan)
        return _run(
            request, ports, tools, keeper, Report(plan, seen, state, run_id=tools.new_id(), serial=state.serial)
        )


def _run(request: Request, ports: Ports, tools: Tools, keeper: LeaseKeeper, report: Report) -> Report:
    """Write down that the run began, do what is to be done, write down how it ended."""
    digest = report.plan.document_digest
    run = Run(report.run_id, request.kind, tools.clock(), document_digest=digest, actor=request.actor)
    hit("run.before")
    ports.store.start_run(keeper.lease, run)
    hit("run.after")
    if report.plan.pending or report.state.pending:
        from .execute import execute  # most runs change nothing, and do not pay for loading it

        report = execute(request, ports, tools, keeper, report)
    return replace(report, broken=report.broken or _finish(ports.store, keeper, report, run, tools.clock()))


def _plan(request: Request, ports: Ports, seen: Survey, state: State, now: float) -> Plan:
    inputs = Inputs(
        document=request.document,
        state=state,
        world=seen.world,
        columns=seen.columns,
        key_id=request.key_id,
        now=now,
        options=request.saved.options if request.saved else request.options,
    )
    if request.imports:
        from .importing import plan_imports

        plan = plan_imports(inputs, request.imports, ports.providers, accept=request.accept_differences)
        return replace(plan, warnings=(*plan.warnings, *seen.warnings))
    plan = make_plan(inputs)
    problems = list(plan.problems)
    making = {c.address for c in plan.changes if c.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)}
    for name, provider in ports.objects.items():
        instances = [one for one in request.document.wanted if one.provider == name and one.address in making]
        if instances and name in seen.fingerprints:
            problems += provider.validate(instances)
    # Equal instances have equal problems; one of each is enough.
    told = seen.warnings_of({*ports.secrets, *_at_work(inputs)})
    return replace(plan, problems=tuple(dict.fromkeys(problems)), warnings=(*plan.warnings, *told))


def _at_work(inputs: Inputs) -> set[str]:
    """Return the providers that have workers in this run; what the others have to say is for another one."""
    wanted = {(one.address, one.provider) for one in inputs.document.wanted}
    seen = {(address, name) for (address, _unused), name in inputs.world.provider_of.items()}
    return {name for address, name in wanted | seen if inputs.options.selects(address)}


def same_fleet(document: Document, state: State) -> None:
    """Raise HodeiError(conflict) unless document and state are of one lineage and one owner."""
    if document.lineage != state.lineage:
        raise HodeiError(
            Kind.CONFLICT,
            f"the document is of lineage {document.lineage}, but the state of owner '{document.owner}' here is of {state.lineage}",
            hint="Another fleet uses this owner: choose another owner, or use that fleet's lineage.",
        )
    if document.owner != state.owner:
        raise HodeiError(
            Kind.CONFLICT,
            f"the document is owner '{document.owner}''s, but the state here is '{state.owner}''s",
            hint=f"Correct hodei_owner or backend.path; to give the fleet another owner, write into hodei_moved: "
            f"{{from: owner.{state.owner}, to: owner.{document.owner}}}.",
        )


def _authorize(authorizer: Authorizer | None, plan: Plan) -> None:
    """Decide every change before the first side effect; one denial stops the run."""
    if authorizer is None:
        return
    denied = [error for error in authorizer.decide(plan.pending) if error is not None]
    if denied:
        raise HodeiError(Kind.AUTHORIZATION, "; ".join(str(error) for error in denied))


def _finish(store: StateStore, keeper: LeaseKeeper, report: Report, run: Run, now: float) -> HodeiError | None:
    """Record how the run ended; what it did must be told even if that fails."""
    ended = replace(
        run,
        ended_at=now,
        result="failed" if report.failed else "ok",
        summary={**report.plan.totals(), **_count(report.results)},
        serial=report.serial,
    )
    hit("finish.before")
    try:
        store.finish_run(keeper.lease, ended)
    except HodeiError as error:
        return error
    hit("finish.after")
    return None


def _count(results: Iterable[Result]) -> dict[str, int]:
    counts = {"done": 0, "failed": 0, "skipped": 0, "unrecorded": 0, "waiting": 0}
    for result in results:
        counts[result.status] += 1
    return counts

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that change workers: worker, fleet, and the preview of both, fleet_plan."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.converge import Ports, Report, Request, Tools, converge, preview
from ..engine.interrupt import Stop
from ..engine.options import Options
from ..engine.request import Listener
from ..model.address import Address
from ..model.change import Plan
from ..model.errors import HodeiError, InvalidDocument, Kind
from ..model.mounts import STORE, Vaults
from ..model.ports import Observation, Provider
from ..model.references import references_of, referring_of
from ..providers.registry import ConfigSchemas
from ..stores.registry import store_schemas
from . import signals
from .arguments import lease_settings, seconds
from .owning import NotMovedYetError, hand_over, refuse_unclear, settle
from .result import observation_result, report_result
from .session import Session, make_provider, open_session

if TYPE_CHECKING:
    from ..engine.savedplan import SavedPlan


def run_worker(module: AnsibleModule) -> dict[str, Any]:
    """Converge the workers that the task names, and nothing else."""
    params = module.params
    with open_session(params, write=not module.check_mode, only_named=True) as session:
        if not session.document.instances:
            raise HodeiError(
                Kind.VALIDATION, "the task names no worker", hint="Give `name` and its fields, or `workers`."
            )
        options = Options(state=params["state"], **_selection(params))
        report = converge_or_preview(module, session, options, "worker")
        result = report_result(report, diff=module._diff)
        result["workers"] = _workers(report)
        return result


def run_fleet(module: AnsibleModule) -> dict[str, Any]:
    """Converge the whole document, apply a saved plan, or destroy the fleet; a fleet that is to get another owner gets it first."""
    try:
        return _fleet(module)
    except NotMovedYetError:
        return _fleet(module, moved_from=_move_owner(module))


def _fleet(module: AnsibleModule, moved_from: str = "") -> dict[str, Any]:
    params = module.params
    destroy = params["state"] == "absent"
    with open_session(params, write=not module.check_mode, converging=not destroy) as session:
        session.moved_from = session.moved_from or moved_from
        options, saved = _fleet_options(params, session)
        report = converge_or_preview(module, session, options, "destroy" if destroy else "converge", saved)
        if not module.check_mode:
            settle(session.directory, session.providers)
        return report_result(report, diff=module._diff)


def _move_owner(module: AnsibleModule) -> str:
    """Give the fleet its new owner, once its plan is one that could be carried out; returns the owner of before."""
    with open_session(module.params, write=False) as session:
        origin, document = session.origin, session.document
        if origin is None:
            return ""  # another run was faster
        options, saved = _fleet_options(module.params, session)
        report = _preview(module, session, options, "converge", saved)
        plan = checked(report, module.params)
        refuse_unclear(report.survey.world, origin.name)
        if saved is not None:
            from ..engine.savedplan import refuse_stale

            refuse_stale(saved, document, session.state, plan)

        def providers(place: Path) -> dict[str, Provider]:
            settings, credentials = session.settings, session.credentials
            return {
                name: make_provider(name, config, document.owner, place / "providers" / name, settings, credentials)
                for name, config in document.providers.items()
            }

        def secrets(place: Path) -> None:
            if session.secrets:
                from .access import Asking
                from .run_secrets import inherit_secrets

                inherit_secrets(
                    document, place, session.state.resources, Asking(**session.asking), origin.name, module.warn
                )

        hand_over(origin, document, providers, secrets, session.holder, module.warn, **lease_settings(module.params))
        return origin.name


def _fleet_options(params: dict[str, Any], session: Session) -> tuple[Options, SavedPlan | None]:
    destroy, owner = params["state"] == "absent", session.document.owner
    if destroy and params["confirm"] != owner:
        raise HodeiError(
            Kind.VALIDATION,
            f"this would delete every worker of '{owner}'",
            hint=f"If that is meant, set confirm: {owner} (the playbook takes -e hodei_confirm={owner}).",
        )
    return Options(destroy=destroy, **_selection(params), **_pruning(params)), _saved(params, session)


def run_forget(module: AnsibleModule) -> dict[str, Any]:
    """Let go of the workers that the targets select: they run on and belong to nobody."""
    params = module.params
    if not params["targets"]:
        raise HodeiError(
            Kind.VALIDATION,
            "no targets are given, and nobody forgets a whole fleet by accident",
            hint="Name the workers in `targets`; ['*'] means all of them.",
        )
    with open_session(params, write=not module.check_mode) as session:
        report = converge_or_preview(module, session, Options(state="forgotten", **_selection(params)), "forget")
        return report_result(report, diff=module._diff)


def run_plan(module: AnsibleModule) -> dict[str, Any]:
    """Say what a converge would do; save it, sealed, where a path is given.

    Check mode says whether a converge would change anything; otherwise only a saved plan is a change.
    """
    from ..engine.findings import findings
    from ..engine.plantext import plan_text, totals_text

    params = module.params
    with open_session(params, write=False) as session:
        refuse_missing(session)
        options = Options(destroy=params["state"] == "absent", **_selection(params), **_pruning(params))
        report = _preview(module, session, options, "plan", None)
        result = report_result(report, diff=module._diff)
        result["text"] = plan_text(report.plan)
        result["pending"] = len(report.plan.pending) + bool(report.plan.owner_from)
        result["findings"] = findings(report.plan)
        result["summary"] = totals_text(report.plan)
        result["notes"] = bool(report.plan.blocked or report.plan.kept or report.plan.problems or report.plan.foreign)
        if params["markdown"]:
            from ..engine.planmarkdown import plan_markdown

            result["markdown"] = plan_markdown(report.plan, params["markdown_limit"])
        if params["path"] is not None:
            result |= _save(module, session, options, report)
        elif not module.check_mode:
            result["changed"] = False
        return result


def converge_or_preview(
    module: AnsibleModule,
    session: Session,
    options: Options,
    kind: str,
    saved: SavedPlan | None = None,
    **more: Any,
) -> Report:
    """Do a run, or only plan it in check mode; ``more`` are fields of its Request."""
    refuse_missing(session)
    if module.check_mode:
        report = _preview(module, session, options, kind, saved, **more)
        checked(report, module.params)
        return report
    stop = Stop()
    signals.watch(stop)
    tools = Tools(new_id=new_id, stop=stop, on_wait=module.warn)
    ports = replace(_ports(session), listener=_listener(session))
    report = _told(converge(_request(module, session, options, kind, saved, **more), ports, tools), session)
    session.conclude()
    _warn(module, session, report)
    waiting = [one for one in report.results if one.status == "waiting"]
    if waiting:
        from ..engine.plantext import results_text

        module.warn(f"not waited for, because they are at work:\n{results_text(waiting)}")
    return report


def refuse_missing(session: Session) -> None:
    """Raise InvalidDocument with all credentials that are to be secrets which are not there, and which this run does not make either."""
    document, vaults = session.document, Vaults(tuple(session.document.stores))
    used = {name: document.providers[name] for name in session.providers}
    stores = document.stores if session.secrets else {}
    referring = referring_of(used, ConfigSchemas(), stores, store_schemas())
    coming = {one.address.name: one.provider.removeprefix(STORE) for one in document.secrets}
    missing = session.credentials.missing((one for each in referring for one in references_of(each, vaults)), coming)
    if missing:
        raise InvalidDocument(missing)


def _preview(
    module: AnsibleModule, session: Session, options: Options, kind: str, saved: SavedPlan | None, **more: Any
) -> Report:
    request = _request(module, session, options, kind, saved, **more)
    report = _told(preview(request, _ports(session), Tools(new_id=new_id), session.state), session)
    _warn(module, session, report)
    return report


def checked(report: Report, params: Mapping[str, Any]) -> Plan:
    """Return a plan that may be carried out. Raises InvalidDocument, or HodeiError(conflict) for what ``fail_on`` names."""
    if report.plan.problems:
        raise InvalidDocument(report.plan.problems)
    if params.get("fail_on"):
        from ..engine.findings import refuse_found

        refuse_found(report.plan, params["fail_on"])
    return report.plan


def _told(report: Report, session: Session) -> Report:
    """Let the plan tell of another owner, too."""
    if not session.moved_from:
        return report
    brings = len(report.survey.world.objects)
    return replace(report, plan=replace(report.plan, owner_from=session.moved_from, owner_brings=brings))


def _request(
    module: AnsibleModule, session: Session, options: Options, kind: str, saved: SavedPlan | None, **more: Any
) -> Request:
    params = module.params
    return Request(
        document=session.document,
        options=options,
        key_id=session.key.id,
        kind=kind,
        holder=session.holder,
        actor=session.actor,
        saved=saved,
        fail_on=tuple(params.get("fail_on") or ()),
        parallel=params.get("parallel") or 64,
        interrupt_grace=seconds(params, "interrupt_grace", 10.0),
        wait_for_drain=params.get("wait_for_drain") is not False,
        **lease_settings(params),
        **more,
    )


def _ports(session: Session) -> Ports:
    return Ports(store=session.store, providers=session.providers, secrets=session.secrets)


def _listener(session: Session) -> Listener | None:
    if not session.progress:
        return None
    from .progress import ProgressFile

    return ProgressFile(session.progress)


def _selection(params: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(params[name]) for name in ("targets", "excludes", "replace") if name in params} | {
        "drain": params.get("drain", True)
    }


def _pruning(params: dict[str, Any]) -> dict[str, Any]:
    names = ("prune", "max_deletes", "allow_empty")
    return {name: params[name] for name in names} | {"prune_fragments": tuple(params["prune_fragments"])}


def _saved(params: dict[str, Any], session: Session) -> SavedPlan | None:
    path = params["plan"]
    if path is None:
        return None
    from ..engine.savedplan import unseal

    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise HodeiError(Kind.CONFIGURATION, f"the plan {path} cannot be read: {error.strerror}") from None
    document = session.document
    return unseal(text, secret=session.key.secret, owner=document.owner, lineage=document.lineage, now=session.clock())


def _save(module: AnsibleModule, session: Session, options: Options, report: Report) -> dict[str, Any]:
    """Write a sealed plan atomically; a plan that would be refused is not worth saving."""
    if report.plan.problems:
        raise InvalidDocument(report.plan.problems)
    path = Path(module.params["path"]).expanduser()
    ttl = seconds(module.params, "expires", 86400.0)
    plan_id = new_id()
    if not module.check_mode:
        from ..engine.savedplan import seal

        text = seal(report.plan, options, secret=session.key.secret, plan_id=plan_id, now=session.clock(), ttl=ttl)
        _write(path, text)
    return {"changed": True, "path": str(path), "plan_id": plan_id}


def _write(path: Path, text: str) -> None:
    import tempfile

    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise HodeiError(Kind.CONFIGURATION, f"the plan cannot be written to {path}: {error.strerror}") from None


def _warn(module: AnsibleModule, session: Session, report: Report) -> None:
    for text in (*session.warnings, *report.plan.warnings):
        module.warn(text)
    for text in report.plan.foreign:
        module.warn(f"{text}; it is left alone")
    if module.params.get("prune"):
        for why, count in Counter(report.plan.kept.values()).items():
            who = "1 worker" if count == 1 else f"{count} workers"
            module.warn(f"not in the document, but kept: {who}, because {why}")


def _workers(report: Report) -> list[dict[str, Any]]:
    """Return the named workers as they are after the run."""
    world = report.survey.world
    latest: dict[Address, Observation | None] = {}
    for change in report.plan.changes:
        latest[change.address] = next(reversed(world.at(change.address)), None)
    for one in report.results:
        if one.outcome is not None and one.status == "done":
            latest[one.change.address] = one.outcome.observation
    return [observation_result(seen) for seen in latest.values() if seen is not None]


def new_id() -> str:
    return uuid.uuid4().hex

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that look: fleet_info, worker_info; and those that reach into a worker: worker_exec, worker_logs."""

from __future__ import annotations

import base64
import time
from dataclasses import asdict, replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.converge import Ports, Request, Tools, preview
from ..engine.current import Holding, holdings
from ..engine.options import Options
from ..engine.state.holder import shown
from ..engine.survey import Survey, survey
from ..model.address import Address, parse_address
from ..model.errors import HodeiError, Kind
from ..model.mounts import called
from ..model.ports import ExecRequest, LogRequest, Target
from .arguments import octets, seconds
from .forwards import forwards
from .patience import Patience, condition
from .result import draining_result, observation_result
from .sealed_arguments import opened
from .session import Session, open_session


def run_fleet_info(module: AnsibleModule) -> dict[str, Any]:
    """Say how a fleet is: lineage, lease, history, drift, what is overdue."""
    params = module.params
    with open_session(params, write=False) as session:
        request = Request(session.document, Options(prune=True), session.key.id)
        report = preview(request, Ports(session.store, session.providers), Tools(new_id=str), session.state)
        plan, document = report.plan, session.document
        lease = session.store.lease() if session.store.exists() else None
        runs = session.store.history(params["history"]) if session.store.exists() else []
        return {
            "changed": False,
            "owner": document.owner,
            "lineage": document.lineage,
            "serial": session.state.serial,
            "directory": str(session.directory),
            "lease": None if lease is None else {**asdict(lease), "holder": shown(lease.holder)},
            "history": [asdict(run) for run in runs],
            "drift": [_drift(change) for change in plan.pending if change.cause.value == "drift"],
            "pending": len(plan.pending),
            "overdue": [{"address": address, "seconds": late} for address, late in plan.overdue.items()],
            "draining": _draining(report.survey),
            "foreign": list(plan.foreign),
            "unseen": dict(report.survey.world.unseen),
            "providers": {name: _fingerprint(found) for name, found in report.survey.fingerprints.items()},
            "workers": _states(report.survey),
        }


def run_worker_info(module: AnsibleModule) -> dict[str, Any]:
    """Say how workers are, what happened to them, and where each setting comes from; with ``wait``, once they are as wanted."""
    params = module.params
    options = Options(targets=tuple(params["targets"]), excludes=tuple(params["excludes"]))
    with open_session(params, write=False) as session:
        seen = survey(session.providers, session.document.lineage)
        if params["wait"]:
            patience = Patience(params["wait_states"], seconds(params, "wait_timeout"))
            seen = replace(seen, world=patience.wait(session, options, seen.world))
            left = patience.failure(session, options, seen.world)
            if left:
                return left
        wanted = {one.address: one for one in session.document.instances}
        held = holdings(session.state, seen.world)
        led: dict[str, list[dict[str, Any]]] = {}
        for one in forwards(session.directory):
            led.setdefault(one.address, []).append(one.as_dict())
        workers = []
        for address in {**dict.fromkeys(wanted), **dict.fromkeys(held)}:
            if options.selects(address):
                worker = _worker(session, seen, address, held.get(address), params["events"])
                workers.append(worker | {"forwards": led.get(str(address), [])})
        return {
            "changed": False,
            "workers": workers,
            "settings": {name: {"value": one.value, "source": one.source} for name, one in session.settings.items()},
            "unseen": dict(seen.world.unseen),
        }


def run_exec(module: AnsibleModule) -> dict[str, Any]:
    """Run a command inside a worker."""
    params = module.params
    if module.check_mode:
        return {"changed": True, "skipped": True, "msg": "check mode: the command was not run"}
    with open_session(params, write=False) as session:
        provider, target = find(session, params["address"])
        started = time.monotonic()
        result = session.providers[provider].exec(
            ExecRequest(
                target=target,
                command=tuple(params["command"]),
                stdin=(opened(params).get("input", params)["stdin"] or "").encode(),
                timeout=seconds(params, "timeout"),
                limit=octets(params, "limit"),
                cwd=params["chdir"] or "",
                user=params["user"] or "",
            )
        )
        answer = {
            "changed": True,
            "address": str(target.address),
            "rc": result.exit_code,
            "stdout_truncated": result.stdout_truncated,
            "stderr_truncated": result.stderr_truncated,
            "timed_out": result.timed_out,
            "seconds": round(time.monotonic() - started, 3),
            **_text("stdout", result.stdout),
            **_text("stderr", result.stderr),
        }
        if result.timed_out:
            return {
                **answer,
                "failed": True,
                "msg": f"the command did not end within {params['timeout']} and was killed",
            }
        if result.exit_code != 0:
            return {**answer, "failed": True, "msg": f"the command ended with exit code {result.exit_code}"}
        return answer


def run_logs(module: AnsibleModule) -> dict[str, Any]:
    """Read a worker's log."""
    params = module.params
    with open_session(params, write=False) as session:
        provider, target = find(session, params["address"])
        result = session.providers[provider].logs(
            LogRequest(
                target=target,
                tail=params["tail"],
                since=moment(params["since"]),
                follow=seconds(params, "follow"),
                limit=octets(params, "limit"),
            )
        )
        return {
            "changed": False,
            "address": str(target.address),
            "truncated": result.truncated,
            **_text("log", result.text),
        }


def find(session: Session, text: str) -> tuple[str, Target]:
    """Find the object of an address. Raises HodeiError(not_found), or network when its provider could not be seen."""
    address = parse_address(text)
    seen = survey(session.providers, session.document.lineage)
    held = holdings(session.state, seen.world).get(address)
    if held is not None and held.seen is not None:
        one = held.seen
        provider = seen.world.provider_of[one.address, one.generation]
        return provider, Target(one.address, one.generation, one.external_id)
    if seen.world.unseen:
        reasons = "; ".join(f"{called(name)}: {why}" for name, why in seen.world.unseen.items())
        raise HodeiError(
            Kind.NETWORK, f"it was not found, but not everything could be seen: {reasons}", where=str(address)
        )
    there = ", ".join(sorted(map(str, seen.world.objects))[:10]) or "none"
    raise HodeiError(Kind.NOT_FOUND, "there is no such worker", where=str(address), hint=f"There are: {there}.")


def _worker(session: Session, seen: Survey, address: Address, held: Holding | None, events: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"address": str(address), "events": []}
    wanted = next((one for one in session.document.instances if one.address == address), None)
    answer["source"] = wanted.source if wanted else ""
    answer["desired"] = dict(wanted.recorded) if wanted else None
    answer |= condition(seen.world, address, held, wanted)._asdict()
    if session.store.exists() and events:
        answer["events"] = [asdict(event) for event in session.store.events(address, events)]
    if held is None or held.seen is None:
        return answer
    one = held.seen
    provider = seen.world.provider_of[one.address, one.generation]
    answer |= observation_result(one) | {"provider": provider}
    if events:
        native = session.providers[provider].events(Target(one.address, one.generation, one.external_id), events)
        answer["events"] = sorted(
            [*answer["events"], *(asdict(event) for event in native)], key=lambda event: event["at"]
        )[-events:]
    return answer


def _states(seen: Survey) -> dict[str, int]:
    counts: dict[str, int] = {}
    for objects in seen.world.objects.values():
        for one in objects:
            counts[one.state.value] = counts.get(one.state.value, 0) + 1
    return counts


def _draining(seen: Survey) -> list[dict[str, Any]]:
    """List who finishes its work before it is stopped, and since when."""
    objects = (one for found in seen.world.objects.values() for one in found)
    return [
        {"address": str(one.address), "generation": one.generation, **draining}
        for one in objects
        if (draining := draining_result(one)) is not None
    ]


def _drift(change: Any) -> dict[str, Any]:
    return {"address": str(change.address), "reason": change.reason, "cure": change.action.value}


def _fingerprint(found: Any) -> dict[str, Any]:
    return {
        "type": found.type,
        "version": found.version,
        "healthy": found.healthy,
        "survives": found.survives,
        "warnings": list(found.warnings),
    }


def _text(name: str, raw: bytes) -> dict[str, Any]:
    """Return bytes as text; what is no UTF-8 comes as base64 beside it, so that nothing is lost."""
    try:
        return {name: raw.decode(), f"{name}_lines": raw.decode().splitlines()}
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        return {name: text, f"{name}_lines": text.splitlines(), f"{name}_base64": base64.b64encode(raw).decode()}


def moment(text: str | None) -> float | None:
    """Read Unix seconds, an ISO time, or how long ago (10m)."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        from datetime import datetime

        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return time.time() - seconds({"since": text}, "since")

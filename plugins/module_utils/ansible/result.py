# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a module's result: what changed, why, how long, what is left, what is overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.converge import Report
from ..engine.planjson import plan_to_dict
from ..model.ports import Observation
from .entry import classified

if TYPE_CHECKING:
    from ..engine.apply import Result


#: What did not go wrong.
_FINE = ("done", "waiting")


def report_result(report: Report, *, diff: bool) -> dict[str, Any]:
    """Return the result of a converge or of its preview."""
    plan = report.plan
    result: dict[str, Any] = {
        "changed": report.changed,
        "plan": plan_to_dict(plan),
        "results": [_change_result(one) for one in report.results],
        "overdue": [{"address": address, "seconds": late} for address, late in _overdue(report).items()],
        "run_id": report.run_id,
    }
    if diff and (plan.owner_from or plan.pending or plan.blocked or plan.kept or plan.problems):
        from ..engine.plantext import plan_text

        result["diff"] = {"prepared": plan_text(plan)}
    if report.run_id and report.failed:
        # Ansible prints the whole result of a failed task: what did succeed would bury what did not.
        del result["plan"]
        unfinished = [_change_result(one) for one in report.results if one.status not in _FINE]
        result |= {"failed": True, "msg": _message(report), "results": unfinished}
    return result


def draining_result(seen: Observation) -> dict[str, Any] | None:
    """Return the JSON form of an object's draining; None when it does not."""
    found = seen.draining
    if found is None:
        return None
    return {**found._asdict(), "then": found.then.value if found.then else None}


def _overdue(report: Report) -> dict[str, float]:
    """Say what is late, and by how many seconds: by the plan, and what this run has left to finish its work."""
    late = {str(one.change.address): 0.0 for one in report.results if one.status == "waiting"}
    return {**late, **report.plan.overdue}


def observation_result(seen: Observation) -> dict[str, Any]:
    """Return an observation's JSON form."""
    return {
        "address": str(seen.address),
        "state": seen.state.value,
        "intent": seen.intent.value,
        "external_id": seen.external_id,
        "generation": seen.generation,
        "reason": seen.reason,
        "exit_code": seen.exit_code,
        "restarts": seen.restarts,
        "created_at": seen.created_at,
        "started_at": seen.started_at,
        "ports": dict(seen.ports),
        "protected": seen.protected,
        "drift": dict(seen.drift),
        "draining": draining_result(seen),
        "details": dict(seen.details),
    }


def _change_result(one: Result) -> dict[str, Any]:
    result: dict[str, Any] = {
        "address": str(one.change.address),
        "action": one.change.action.value,
        "status": one.status,
        "reason": one.reason.removeprefix(f"{one.change.address}: ") or one.change.reason,
        "seconds": round(one.seconds, 3),
    }
    if one.error is not None:
        result["error"] = classified(one.error)
    seen = one.outcome.observation if one.outcome else None
    if seen is not None and one.status == "done":
        result["worker"] = {"state": seen.state.value, "external_id": seen.external_id, "ports": dict(seen.ports)}
    return result


def _message(report: Report) -> str:
    """Say in one paragraph what did not work; details are in `results`."""
    from ..engine.plantext import blocked_text, results_text

    failed = [one for one in report.results if one.status not in _FINE]
    parts = []
    if report.broken is not None:
        parts.append(f"what was done could not all be recorded: {report.broken}")
    if report.interrupted:
        parts.append(f"interrupted: {report.interrupted}; run it again to finish")
    if failed:
        parts.append(f"{len(failed)} of {len(report.results)} changes did not succeed:\n{results_text(failed)}")
    if report.plan.blocked:
        parts.append(f"not touched in this run:\n{blocked_text(report.plan)}")
    return "\n".join(parts)

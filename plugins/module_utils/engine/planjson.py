# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as JSON: what modules return and plan files hold; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.address import parse_address
from ..model.change import Action, Cause, Change, FieldChange, Plan
from ..model.states import Intent


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan's JSON form; noops are counted, not listed."""
    return {
        "owner": plan.owner,
        "owner_from": plan.owner_from,
        "lineage": plan.lineage,
        "serial": plan.serial,
        "document_digest": plan.document_digest,
        "totals": plan.totals(),
        "changes": [change_to_dict(change) for change in plan.pending],
        "blocked": dict(plan.blocked),
        "kept": dict(plan.kept),
        "problems": [str(problem) for problem in plan.problems],
        "warnings": list(plan.warnings),
        "foreign": list(plan.foreign),
        "overdue": dict(plan.overdue),
    }


def change_to_dict(change: Change) -> dict[str, Any]:
    """Return one change's JSON form; values of fields are in the recorded form, so none is secret."""
    return {
        "address": str(change.address),
        "action": change.action.value,
        "cause": change.cause.value,
        "reason": change.reason,
        "provider": change.provider,
        "generation": change.generation,
        "old_generation": change.old_generation,
        "old_provider": change.old_provider,
        "external_id": change.external_id,
        "etag": change.etag,
        "digest": change.digest,
        "fields": [
            {"path": one.path, "before": one.before, "after": one.after, "forces_replace": one.forces_replace}
            for one in change.fields
        ],
        "create_before_destroy": change.create_before_destroy,
        "then": change.then.value if change.then else None,
        "intent": change.intent.value,
        "deposed": change.deposed,
        "when_idle": change.when_idle,
        "draining_since": change.draining_since,
        "after": [str(address) for address in change.after],
        "source": change.source,
        "moved_from": str(change.moved_from) if change.moved_from else None,
    }


def change_from_dict(raw: Mapping[str, Any]) -> Change:
    """Read a change back; ``change_from_dict(change_to_dict(c)) == c`` for every planned change."""
    return Change(
        address=parse_address(raw["address"]),
        action=Action(raw["action"]),
        cause=Cause(raw["cause"]),
        reason=raw["reason"],
        provider=raw["provider"],
        generation=raw["generation"],
        old_generation=raw["old_generation"],
        old_provider=raw["old_provider"],
        external_id=raw["external_id"],
        etag=raw["etag"],
        digest=raw["digest"],
        fields=tuple(FieldChange(**one) for one in raw["fields"]),
        create_before_destroy=raw["create_before_destroy"],
        then=Action(raw["then"]) if raw["then"] else None,
        intent=Intent(raw["intent"]),
        deposed=raw["deposed"],
        when_idle=raw.get("when_idle", False),
        draining_since=raw.get("draining_since"),
        after=tuple(parse_address(text) for text in raw["after"]),
        source=raw["source"],
        moved_from=parse_address(raw["moved_from"]) if raw.get("moved_from") else None,
    )

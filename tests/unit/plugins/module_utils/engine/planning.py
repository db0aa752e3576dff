# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planner cases as data: what was converged, what happened to the world and to state since, what is asked, what the plan says.

A case is a mapping of planner_cases.yml; see the head of that file for its keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.engine.inputs import Inputs
from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.plan import make_plan
from ansible_collections.hodei.workers.plugins.module_utils.engine.world import assemble
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address, parse_address
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Change, Plan
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing, Observation
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Operation, Resource, State
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document, Instance
from ansible_collections.hodei.workers.tests.support.fleets import KEY_ID, LINEAGE, NOW, OWNER, fragments
from ansible_collections.hodei.workers.tests.support.model_cloud import COLUMN

Case = Mapping[str, Any]
Object = tuple[str, Observation]


def plan_of(case: Case) -> Plan:
    """Make the plan of a case."""
    return make_plan(inputs_of(case))


def inputs_of(case: Case) -> Inputs:
    """Build what the planner sees."""
    providers = case.get("providers", ["cloud"])
    was = _document(case, "was", providers)
    objects, resources = _made(was)
    objects = _changed_objects(objects, case)
    resources = _changed_resources(resources, case)
    unseen = case.get("unseen", {})
    listings = {
        name: Listing(
            tuple(seen for provider, seen in objects if provider == name),
            complete=name not in unseen,
            problem=HodeiError(Kind.TIMEOUT, unseen[name]) if name in unseen else None,
        )
        for name in providers
    }
    return Inputs(
        document=_document(case, "now", providers),
        state=State(OWNER, LINEAGE, 7, tuple(resources.values()), tuple(_pending(case))),
        world=assemble(listings, LINEAGE),
        columns=dict.fromkeys(providers, COLUMN),
        key_id=case.get("key", KEY_ID),
        now=NOW + case.get("later", 0.0),
        options=_options(case),
    )


def summary(plan: Plan) -> list[str]:
    """Say each change in one line: what to whom, because of what, why."""
    return [_line(change) for change in plan.pending]


def _line(change: Change) -> str:
    then = f"+{change.then.value}" if change.then else ""
    made = change.generation if change.generation > 1 or change.deposed else 0
    number = f"#{made}" if made else ""
    where = f" on {change.provider}" if change.provider != "cloud" else ""
    after = f" after {', '.join(map(str, change.after))}" if change.after else ""
    return f"{change.action.value}{then} {change.address}{number}{where} ({change.cause.value}): {change.reason}{after}"


def _document(case: Case, when: str, providers: list[str]) -> Document:
    written = case.get(when, case.get("was", []) if when == "now" else [])
    parts = written if isinstance(written, Mapping) else {"workers": written}
    return fragments(parts, providers=providers, moved=case.get("moved", ()) if when == "now" else ())


def _options(case: Case) -> Options:
    given: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in case.get("options", {}).items()
    }
    given.setdefault("prune", True)
    return Options(**given)


def _made(was: Document) -> tuple[list[Object], dict[tuple[Address, int], Resource]]:
    """What a converge of a document leaves: one running object per instance, and state's record of it."""
    objects, resources = [], {}
    for number, instance in enumerate(was.instances):
        objects.append((instance.provider, observed(instance, external_id=f"i-{number}")))
        resources[instance.address, 1] = recorded(instance, external_id=f"i-{number}")
    return objects, resources


def observed(instance: Instance, generation: int = 1, **fields: Any) -> Observation:
    """How an object of an instance looks when all is well."""
    born = {"started": WorkerState.RUNNING, "stopped": WorkerState.STOPPED, "paused": WorkerState.PAUSED}
    full = {
        "state": born[instance.state],
        "external_id": f"i-{instance.address}#{generation}",
        "spec_digest": instance.digest,
        "etag": f"e{generation}",
        "key_id": KEY_ID,
        "intent": Intent(instance.state),
        "protected": instance.lifecycle.prevent_destroy,
        "on_remove": instance.lifecycle.on_remove,
        "started_at": NOW,
        "lineage": LINEAGE,
        **fields,
    }
    full["state"] = WorkerState(full["state"])
    full["intent"] = Intent(full["intent"])
    return Observation(address=instance.address, generation=generation, **full)


def recorded(instance: Instance, generation: int = 1, **fields: Any) -> Resource:
    """What state remembers of an object of an instance."""
    full = {
        "provider": instance.provider,
        "external_id": f"i-{instance.address}#{generation}",
        "spec": instance.recorded,
        "digest": instance.digest,
        "lifecycle": instance.lifecycle,
        "dependencies": instance.depends_on,
        "intent": Intent(instance.state),
        "source": instance.fragment,
        "status": WorkerState.RUNNING,
        **fields,
    }
    full["intent"] = Intent(full["intent"])
    return Resource(address=instance.address, generation=generation, **full)


def _changed_objects(objects: list[Object], case: Case) -> list[Object]:
    changes = {parse_address(text): change for text, change in case.get("world", {}).items()}
    found = []
    for provider, seen in objects:
        change = changes.get(seen.address, {})
        if change != "gone":
            states: dict[str, Any] = {"state": WorkerState, "intent": Intent, "address": parse_address}
            fields = {name: states[name](one) if name in states else one for name, one in change.items()}
            found.append((provider, replace(seen, **fields)))
    for extra in case.get("extra", ()):
        fields = dict(extra)
        instance = _instance(case, fields.pop("of", "now"), fields.pop("address"))
        provider = fields.pop("provider", instance.provider)
        found.append((provider, observed(instance, **fields)))
    return found


def _changed_resources(
    resources: dict[tuple[Address, int], Resource], case: Case
) -> dict[tuple[Address, int], Resource]:
    if case.get("state") == "lost":
        return {}
    for text, change in case.get("state", {}).items():
        key = (parse_address(text), 1)
        if change == "forgotten":
            del resources[key]
        else:
            fields: dict[str, Any] = {name: Intent(one) if name == "intent" else one for name, one in change.items()}
            resources[key] = replace(resources[key], **fields)
    for extra in case.get("remembered", ()):
        others = dict(extra)
        instance = _instance(case, others.pop("of", "now"), others.pop("address"))
        one = recorded(instance, **others)
        resources[one.address, one.generation] = one
    return resources


def _pending(case: Case) -> list[Operation]:
    return [
        Operation(
            f"op-{number}", "run-0", parse_address(one["address"]), one.get("generation", 1), one["verb"], "cloud"
        )
        for number, one in enumerate(case.get("pending", ()))
    ]


def _instance(case: Case, when: str, text: str) -> Instance:
    address = parse_address(text)
    document = _document(case, when, case.get("providers", ["cloud"]))
    return next(one for one in document.instances if one.address == address)

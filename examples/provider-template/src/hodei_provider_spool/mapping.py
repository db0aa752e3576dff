# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Between the port's values and our records. Pure: no file, no clock, no process."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import CreateRequest, Observation
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState

Record = dict[str, Any]


def object_name(address: Address, generation: int) -> str:
    """Name an object: deterministic, so that making it twice meets itself."""
    return f"{address.slug}.{generation}"


def new_record(request: CreateRequest, owner: str, external_id: str, now: float) -> Record:
    """Return what is remembered of an object. Everything that lost state is rebuilt from is in it."""
    spec = request.spec
    program = [spec["program"]] if spec.get("program") else []
    return {
        "name": request.address.name,
        "key": request.address.key,
        "generation": request.generation,
        "id": external_id,
        "version": 1,
        "run": 0,
        "created_at": now,
        "command": [*program, *map(str, spec.get("command", ()))],
        "env": {name: str(value) for name, value in spec.get("env", {}).items()},
        "cwd": spec.get("cwd", ""),
        **labels(request, owner),
    }


def labels(request: CreateRequest, owner: str) -> Record:
    """Return the part of a record that an update writes."""
    return {
        "owner": owner,
        "lineage": request.labels.lineage,
        "key_id": request.labels.key_id,
        "digest": request.digest,
        "operation": request.operation,
        "protected": request.lifecycle.prevent_destroy,
        "on_remove": request.lifecycle.on_remove,
        "intent": request.intent.value,
        "labels": {name: str(value) for name, value in request.spec.get("labels", {}).items()},
    }


def observation(record: Mapping[str, Any], alive: bool, exit_code: int | None, started_at: float | None) -> Observation:
    """Return what the port shows of an object, from its record and what is seen of its process."""
    state, reason = _state(record, started_at is not None, alive, exit_code)
    return Observation(
        address=Address("worker", record["name"], record["key"]),
        generation=record["generation"],
        lineage=record["lineage"],
        state=state,
        external_id=record["id"],
        spec_digest=record["digest"],
        etag=f"{record['id']}.{record['version']}",
        operation=record["operation"],
        key_id=record["key_id"],
        intent=Intent(record["intent"]),
        protected=record["protected"],
        on_remove=record["on_remove"],
        reason=reason,
        exit_code=exit_code,
        created_at=record["created_at"],
        started_at=started_at,
    )


def _state(record: Mapping[str, Any], begun: bool, alive: bool, exit_code: int | None) -> tuple[WorkerState, str]:
    if alive:
        return (WorkerState.PAUSED if record["intent"] == "paused" else WorkerState.RUNNING), ""
    if record["intent"] == "stopped":
        return WorkerState.STOPPED, ""
    if not begun:
        return (WorkerState.FAILED, record["problem"]) if record.get("problem") else (WorkerState.CREATING, "")
    if exit_code is None:
        return WorkerState.FAILED, "it ended, and nobody saw how"
    if exit_code == 0:
        return WorkerState.COMPLETED, ""
    return WorkerState.FAILED, ending(exit_code)


def ending(code: int) -> str:
    """Say how a process ended; a shell gives 128 + the signal."""
    if code > 128 and code - 128 in {one.value for one in signal.Signals}:
        return f"it was ended by {signal.Signals(code - 128).name}"
    return f"it exited with code {code}"


def without_values(text: str, env: Mapping[str, str]) -> str:
    """Return a text in which no value of an environment can be read."""
    for value in sorted(filter(None, env.values()), key=len, reverse=True):
        text = text.replace(value, "***")
    return text

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the port's values and the supervisor's wire form. Pure: no file, no clock, no process."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...model.address import Address
from ...model.errors import HodeiError, Kind
from ...model.mounts import Delivery
from ...model.ports import Activity, CreateRequest, Draining, DrainRequest, News, Observation, Outcome, Target, Verb
from ...model.states import Intent, WorkerState
from ...model.worker import Drain, Spec
from .supervisor.record import TTL

Row = Sequence[Any]

#: So many characters of files at the most in one request; each may take six bytes on the wire.
_PORTION = 8 << 20

_STATES = {state.value: state for state in WorkerState}
_INTENTS = {intent.value: intent for intent in Intent}
_VERBS = {verb.value: verb for verb in Verb}
_ACTIVITIES = {activity.value: activity for activity in Activity}
_KINDS = {kind.value: kind for kind in Kind}


class Settings(NamedTuple):
    """What of a provider's configuration reaches the supervisor with each worker."""

    provider: str
    owner: str
    port_range: tuple[int, int]
    settle: float


def draft(request: CreateRequest, settings: Settings, host_env: Mapping[str, str]) -> dict[str, Any]:
    """Return the record that a request asks for; ``host_env`` is where ``env_from_host`` is read.

    Who adopts or renames a worker knows nothing of what it is made of: ``spec`` is None then, and it keeps its own.
    """
    return {
        "name": request.address.name,
        "key": request.address.key,
        "generation": request.generation,
        "provider": settings.provider,
        "owner": settings.owner,
        "lineage": request.labels.lineage,
        "digest": request.digest,
        "key_id": request.labels.key_id,
        "operation": request.operation,
        "intent": request.intent.value,
        "protected": request.lifecycle.prevent_destroy,
        "on_remove": request.lifecycle.on_remove,
        "labels": {name: str(value) for name, value in request.spec.get("labels", {}).items()},
        "spec": None if request.adopt_from or request.moved_from else wire_spec(request, settings, host_env),
        "given": None if request.adopt_from or request.moved_from else [given(one) for one in request.secrets],
    }


def wire_spec(request: CreateRequest, settings: Settings, host_env: Mapping[str, str]) -> dict[str, Any]:
    """Return what the supervisor needs to start a worker, again and again."""
    spec = request.spec
    security = spec.get("security", {})
    program, *arguments = command_line(spec)
    return {
        "program": program,
        "arguments": arguments,
        "env": environment(spec, host_env),
        "cwd": spec.get("cwd", ""),
        "user": str(spec.get("user", "")),
        "ports": [
            {"name": port["name"], "host": port.get("host") or 0, "protocol": port.get("protocol", "tcp")}
            for port in spec.get("ports", ())
        ],
        "port_range": list(settings.port_range),
        "volumes": [volume(one) for one in spec.get("volumes", ())],
        "files": [file(one) for one in spec.get("files", ())],
        "reload": spec.get("reload"),
        "limits": limits(spec),
        "ulimits": {
            name: [limit["soft"], limit["hard"]] for name, limit in spec.get("resources", {}).get("ulimits", {}).items()
        },
        "non_root": security.get("non_root", False),
        "no_new_privileges": security.get("no_new_privileges", True),
        "drop_capabilities": list(security.get("drop_capabilities", ())),
        "health": health(spec.get("health") or {}),
        "restart": restart(spec.get("restart", {})),
        "log": {"max_size": 10 << 20, "max_files": 3, **spec.get("log", {})},
        "grace": request.lifecycle.grace,
        "ttl": request.lifecycle.ttl,
        "drain": wire_drain(request.lifecycle.drain),
        "settle": settings.settle,
    }


def command_line(spec: Spec) -> list[str]:
    """Return program and arguments: ``command`` alone brings its program along."""
    command = [str(word) for word in spec.get("command", ())]
    program = spec.get("program")
    return [program, *command] if program else command


def environment(spec: Spec, host_env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a document names; what is written wins over what comes from the host."""
    found = {name: host_env[name] for name in spec.get("env_from_host", ()) if name in host_env}
    found.update((name, str(value)) for name, value in spec.get("env", {}).items())
    return found


def volume(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume with its defaults."""
    mode = one.get("mode", "0755")
    return {
        "name": one["name"],
        "path": one["path"].strip("/"),
        "type": one.get("type", "empty"),
        "source": one.get("source") or one["name"],
        "mode": int(mode, 8) if isinstance(mode, str) else mode,
    }


def file(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file with its defaults; it holds ``content`` as text, or ``content_base64``."""
    held = {name: one[name] for name in ("content", "content_base64") if name in one}
    return {"path": one["path"], "mode": int(one.get("mode", "0644"), 8), "owner": str(one.get("owner", "")), **held}


def given(one: Delivery) -> dict[str, Any]:
    """Return a secret for the supervisor: the one place where its values are not hidden."""
    mount = one.mount
    return {
        "key": mount.key,
        "way": mount.way,
        "place": mount.place,
        "mode": int(mount.mode, 8),
        "owner": str(mount.owner),
        "version": one.version,
        "values": {
            name: binascii.b2a_base64(value.reveal(), newline=False).decode() for name, value in one.values.items()
        },
    }


def portions(items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of parts of a bulk request that a line of the wire has room for, whatever their files hold."""
    start = weight = 0
    for index, item in enumerate(items):
        draft = item.get("draft", item)
        files = (draft.get("spec") or {}).get("files", ())
        own = sum(len(file.get("content", "")) + len(file.get("content_base64", "")) for file in files)
        own += sum(len(text) for one in draft.get("given") or () for text in one["values"].values())
        if weight and weight + own > _PORTION:
            yield start, index
            start, weight = index, 0
        weight += own
    if items:
        yield start, len(items)


def limits(spec: Spec) -> dict[str, int]:
    """Return the limits of the whole worker: memory in bytes, cpu in millicores, pids."""
    resources = spec.get("resources", {})
    return {name: int(resources[name]) for name in ("memory", "cpu", "pids") if resources.get(name) is not None}


def restart(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a restart policy, flat and with its defaults; pauses in seconds."""
    pauses = policy.get("backoff", {})
    return {
        "policy": policy.get("policy", "on_failure"),
        "max_retries": policy.get("max_retries"),
        "initial": pauses.get("initial", 1.0),
        "max": pauses.get("max", 60.0),
    }


def health(check: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a health check with its defaults; None when there is none. Times in seconds."""
    if not any(check.get(kind) for kind in ("command", "http", "tcp")):
        return None
    result: dict[str, Any] = {
        "interval": 10.0,
        "timeout": 1.0,
        "failures": 3,
        "successes": 1,
        "start_period": 0.0,
        **{key: value for key, value in check.items() if value is not None},
    }
    if check.get("http"):
        http = check["http"]
        status = http.get("status")
        result["http"] = {
            "host": http.get("host") or "127.0.0.1",
            "port": http["port"],
            "path": http.get("path", "/"),
            "scheme": http.get("scheme", "http"),
            "verify": http.get("verify", True),
            "status": [] if status is None else [status] if isinstance(status, int) else list(status),
        }
    elif check.get("tcp"):
        result["tcp"] = {"host": "127.0.0.1", "port": check["tcp"]["port"]}
    return result


def target_item(target: Target) -> dict[str, Any]:
    """Return the wire form of a verb's target."""
    return {
        "name": target.address.name,
        "key": target.address.key,
        "generation": target.generation,
        "etag": target.etag,
        "grace": target.lifecycle.grace,
    }


def wire_drain(drain: Drain | None) -> dict[str, Any] | None:
    """Return the wire form of a drain."""
    return None if drain is None else {**vars(drain), "tell": dict(drain.tell), "busy": dict(drain.busy)}


def drain_item(request: DrainRequest) -> dict[str, Any]:
    """Return the wire form of a request to drain."""
    return {
        **target_item(request.target),
        "drain": wire_drain(request.target.lifecycle.drain),
        "then": request.then.value if request.then else "",
    }


def observation(row: Row) -> Observation:
    """Turn a row (``supervisor/wire.py: ROW``) into what the engine sees."""
    external, name, key, generation, lineage, state, digest, etag, operation, key_id, *rest = row
    intent, protected, reason, exit_code, restarts, created_at, started_at, ports, *more, _provider = rest
    # A supervisor of an older version tells neither a pid nor of draining nor of files nor of leaving nor of secrets.
    told_pid, drain, draining, drift, stale, on_remove, secrets = (*more, *(None,) * 7)[:7]
    seen = _STATES.get(state, WorkerState.UNKNOWN)
    pid = told_pid if seen.alive else 0
    return Observation(
        address=Address("worker", name, key),
        generation=generation,
        lineage=lineage,
        state=seen,
        external_id=external,
        spec_digest=digest,
        etag=etag,
        operation=operation,
        key_id=key_id,
        intent=_INTENTS.get(intent, Intent.STARTED),
        protected=protected,
        on_remove=on_remove or "",
        reason=reason,
        exit_code=exit_code,
        restarts=restarts,
        created_at=created_at,
        started_at=started_at,
        ports=ports,
        details={"pid": pid} if pid else {},
        drain=Drain(**drain) if drain else None,
        draining=_draining(*draining) if draining else None,
        drift=drift or {},
        stale=bool(stale),
        secrets=secrets or {},
    )


def news(line: Mapping[str, Any], provider: str) -> News:
    """Turn one line of a watch into what it tells of a provider's workers."""
    return News(
        seen=tuple(observation(row) for row in line["news"] if row[-1] == provider),
        gone=tuple((Address("worker", name, key), generation) for name, key, generation in line["gone"]),
        revision=line["revision"],
        gap=line["gap"],
    )


def _draining(since: float, told: bool, then: str) -> Draining:
    return Draining(since, told, _VERBS.get(then), expiring=then == TTL)


def error(problem: Mapping[str, str], where: str = "") -> HodeiError:
    """Turn what the supervisor refused into the error that a user reads."""
    kind = _KINDS.get(problem["kind"], Kind.INTERNAL)
    return HodeiError(kind, problem["message"], hint=problem.get("hint", ""), where=where)


def outcome(address: Address, generation: int, reply: Mapping[str, Any]) -> Outcome:
    """Turn one line of a bulk answer into an outcome."""
    row, problem = reply["row"], reply["error"]
    return Outcome(
        address,
        generation,
        observation=observation(row) if row else None,
        error=error(problem, str(address)) if problem else None,
        activity=_ACTIVITIES.get(reply.get("activity", "")),
        reason=reply.get("reason", ""),
    )

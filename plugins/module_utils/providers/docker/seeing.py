# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the Engine shows of a container to what the engine sees. Pure.

The names are those of the API (ContainerInspect); the mapping of states stands in docs/providers/docker.md.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...model.ports import Observation
from ...model.states import Intent, WorkerState
from ...model.worker import Drain
from .limits import drift
from .mapping import last_words, without_values
from .records import Record
from .topology import networks_of

_NEVER = "0001-01-01T00:00:00Z"
_FRACTION = re.compile(r"\.(\d+)")
_LAST_WORDS = 300
NO_RESTART = {"Name": "no", "MaximumRetryCount": 0}


def etag(container: str, record: Record) -> str:
    """Return what changes whenever somebody changes a worker, and with another container in its place."""
    return f"{container[:12]}.{record.edits}"


def observation(
    container: Mapping[str, Any],
    record: Record,
    files: Mapping[str, Any] | None = None,
    engine_began: float = 0.0,
    secrets: Mapping[str, str] | None = None,
) -> Observation:
    """Return one container as the port shows it; ``files`` is what of its files is not as it was put, ``secrets`` what it has of these."""
    state = container["State"]
    seen, reason = worker_state(container, record)
    if is_unclear(container, record) and not ended_since(container, engine_began):
        seen, reason = (
            WorkerState.STOPPED,
            "it ended with 0 before its Engine was started anew, which leaves such a one",
        )
    ended = seen in (WorkerState.STOPPED, WorkerState.COMPLETED, WorkerState.FAILED, WorkerState.RECOVERING)
    began = seconds(state["StartedAt"])
    return Observation(
        address=record.address,
        generation=record.generation,
        lineage=record.lineage,
        state=seen,
        external_id=container["Id"],
        spec_digest=record.digest,
        etag=etag(container["Id"], record),
        operation=record.operation,
        key_id=record.key_id,
        intent=Intent(record.intent),
        protected=record.protected,
        on_remove=record.on_remove,
        reason=reason,
        exit_code=_exit_code(state["ExitCode"], seen) if ended and began is not None else None,
        restarts=record.restarts + container.get("RestartCount", 0),
        created_at=seconds(container["Created"]),
        started_at=began,
        ports=bound_ports(container, record) if seen.alive else {},
        drift={
            **drift(container["HostConfig"], expected(record)),
            **moved_elsewhere(container),
            **_half_gone(container),
            **(files or {}),
        },
        stale=seen.alive and record.stale == state["StartedAt"],
        details={
            "container": container["Id"][:12],
            "image": container["Config"]["Image"],
            "image_id": container["Image"],
        },
        drain=Drain.read(record.drain) if record.drain is not None else None,
        secrets=secrets or {},
        draining=record.drains if seen.alive or seen is WorkerState.RECOVERING else None,
    )


def worker_state(container: Mapping[str, Any], record: Record) -> tuple[WorkerState, str]:
    """Return the unified state, and what is to be said of it; what others say is without the values of its environment."""
    state = container["State"]
    status = state["Status"]
    if status == "paused":
        return WorkerState.PAUSED, ""
    if status == "running":
        return (
            (WorkerState.STOPPING, record.ended[1])
            if is_ending(container, record)
            else _running(state.get("Health") or {}, env_of(container))
        )
    if status == "restarting":
        return WorkerState.RECOVERING, ending(container, record)
    if status == "removing":
        return WorkerState.STOPPING, ""
    if record.intent == "stopped":
        return WorkerState.STOPPED, ""
    if is_ending(container, record):
        return WorkerState(record.ended[0]), record.ended[1]
    if status == "exited" and record.final:
        return WorkerState.STOPPED, f"drained: {ending(container, record)}"
    if status == "created":
        return (WorkerState.FAILED, _error(container)) if state.get("Error") else (WorkerState.CREATING, "")
    if state["ExitCode"] == 0 and not state.get("OOMKilled") and status != "dead":
        return WorkerState.COMPLETED, ""
    return WorkerState.FAILED, ending(container, record)


def _exit_code(code: int, seen: WorkerState) -> int | None:
    """What we stopped by a signal has no code of its own."""
    return None if seen is WorkerState.STOPPED and code in (128 + signal.SIGTERM, 128 + signal.SIGKILL) else code


def is_ending(container: Mapping[str, Any], record: Record) -> bool:
    """Whether we bring this run to its end; one that somebody has begun after that is another."""
    began = seconds(container["State"]["StartedAt"]) or 0.0
    return bool(record.ended) and began < record.ended[2]


def is_unclear(container: Mapping[str, Any], record: Record) -> bool:
    """Whether it ended with 0, and nobody has noted that it had done its work: so do many whose Engine asks them to end as it ends itself.

    One that is started again after a failure only is then left as it is; all others the Engine starts again, or their document
    says never.
    """
    policy = container["HostConfig"].get("RestartPolicy") or {}
    done = worker_state(container, record)[0] is WorkerState.COMPLETED
    return done and not is_ending(container, record) and policy.get("Name") == "on-failure"


def ended_since(container: Mapping[str, Any], moment: float) -> bool:
    """Whether the last run of a container ended after a moment."""
    return (seconds(container["State"].get("FinishedAt", "")) or 0.0) >= moment


def expected(record: Record) -> Mapping[str, Any]:
    """Return what was asked of the Engine that it has now: one that is to end is not started again."""
    return (
        {**record.wanted, "RestartPolicy": NO_RESTART}
        if record.final and "RestartPolicy" in record.wanted
        else record.wanted
    )


def env_of(container: Mapping[str, Any]) -> Sequence[str]:
    """Return the environment (``NAME=value``) whose values may not be read in what others say."""
    return container["Config"].get("Env") or ()


def _error(container: Mapping[str, Any]) -> str:
    return without_values(str(container["State"]["Error"]), env_of(container))


def _running(health: Mapping[str, Any], env: Sequence[str]) -> tuple[WorkerState, str]:
    status = health.get("Status", "none")
    if status == "starting":
        return WorkerState.STARTING, ""
    if status != "unhealthy":
        return WorkerState.RUNNING, ""
    last = (health.get("Log") or [{}])[-1]
    said = last_words(str(last.get("Output", "")), env, _LAST_WORDS)
    text = f"its check ended with {last.get('ExitCode')} and failed {health.get('FailingStreak')} times in a row"
    return WorkerState.DEGRADED, f"{text}: {said}" if said else text


def ending(container: Mapping[str, Any], record: Record) -> str:
    """Say how the last run ended."""
    state = container["State"]
    if state.get("OOMKilled"):
        limit = record.wanted.get("Memory")
        return f"memory limit of {limit / 1048576:g} MiB exceeded" if limit else "memory limit exceeded"
    if state.get("Error"):
        return _error(container)
    code = int(state["ExitCode"])
    names = {one.value: one.name for one in signal.Signals}
    text = f"killed by {names[code - 128]}" if code - 128 in names else f"exited with code {code}"
    tries = record.wanted.get("RestartPolicy", {}).get("MaximumRetryCount", 0)
    if tries and container.get("RestartCount", 0) >= tries and state["Status"] == "exited":
        return f"{text}; given up after {tries} restart{'s' if tries > 1 else ''}"
    return text


def bound_ports(container: Mapping[str, Any], record: Record) -> dict[str, int]:
    """Return by name where each port is reached: the host's port where it is published, else the container's own."""
    published = (container.get("NetworkSettings") or {}).get("Ports") or {}
    found = {}
    for name, port in record.ports.items():
        bindings = published.get(port) or []
        found[name] = int(bindings[0]["HostPort"] if bindings else port.partition("/")[0])
    return found


def moved_elsewhere(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return the networks that a container is on where somebody has connected or disconnected it."""
    wanted, seen = networks_of(container)
    return {} if wanted == seen else {"network": ", ".join(seen) or "none"}


def _half_gone(container: Mapping[str, Any]) -> dict[str, Any]:
    """A container whose removal has begun, and may have failed, never runs again: it takes a new one."""
    state = container["State"]
    return {"image": f"none, it is {state['Status']}"} if state["Status"] in ("removing", "dead") else {}


def seconds(text: str) -> float | None:
    """Read a time of the API, which has up to nanoseconds; None for never."""
    if not text or text == _NEVER:
        return None
    fraction = _FRACTION.search(text)
    whole = _FRACTION.sub("", text).replace("Z", "+00:00")
    return datetime.fromisoformat(whole).astimezone(UTC).timestamp() + (float(f"0.{fraction[1]}") if fraction else 0.0)

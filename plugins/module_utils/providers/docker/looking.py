# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Engine's machine has, what its containers use of it, and what is odd about it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.finding import Finding, findings_of, ok, problem, warning
from .engine import Engine
from .limits import ENFORCED, enforces
from .sdk import import_sdk
from .seeing import seconds

#: CPU in use is what containers take in so many seconds.
_SAMPLE = 0.5
_AT_ONCE = 8


def used(engine: Engine) -> tuple[int, int]:
    """Return what all running containers of an Engine use: millicores over half a second, and bytes. Raises HodeiError."""
    running = [one["Id"] for one in engine.get("/containers/json")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        before = list(pool.map(lambda one: _stats(engine, one), running))
        time.sleep(_SAMPLE if running else 0.0)
        after = list(pool.map(lambda one: _stats(engine, one), running))
    there = [(one, two) for one, two in zip(before, after, strict=True) if one and two]
    return sum(_millicores(one, two) for one, two in there), sum(_memory(two) for _unused, two in there)


def _stats(engine: Engine, container: str) -> Mapping[str, Any] | None:
    """Return one sample; None when the container has ended meanwhile."""
    try:
        found: Mapping[str, Any] | None = engine.get(f"/containers/{container}/stats", **{"stream": 0, "one-shot": 1})
    except HodeiError as error:
        if error.kind in (Kind.NOT_FOUND, Kind.CONFLICT):
            return None
        raise
    return found if found and found.get("memory_stats", {}).get("usage") else None


def _millicores(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    spent = after["cpu_stats"]["cpu_usage"]["total_usage"] - before["cpu_stats"]["cpu_usage"]["total_usage"]
    took = (seconds(after["read"]) or 0.0) - (seconds(before["read"]) or 0.0)
    return round(spent / took / 1_000_000) if took > 0 else 0


def _memory(sample: Mapping[str, Any]) -> int:
    """Return memory as the docker command tells it: without file pages that are only kept in case somebody asks again."""
    memory = sample["memory_stats"]
    stats = memory.get("stats", {})
    return int(memory["usage"] - (stats.get("inactive_file", 0) or stats.get("total_inactive_file", 0)))


def examine(engine: Engine) -> Iterator[Finding]:
    """Say what a user may want to know of an Engine. Raises HodeiError."""
    info = engine.get("/info")
    about = engine.about
    spoken = f"API {engine.version}" + (
        f" of its {about['ApiVersion']}" if about["ApiVersion"] != engine.version else ""
    )
    rootless = ", rootless" if any("rootless" in one for one in info.get("SecurityOptions") or ()) else ""
    yield ok(
        "",
        f"{engine.endpoint.url} (from {engine.endpoint.origin}), {spoken}, storage {info['Driver']}, "
        f"cgroup {info.get('CgroupVersion', '1')}{rootless}",
    )
    try:
        yield ok("", f"Python library docker {import_sdk().__version__}")
    except HodeiError as error:
        yield from findings_of("", error)
    lacking = [field for field in ENFORCED if not enforces(info, field)]
    if lacking:
        said = f"this Engine enforces no limit of {', '.join(lacking)}"
        yield problem("", said, "Give it the cgroup controllers; rootless: delegate them to its user.")
    for text in info.get("Warnings") or ():
        yield warning("", text.removeprefix("WARNING: "), "See the Engine's documentation.")
    if info.get("LiveRestoreEnabled") is False:
        said = "containers end when the Engine is stopped, and are started again with it (live-restore is off)"
        yield ok("", f"{said}; one that ends with 0 then, and is restarted on_failure, is started by the next converge")

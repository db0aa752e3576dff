# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Engine can change while a container lives: limits and the restart policy, in the API's own units. Pure.

Of what an update does not say, or says as 0, an Engine keeps the old value. So a limit that is taken away becomes one so high that
it limits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.worker import Spec

_NANO = 1_000_000_000
_RESTART = {"never": "no", "on_failure": "on-failure", "always": "unless-stopped"}
#: Memory beyond this is no limit; the value is the highest that the kernel takes.
_UNLIMITED = (1 << 63) - 4096
_SHARES = 1024
#: Microseconds in which a quota may be used up, where nobody says another time.
_PERIOD = 100_000
#: Where an Engine tells whether its machine can enforce a limit; if not, it warns, and makes the container without.
ENFORCED = {"memory": "MemoryLimit", "cpu": "CpuCfsQuota", "pids": "PidsLimit"}
#: Our field of what an Engine may change while a container lives.
_FIELDS = {
    "MemorySwap": "resources.memory",
    "Memory": "resources.memory",
    "CpuQuota": "resources.cpu",
    "NanoCpus": "resources.cpu",
    "CpuShares": "resources.cpu",
    "CpusetCpus": "resources.cpu",
    "PidsLimit": "resources.pids",
    "RestartPolicy": "restart",
}


def limits(spec: Spec) -> dict[str, Any]:
    """Return what a spec asks for; 0 is no limit."""
    resources, restart = spec.get("resources", {}), spec.get("restart", {})
    policy = _RESTART[restart.get("policy", "on_failure")]
    memory = int(resources.get("memory") or 0)
    return {
        "Memory": memory,
        "MemorySwap": memory,  # no swap beside it: the limit is what was written
        "NanoCpus": int(resources.get("cpu") or 0) * (_NANO // 1000),
        "PidsLimit": int(resources.get("pids") or 0),
        "RestartPolicy": {
            "Name": policy,
            "MaximumRetryCount": int(restart.get("max_retries") or 0) if policy == "on-failure" else 0,
        },
    }


def enforces(info: Mapping[str, Any], field: str) -> bool:
    """Tell whether an Engine can enforce a limit. Podman says so of any, also where it ignores all: without root, by cgroup v1."""
    ignores = info.get("Rootless") and info.get("CgroupVersion") == "1"
    return bool(info.get(ENFORCED[field], True)) and not ignores


def needs_cores(spec: Spec, host: Mapping[str, Any]) -> bool:
    """Tell whether taking a limit away needs the number of the machine's cores."""
    return bool(host.get("CpusetCpus") or (host.get("NanoCpus") and not spec.get("resources", {}).get("cpu")))


def settable(wanted: Mapping[str, Any], host: Mapping[str, Any], cores: int) -> dict[str, Any]:
    """Return the same so that it can be set on a container that has other limits now."""
    found = dict(wanted)
    if not wanted["NanoCpus"] and host.get("NanoCpus"):
        found["NanoCpus"] = cores * _NANO
    if not wanted["Memory"] and host.get("Memory"):
        found |= {"Memory": _UNLIMITED, "MemorySwap": _UNLIMITED}  # -1 for the second, and the kernel refuses the first
    if not wanted["PidsLimit"] and host.get("PidsLimit"):
        found["PidsLimit"] = -1
    if host.get("CpuQuota") and not host.get("NanoCpus"):  # it never takes the other word then
        found |= {"NanoCpus": 0, "CpuQuota": wanted["NanoCpus"] * (host.get("CpuPeriod") or _PERIOD) // _NANO or -1}
    if host.get("CpuShares"):
        found["CpuShares"] = _SHARES
    if host.get("CpusetCpus"):
        found["CpusetCpus"] = f"0-{cores - 1}" if cores > 1 else "0"
    return found


def drift(host: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return, by field, what somebody has changed by other means."""
    found: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        there = _plain(name, host.get(name))
        if (name == "MemorySwap" and there is None) or (name == "CpuQuota" and host.get("NanoCpus")):
            continue  # so says an Engine whose machine does not count swap; Podman says the same number of CPUs in both words
        if there != _plain(name, wanted.get(name)):
            found[field] = _in_our_words(name, host.get(name))
    return found


def _plain(name: str, value: Any) -> Any:
    """None, 0, -1 and what limits nothing all mean that there is no limit."""
    if name == "RestartPolicy":
        policy = value or {}
        return (policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0)
    if (
        value in (None, 0, -1, "")
        or (name in ("Memory", "MemorySwap") and value >= _UNLIMITED)
        or (name, value) == ("CpuShares", _SHARES)
    ):
        return None
    return value


def _in_our_words(name: str, value: Any) -> Any:
    if name == "RestartPolicy":
        return next((ours for ours, theirs in _RESTART.items() if theirs == value["Name"]), value["Name"])
    if name in ("MemorySwap", "CpuQuota", "CpuShares", "CpusetCpus"):
        return f"{name} {value}"
    return value // 1_000_000 if name == "NanoCpus" and value else value

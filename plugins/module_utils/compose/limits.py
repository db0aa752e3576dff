# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service may use, how many there are, and how they restart: limits, `deploy`, GPUs. Pure."""

from __future__ import annotations

from typing import Any

from ..model.quantities import parse_size, show_cpu
from .blocks import Block, Rows
from .fields import Fields, fits, kind_of, text_of
from .reasons import DEPLOY, RESERVATIONS, RESTART_POLICY, UPDATE

_PERIOD = 100_000
_POLICIES = {"no": "never", "always": "always", "unless-stopped": "always", "on-failure": "on_failure"}
_CONDITIONS = {"none": "never", "any": "always", "on-failure": "on_failure"}


def resources(service: Fields, limits: Fields, reservations: Fields) -> dict[str, Any]:
    """Return what a worker may use; ``limits`` and ``reservations`` are those of `deploy`."""
    memory = service.size("mem_limit") or limits.size("memory")
    found: dict[str, Any] = {
        "cpu": _cpu(service, "cpus") or _cpu(limits, "cpus") or _quota(service),
        "memory": memory,
        "pids": _pids(service, "pids_limit") or _pids(limits, "pids"),
        "gpu": _gpus(service, "gpus") or _gpus(reservations, "devices"),
        "ulimits": _ulimits(service.below("ulimits")),
    }
    limits.end({}, "cpus memory pids")
    reservations.end(RESERVATIONS, "devices")
    _swap(service, memory)
    storage = service.below("storage_opt")
    found["storage"] = storage.size("size")
    storage.end(
        dict.fromkeys(
            storage.block, ("a worker has a limit of storage, and no other option of its driver", "leave it out")
        ),
        "size",
    )
    return {name: value for name, value in found.items() if value and value != "0"}


def _cpu(fields: Fields, key: str) -> str | None:
    value = fields.take(key)
    try:
        return None if value is None or float(text_of(value)) == 0 else show_cpu(round(float(text_of(value)) * 1000))
    except ValueError:
        fields.wrong(key, f"{kind_of(value)} is no number of CPUs", "write a number such as 0.5 or 2")
        return None


def _quota(service: Fields) -> str | None:
    quota, period = service.whole("cpu_quota", -1), service.whole("cpu_period")
    if quota is None or quota <= 0:
        if period:
            service.left_out("cpu_period", "without cpu_quota it limits nothing", "write cpus")
        return None
    return show_cpu(round(quota * 1000 / (period or _PERIOD)))


def _pids(fields: Fields, key: str) -> int | None:
    found = fields.whole(key, -1)
    return found if found and found > 0 else None


def _swap(service: Fields, memory: str | None) -> None:
    unlimited = text_of(service.take("memswap_limit", "")) == "-1"
    swap = None if unlimited else service.size("memswap_limit")
    if unlimited or (swap is not None and (memory is None or parse_size(memory) != parse_size(swap))):
        service.left_out("memswap_limit", "a worker has no swap beside its memory", "raise mem_limit by as much")


def _gpus(fields: Fields, key: str) -> int | None:
    value = fields.take(key)
    if value is None:
        return None
    if not isinstance(value, Rows):
        fields.left_out(key, "a worker is given a number of GPUs, not all", "write `gpus: [{count: 1}]`")
        return None
    total = 0
    for item, spot, path in fields.items(key):
        device = Fields(item, path, fields.notes, spot)
        capabilities = device.take("capabilities", Rows())
        device.text("driver", "nvidia")
        if (
            isinstance(capabilities, Rows)
            and (key == "gpus" or "gpu" in capabilities)
            and text_of(device.block.get("count", 1)).isdigit()
        ):
            total += device.whole("count") or (0 if device.take("device_ids") else 1)
            device.end({"options": ("GPUs are asked for by number", "leave it out")}, "capabilities driver count")
            if "device_ids" in device.block:
                device.left_out("device_ids", "GPUs are asked for by number, not by name", "write count")
        else:
            fields.notes.left_out(
                spot,
                path,
                "a worker is given GPUs by number, and no other device",
                "write capabilities: [gpu] and count: 1",
            )
    return total or None


def _ulimits(fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in list(fields.block):
        if name.startswith("x-"):
            continue
        value = fields.block[name]
        if not fits("ulimit_name", name):
            fields.wrong(name, f"'{name}' is no limit", "write the name of a limit in lower case, such as nofile")
            fields.take(name)
        elif isinstance(value, Block):
            both = fields.below(name)
            soft, hard = both.whole("soft", -1), both.whole("hard", -1)
            both.end({}, "soft hard")
            if soft is None and hard is None:
                fields.wrong(name, "it says neither soft nor hard", "write soft: NUMBER and hard: NUMBER")
            else:
                found[name] = {"soft": hard if soft is None else soft, "hard": soft if hard is None else hard}
        elif (number := fields.whole(name, -1)) is not None:
            found[name] = number
    return found


class Deploy:
    """The `deploy` of a service."""

    def __init__(self, service: Fields) -> None:
        self._service = service
        self.fields = service.below("deploy")
        inner = self.fields.below("resources")
        self.limits, self.reservations = inner.below("limits"), inner.below("reservations")
        inner.end({}, "limits reservations")

    def count(self) -> int | None:
        """Return how many instances there are, None where nobody said."""
        scale, replicas = self._service.whole("scale"), self.fields.whole("replicas")
        if scale is not None and replicas is not None and scale != replicas:
            self._service.wrong("scale", f"it says {scale}, and deploy.replicas says {replicas}", "remove one of them")
        mode = self.fields.text("mode", "replicated")
        if mode == "global":
            self.fields.differs("mode", "on one Engine global means one", "write replicas")
        elif mode != "replicated":
            self.fields.left_out(
                "mode", "jobs of Swarm are not there", 'write restart: "no", which lets a worker complete'
            )
        return replicas if scale is None else scale

    def restart(self) -> dict[str, Any] | str:
        """Return the restart policy. Without one a container stays as it ended."""
        policy = self.fields.below("restart_policy")
        written = self._service.text("restart")
        found: dict[str, Any] = {}
        if written:
            word, _unused, tries = written.partition(":")
            word = {"false": "no", "true": "always"}.get(word, word)
            if word not in _POLICIES or (tries and not (word == "on-failure" and tries.isdigit())):
                self._service.wrong(
                    "restart", f"'{written}' is no restart policy", f"write one of {', '.join(_POLICIES)}"
                )
            found = {"policy": _POLICIES.get(word, "never"), **({"max_retries": int(tries)} if tries.isdigit() else {})}
            for key in policy.block:
                policy.left_out(key, "restart says it already", "remove one of them")
        elif policy.block:
            word, limit = policy.text("condition", "any"), policy.whole("max_attempts")
            if word not in _CONDITIONS:
                policy.wrong("condition", f"'{word}' is no condition", f"write one of {', '.join(_CONDITIONS)}")
            found = {"policy": _CONDITIONS.get(word, "never")}
            if limit and found["policy"] == "on_failure":
                found["max_retries"] = limit
            elif limit:
                policy.left_out(
                    "max_attempts", "the Engine counts restarts after failures only", "write condition: on-failure"
                )
        policy.end(RESTART_POLICY, "condition max_attempts")
        return found if len(found) > 1 else found.get("policy", "never")

    def order(self) -> str | None:
        """Return the order of a replacement."""
        update = self.fields.below("update_config")
        order = update.text("order", "stop-first")
        update.end(UPDATE, "order")
        return "create_before_destroy" if order == "start-first" else None

    def end(self) -> None:
        """Tell of what is left."""
        self.fields.end(DEPLOY, "mode replicas resources restart_policy update_config")

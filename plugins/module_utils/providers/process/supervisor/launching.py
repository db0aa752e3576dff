# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a record to a program that can be started: its environment, its place, its user and its limits."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ...references import expand_all, expand_env
from . import cgroup
from .capabilities import capability_number
from .child import Launch
from .home import Home
from .record import Record
from .users import identity
from .wire import DEFAULT_PATH, MARKER, SECRETS_NAME, RefusedError
from .world import World


def environment(record: Record, suffix: str = "", secrets: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return all that a worker's program has in its environment; ``suffix`` marks a command started beside it.

    Without its ``secrets`` it is for all that others may see: references to them stay as they are there.
    """
    base = {
        "PATH": DEFAULT_PATH,
        "HOME": record.home,
        "WORKER_ID": record.name if record.key is None else f"{record.name}-{record.key}",
        "WORKER_NAME": record.name,
        "WORKER_INDEX": str(record.key or 0),
        "HODEI_OWNER": record.owner,
        "HODEI_SECRETS_DIR": os.path.join(record.home, SECRETS_NAME),
        **secrets,
    }
    base.update((f"HODEI_PORT_{_upper(name)}", str(port)) for name, port in record.ports.items())
    for volume in record.spec["volumes"]:
        base[f"HODEI_VOLUME_{_upper(volume['name'])}"] = os.path.join(record.home, volume["path"])
    env = expand_env(record.spec["env"], base)
    env[MARKER] = f"{record.token}.{suffix}" if suffix else record.token
    return env


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")


def health_of(record: Record) -> dict[str, Any] | None:
    """Return the health check with its port looked up and its references expanded; None when there is none."""
    check = record.spec["health"]
    if check is None:
        return None
    expanded: dict[str, Any] = expand_all(check, environment(record))
    for kind in ("http", "tcp"):
        target = expanded.get(kind)
        if target:
            port = target["port"]
            target["port"] = record.ports[port] if port in record.ports else int(port)
    return expanded


def drain_of(record: Record) -> dict[str, Any]:
    """Return the drain with its ports looked up and its references expanded."""
    expanded: dict[str, Any] = expand_all(record.spec["drain"], environment(record))
    for way in (expanded["tell"], expanded["busy"]):
        if "http" in way:
            port = way["http"]["port"]
            way["http"]["port"] = record.ports[port] if port in record.ports else int(port)
    return expanded


def limits_of(record: Record) -> dict[str, int]:
    """Return the limits as the kernel takes them: bytes, microseconds of CPU per period, processes."""
    limits = dict(record.spec["limits"])
    if "cpu" in limits:
        limits["cpu"] = cgroup.quota(limits["cpu"])
    return limits


def main_launch(record: Record, world: World) -> Launch:
    """Describe the start of the worker's own program. Raises RefusedError."""
    command = expand_all([record.spec["program"], *record.spec["arguments"]], environment(record))
    env = environment(record, secrets=world.mounts.env(record))
    launch = _launch(record, world, command, env, record.spec["cwd"], record.spec["user"])
    uid, gid = launch.user[:2] if launch.user else (os.geteuid(), os.getegid())
    files = record.token if record.spec.get("files") else ""
    links = world.mounts.links(record)
    home = Home(world.directories.path, record.place, uid, gid, record.spec["volumes"], record.id, files, links)
    return launch._replace(home=home)


def side_launch(record: Record, world: World, command: list[str], suffix: str, request: dict[str, Any]) -> Launch:
    """Describe the start of a command beside the worker: ``request`` may name env, cwd and user of its own."""
    env = environment(record, suffix, world.mounts.env(record))
    mark = env[MARKER]
    env = expand_env(request.get("env", {}), env) | {MARKER: mark}
    cwd = request.get("cwd") or record.spec["cwd"]
    user = request.get("user") or record.spec["user"]
    return _launch(record, world, command, env, cwd, user)


def _launch(record: Record, world: World, command: list[str], env: dict[str, str], cwd: str, user: str) -> Launch:
    spec = record.spec
    who = identity(user)
    if spec["non_root"] and (who.uid if who else os.geteuid()) == 0:
        raise RefusedError("configuration", "security.non_root forbids to run as root", "Name another user: in `user`.")
    return Launch(
        program=command[0],
        arguments=command[1:],
        env=env,
        directory=os.path.join(record.home, expand_all(cwd, environment(record))),
        user=who,
        rlimits=_rlimits(spec["ulimits"], world.nofile),
        groups=cgroup.entries(record.groups),
        drop=_drop(spec["drop_capabilities"]) if os.geteuid() == 0 else (),
        no_new_privileges=spec["no_new_privileges"],
    )


def _rlimits(ulimits: dict[str, list[int]], nofile: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    """Turn named limits into resource numbers; without one for files, give back what we raised for ourselves."""
    found = {getattr(resource, f"RLIMIT_{name.upper()}"): tuple(pair) for name, pair in ulimits.items()}
    found.setdefault(resource.RLIMIT_NOFILE, nofile)
    return tuple((number, soft, hard) for number, (soft, hard) in found.items())


def _drop(names: list[str]) -> list[int]:
    """Return the numbers of capabilities to take away; ALL means every one that this kernel knows."""
    if any(name.upper() == "ALL" for name in names):
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            return list(range(int(file.read()) + 1))
    numbers = ((name, capability_number(name)) for name in names)
    unknown = [name for name, number in numbers if number is None]
    if unknown:
        raise RefusedError("configuration", f"there is no capability named {unknown[0]}")
    return [number for name in names if (number := capability_number(name)) is not None]

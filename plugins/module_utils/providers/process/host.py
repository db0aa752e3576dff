# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of machine this is, as far as it decides what workers survive and how the supervisor is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import NamedTuple

_CGROUP = "/sys/fs/cgroup"
_LIMITS = frozenset(("memory", "cpu", "pids"))

_IN_CONTAINER = "workers end with this container, because they are processes in it; converge on a host, or keep the container running"
_WITHOUT_LINGER = (
    "workers end when this user's last session ends, because the user's service manager does; "
    "run once as root: loginctl enable-linger USER"
)
_WITHOUT_SCOPE = (
    "workers may end with this login session, because the service manager cannot be asked for a scope of their own; "
    "set service_manager: true and run with XDG_RUNTIME_DIR set, or set KillUserProcesses=no in logind.conf"
)
_ON_DISK = (
    "secrets of workers lie on a disk, readable by their worker alone and until the machine starts again, because neither "
    "{places} is a tmpfs that this user can write to; mount one: mount -t tmpfs tmpfs /dev/shm -o mode=1777"
)


class Host(NamedTuple):
    """Facts: ``systemd`` runs the machine, ``manager`` says that it would answer us, ``linger`` that our own manager stays."""

    root: bool
    container: bool
    systemd: bool
    manager: bool
    linger: bool
    session: bool


def look(environ: Mapping[str, str]) -> Host:
    """Look at this machine; nothing is started or asked."""
    uid = os.geteuid()
    systemd = os.path.isdir("/run/systemd/system")
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    reachable = uid == 0 or os.path.exists(os.path.join(runtime, "systemd", "private"))
    return Host(
        root=uid == 0,
        container=_in_container(environ),
        systemd=systemd,
        manager=systemd and reachable and shutil.which("systemd-run") is not None,
        linger=_lingers(uid),
        session="session-" in _read("/proc/self/cgroup"),
    )


def _in_container(environ: Mapping[str, str]) -> bool:
    marks = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
    return any(os.path.exists(mark) for mark in marks) or "container" in environ


def _lingers(uid: int) -> bool:
    """Whether logind keeps this user's manager without a login (loginctl enable-linger)."""
    try:
        import pwd

        return os.path.exists(os.path.join("/var/lib/systemd/linger", pwd.getpwuid(uid).pw_name))
    except KeyError:
        return False


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def survival(host: Host, service_manager: bool) -> tuple[str, tuple[str, ...]]:
    """Say what workers outlive here (``container``, ``boot``, ``login``, ``session``), and what the user should know."""
    scoped = service_manager and host.manager
    if host.container:
        return "container", (_IN_CONTAINER,)
    if not host.systemd or (host.root and (scoped or not host.session)):
        return "boot", ()
    if scoped:
        return ("boot", ()) if host.linger else ("login", (_WITHOUT_LINGER,))
    return ("session", (_WITHOUT_SCOPE,)) if host.session else ("boot", ())


def secrets_warning() -> tuple[str, ...]:
    """Say that secrets would be written to a disk, where they are."""
    from .supervisor import memory

    looked = memory.places()
    return () if memory.find(looked) else (_ON_DISK.format(places=" nor ".join(looked)),)


def scope_command(host: Host, owner: str, unique: str) -> list[str]:
    """Return the command that runs another as a delegated scope; empty when the service manager would not answer."""
    if not host.manager:
        return []
    whose = [] if host.root else ["--user"]
    unit = f"hodei-{owner}-{unique}"
    return ["systemd-run", *whose, "--scope", "--quiet", "--collect", f"--unit={unit}", "-p", "Delegate=yes", "--"]


def expected_limits(host: Host, service_manager: bool) -> frozenset[str]:
    """Foretell which limits a supervisor that is not running yet would have cgroups for."""
    from .supervisor import cgroup

    if service_manager and host.manager and os.path.exists(os.path.join(_CGROUP, "cgroup.controllers")):
        uid = os.geteuid()
        place = _CGROUP if host.root else f"{_CGROUP}/user.slice/user-{uid}.slice/user@{uid}.service"
        return _LIMITS & set(_read(os.path.join(place, "cgroup.controllers")).split())
    place_v1 = cgroup.find()
    return place_v1.carries if place_v1.version == "v1" else frozenset()

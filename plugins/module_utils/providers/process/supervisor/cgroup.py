# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits by control groups, where a place in the hierarchy is ours to write: one table for version 1 and version 2.

Version 2 (https://docs.kernel.org/admin-guide/cgroup-v2.html): the supervisor has a delegated scope to itself, moves
into a leaf of it, and gives each worker another. Version 1 (cgroups(7)): each controller is a hierarchy of its own, and a
directory below our own position is enough. What is not writable is not promised.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import NamedTuple

_MOUNTS = "/proc/self/mountinfo"
_OWN = "/proc/self/cgroup"
_PERIOD = 100_000
PROCS = "cgroup.procs"
UNIFIED = "unified"
LEAF = "supervisor"


class Setting(NamedTuple):
    """One file to write for a limit; ``form`` is filled with the value, ``needed`` False where old kernels lack it."""

    controller: str
    file: str
    form: str
    needed: bool = True


#: field of ``resources`` -> the files that enforce it. CPU arrives as microseconds per period of 100 ms.
SETTINGS: Mapping[str, Mapping[str, tuple[Setting, ...]]] = {
    "v2": {
        "memory": (
            Setting("memory", "memory.max", "{value}"),
            Setting("memory", "memory.swap.max", "0", needed=False),
            Setting("memory", "memory.oom.group", "1", needed=False),
        ),
        "cpu": (Setting("cpu", "cpu.max", f"{{value}} {_PERIOD}"),),
        "pids": (Setting("pids", "pids.max", "{value}"),),
    },
    "v1": {
        "memory": (
            Setting("memory", "memory.limit_in_bytes", "{value}"),
            Setting("memory", "memory.memsw.limit_in_bytes", "{value}", needed=False),
        ),
        "cpu": (
            Setting("cpu", "cpu.cfs_period_us", str(_PERIOD)),
            Setting("cpu", "cpu.cfs_quota_us", "{value}"),
        ),
        "pids": (Setting("pids", "pids.max", "{value}"),),
    },
}
LIMITS = ("memory", "cpu", "pids")


class Place(NamedTuple):
    """Where our groups go: ``roots`` maps a controller (``unified`` for version 2) to a directory that we may fill."""

    version: str
    roots: Mapping[str, str]

    @property
    def carries(self) -> frozenset[str]:
        """The limits that are enforced here."""
        if self.version == "v2":
            controllers = frozenset(_read(os.path.join(self.roots[UNIFIED], "cgroup.controllers")).split())
        else:
            controllers = frozenset(self.roots)
        return frozenset(name for name in LIMITS if name in controllers)


NOWHERE = Place("v1", {})


def parse_own(text: str) -> dict[str, str]:
    """Read /proc/PID/cgroup: controller (empty for version 2) -> position."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _unused, controllers, position = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = position
    return found


def parse_mounts(text: str) -> dict[str, str]:
    """Read mountinfo (proc(5)): controller (empty for version 2) -> where its hierarchy is mounted."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        left, _unused, right = line.partition(" - ")
        kind, _unused, options = right.split(" ", 2)
        point = left.split(" ")[4]
        if kind == "cgroup2":
            found.setdefault("", point)
        elif kind == "cgroup":
            for option in options.replace(" ", ",").split(","):
                found.setdefault(option, point)
    return found


def find(own: str | None = None, mounts: str | None = None) -> Place:
    """Look for a place where we may make groups, without making any.

    Version 2 counts only when the scope was delegated to us: writable, and with controllers to hand on.
    """
    positions = parse_own(_read(_OWN) if own is None else own)
    points = parse_mounts(_read(_MOUNTS) if mounts is None else mounts)
    roots = {controller: _directory(points[controller], positions.get(controller, "/")) for controller in points}
    unified = roots.get("", "").removesuffix("/" + LEAF)
    if unified and _writable(unified) and set(LIMITS) & set(_read(os.path.join(unified, "cgroup.controllers")).split()):
        return Place("v2", {UNIFIED: unified})
    return Place("v1", {name: roots[name] for name in LIMITS if name in roots and _writable(roots[name])})


def _directory(point: str, position: str) -> str:
    """Return our position below a mount; a container without its own namespace sees only the mount itself."""
    path = os.path.normpath(point + "/" + position)
    return path if os.path.isdir(path) else point


def _writable(directory: str) -> bool:
    return os.access(directory, os.W_OK) and os.access(os.path.join(directory, PROCS), os.W_OK)


class Groups:
    """The groups of one supervisor's workers."""

    def __init__(self, place: Place, name: str, own: tuple[int, ...]) -> None:
        """``own`` are the processes that are not workers: the supervisor's own."""
        self.version = place.version
        self._settings = SETTINGS[place.version]
        self._base: dict[str, str] = {}
        try:
            self._base = self._prepare(place, name, own)
        except OSError:
            # A scope that others live in cannot be handed on (EBUSY): then there are no limits, and we say so.
            self._base = {}
        self.carries = place.carries if self._base else frozenset()

    def _prepare(self, place: Place, name: str, own: tuple[int, ...]) -> dict[str, str]:
        """Say which directory holds all groups; version 2 also wants us out of the way and its controllers on."""
        if place.version == "v2":
            root = place.roots[UNIFIED]
            if set(pids(place.roots)).difference(own):
                raise OSError(errno.EBUSY, "this scope is not ours alone")
            _make(os.path.join(root, LEAF))
            for pid in own:
                _write(os.path.join(root, LEAF, PROCS), str(pid))
            _write(os.path.join(root, "cgroup.subtree_control"), " ".join(f"+{item}" for item in sorted(place.carries)))
            return {UNIFIED: root}
        return {controller: os.path.join(root, name) for controller, root in place.roots.items()}

    def make(self, name: str, limits: Mapping[str, int]) -> dict[str, str]:
        """Make a worker's group and write its limits; returns controller -> directory, empty when there is no need.

        Raises OSError when a promised limit cannot be set.
        """
        wanted = {field: value for field, value in limits.items() if field in self.carries}
        if self.version == "v2" and self._base:
            made = {UNIFIED: os.path.join(self._base[UNIFIED], f"worker-{name}")}
        else:
            needed = {setting.controller for field in wanted for setting in self._settings[field]}
            made = {controller: os.path.join(self._base[controller], name) for controller in sorted(needed)}
        for path in made.values():
            _make(path)
        self.apply(made, wanted)
        return made

    def apply(self, groups: Mapping[str, str], limits: Mapping[str, int]) -> None:
        """Write limits into a group that exists. Raises OSError."""
        for field, value in limits.items():
            for setting in self._settings[field]:
                directory = groups.get(UNIFIED) or groups.get(setting.controller)
                if directory is None:
                    continue
                try:
                    _write(os.path.join(directory, setting.file), setting.form.format(value=value))
                except OSError:
                    if setting.needed:
                        raise

    def drop(self, groups: Mapping[str, str]) -> None:
        """Remove a worker's group, and what held it where that is not ours but a predecessor's, for the owner's old name."""
        remove(groups)
        if self.version == "v1":
            bases = {controller: os.path.dirname(directory) for controller, directory in groups.items()}
            remove({controller: base for controller, base in bases.items() if base != self._base.get(controller)})

    def close(self) -> None:
        """Remove the directories that held the groups; what is still in use stays."""
        if self.version == "v1":
            for base in self._base.values():
                if os.path.isdir(base):
                    remove({name: entry.path for name, entry in _directories(base)})
            remove(self._base)


def _directories(base: str) -> list[tuple[str, os.DirEntry[str]]]:
    with os.scandir(base) as found:
        return [(entry.name, entry) for entry in found if entry.is_dir(follow_symlinks=False)]


def quota(millicores: int) -> int:
    """Turn CPU shares into microseconds per period; the kernel takes 1 ms at the least."""
    return max(1000, millicores * _PERIOD // 1000)


def entries(groups: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that a process writes itself into to join."""
    return tuple(os.path.join(directory, PROCS) for directory in groups.values())


def pids(groups: Mapping[str, str]) -> list[int]:
    """Return the processes in a group."""
    for directory in groups.values():
        return [int(line) for line in _read(os.path.join(directory, PROCS)).split()]
    return []


def kill(groups: Mapping[str, str]) -> None:
    """Kill all in a group at once where the kernel can (version 2, Linux 5.14); elsewhere the caller goes one by one."""
    directory = groups.get(UNIFIED)
    if directory:
        try:
            _write(os.path.join(directory, "cgroup.kill"), "1")
        except OSError:
            return


def oom_kills(groups: Mapping[str, str]) -> int:
    """Count how often the kernel killed in a group for its memory limit."""
    directory = groups.get(UNIFIED) or groups.get("memory")
    if not directory:
        return 0
    text = _read(os.path.join(directory, "memory.events")) or _read(os.path.join(directory, "memory.oom_control"))
    counts = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    return int(counts.get("oom_kill", "0"))


def remove(groups: Mapping[str, str]) -> None:
    """Remove a worker's group; one that is not empty yet, or gone already, is left alone."""
    for directory in groups.values():
        try:
            os.rmdir(directory)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EBUSY, errno.ENOTEMPTY):
                raise


def _make(path: str) -> None:
    os.makedirs(path, mode=0o755, exist_ok=True)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)

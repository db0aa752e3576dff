# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service mounts: volumes in short and long syntax, tmpfs, and room in /dev/shm. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model.quantities import show_size
from .blocks import Block, Spot
from .fields import Fields, Notes, fits, kind_of, size, text_of
from .reasons import BIND, IMAGE_MOUNT, VOLUME, VOLUME_MOUNT

_TYPES = ("bind", "volume", "tmpfs", "image", "npipe", "cluster")
_NO_EFFECT = {"rw", "cached", "delegated", "consistent"}
_SHM = "/dev/shm"  # noqa: S108
#: What the Engine gives a tmpfs that says nothing of its mode.
_TMPFS_MODE = "1777"
_OCTAL = 0o7777


class Mounts:
    """The volumes of the workers of one project."""

    def __init__(self, top: Fields, project: str) -> None:
        self._top = top.below("volumes")
        self._project = project
        self._native: dict[str, str] = {}
        self._used: set[str] = set()
        for name in self._top.block:
            if not name.startswith("x-"):
                self._native[name] = self._read(name)

    def _read(self, name: str) -> str:
        """Return how the Engine calls a volume of the file."""
        fields = self._top.below(name)
        outside, written = fields.external()
        if outside:
            fields.end(dict.fromkeys(VOLUME, ("the volume is there already", "leave it out")), "name external")
            return written or name
        fields.end(VOLUME, "name external")
        return written or f"{self._project}_{name}"

    def unused(self) -> None:
        """Tell which volumes no worker has."""
        for name in self._native:
            if name not in self._used:
                self._top.left_out(name, "no service that is converted uses it", "leave it out")

    def of(self, service: Fields) -> list[dict[str, Any]]:
        """Return the volumes of a worker."""
        found: dict[str, dict[str, Any]] = {}
        for item, spot, path in service.items("volumes"):
            made = (
                self._long(Fields(item, path, service.notes, spot))
                if isinstance(item, Block)
                else self._short(item, spot, path, service.notes)
            )
            if made:
                found[made["path"].rstrip("/")] = made
        for item, spot, path in service.items("tmpfs"):
            target, _unused, options = text_of(item).partition(":")
            made = {
                "path": target,
                "type": "tmpfs",
                "mode": _TMPFS_MODE,
                **_tmpfs_options(options, spot, path, service.notes),
            }
            found[target.rstrip("/")] = made
        shm = service.size("shm_size")
        if shm and shm != "0":
            found.setdefault(_SHM, {"path": _SHM, "type": "tmpfs", "size": shm, "mode": _TMPFS_MODE})
        return list(_named(found.values()))

    def _short(self, item: Any, spot: Spot | None, path: str, notes: Notes) -> dict[str, Any] | None:
        parts = text_of(item).split(":")
        if len(parts) > 3 or not all(parts):
            notes.wrong(spot, path, f"{kind_of(item)} is no volume", "write SOURCE:TARGET, or SOURCE:TARGET:ro")
            return None
        source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
        made = self._mount(source, target, spot, path, notes)
        for option in parts[2].split(",") if len(parts) > 2 and made else ():
            if option == "ro":
                made = {**(made or {}), "read_only": True}
            elif option in _RELABEL:
                made = {**(made or {}), "relabel": _RELABEL[option]}
            elif option not in _NO_EFFECT:
                reason = _OPTIONS.get(option, BIND["propagation"])
                notes.left_out(spot, path, f"{option}: {reason[0]}", reason[1])
        return made

    def _mount(self, source: str, target: str, spot: Spot | None, path: str, notes: Notes) -> dict[str, Any] | None:
        if not target.startswith("/"):
            notes.wrong(spot, path, f"'{target}' is no absolute path", "write where the container sees it, from / on")
            return None
        if not source:
            return {"path": target}
        if source.startswith("/"):
            return {"path": target, "type": "host", "source": source}
        if source not in self._native:
            close = f"; those there are {', '.join(self._native)}" if self._native else ""
            notes.wrong(
                spot,
                path,
                f"there is no volume '{source}'",
                f"add it to volumes at the top, or write ./{source} for a directory{close}",
            )
            return None
        self._used.add(source)
        return {"path": target, "type": "named", "source": self._native[source], "name": source}

    def _long(self, fields: Fields) -> dict[str, Any] | None:
        kind, source, target = fields.text("type"), fields.text("source"), fields.text("target")
        read_only = fields.flag("read_only")
        known = "type source target read_only bind volume tmpfs image consistency"
        if kind not in _TYPES:
            fields.wrong(
                "type",
                f"'{kind}' is no type of volume" if kind else "the type is missing",
                f"write one of {', '.join(_TYPES)}",
            )
            return None
        if kind in ("image", "npipe", "cluster"):
            reason = (
                IMAGE_MOUNT if kind == "image" else (f"there are no volumes of type {kind} here", "use a named volume")
            )
            fields.notes.left_out(fields.spot, fields.path, *reason)
            return None
        fields.take("consistency")  # has no effect on Linux
        made: dict[str, Any] | None
        if kind == "tmpfs":
            made = {"path": target, "type": "tmpfs", "mode": _TMPFS_MODE, **_tmpfs_long(fields.below("tmpfs"))}
        else:
            made = self._mount(source, target, fields.spot, fields.path, fields.notes)
        if kind == "volume":
            fields.below("volume").end(VOLUME_MOUNT, "")
        if kind == "bind":
            made = {**made, **_bind(fields.below("bind"))} if made else None
        fields.end(
            dict.fromkeys(("bind", "volume", "tmpfs", "image"), (f"it means nothing for type {kind}", "leave it out")),
            known,
        )
        return {**made, "read_only": True} if made and read_only else made


_OPTIONS = {"nocopy": VOLUME_MOUNT["nocopy"]}
_RELABEL = {"z": "shared", "Z": "private"}


def _bind(fields: Fields) -> dict[str, Any]:
    label = fields.text("selinux")
    if fields.flag("create_host_path"):
        fields.differs(
            "create_host_path",
            "a directory of the host is not made",
            "make it before the converge: ansible.builtin.file",
        )
    fields.end(BIND, "selinux create_host_path")
    if label and label not in _RELABEL:
        fields.wrong("selinux", f"'{label}' is no way to label", "write z (shared) or Z (private)")
    return {"relabel": _RELABEL[label]} if label in _RELABEL else {}


def _tmpfs_long(fields: Fields) -> dict[str, Any]:
    limit, mode = fields.size("size"), fields.take("mode")
    fields.end({}, "size mode")
    return {
        **({"size": limit} if limit and limit != "0" else {}),
        **({"mode": mode_of(mode)} if mode is not None else {}),
    }


def mode_of(value: Any) -> str:
    """Write permissions, which YAML has read as a number where they had no quotes."""
    return f"{value & _OCTAL:04o}" if isinstance(value, int) else text_of(value)


def _tmpfs_options(options: str, spot: Spot | None, path: str, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in filter(None, options.split(",")):
        name, _unused, value = option.partition("=")
        try:
            if name == "size":
                found["size"] = show_size(size(value))
                continue
        except ValueError:
            notes.wrong(spot, path, f"'{value}' is no size", "write a number with a unit, such as 64m")
            continue
        if name == "mode" and fits("mode", value):
            found["mode"] = value
        elif name not in ("rw", "nosuid", "nodev", "noexec"):
            notes.left_out(spot, path, f"a tmpfs has a size and a mode, but no {name}", "leave it out")
    return found


def _named(volumes: Any) -> Iterator[dict[str, Any]]:
    """Give each volume a name of its own within its worker: that of the file, or one made of its path."""
    taken: set[str] = set()
    for volume in volumes:
        wanted = volume.get("name", volume["path"])
        base = re.sub(r"[^a-z0-9_-]+", "-", wanted.lower()).strip("-_")[:56] or "root"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        yield {"name": name, **{key: value for key, value in volume.items() if key != "name"}}

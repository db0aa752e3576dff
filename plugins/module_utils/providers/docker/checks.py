# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a worker cannot work on an Engine, beyond the table of fields. Looks, changes nothing."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ...model.errors import HodeiError, Problem
from ...model.quantities import show_cpu
from ...model.worker import Instance, Spec
from .endpoint import is_here
from .limits import ENFORCED, enforces
from .profiles import seccomp_profile
from .secret_checks import has_secret_files, laid_over, secret_problems
from .secret_delivery import Secrets

Said = Iterator[tuple[str, str, str]]
#: Less memory than this an Engine refuses (moby: daemon/daemon_unix.go).
_LEAST_MEMORY = 6 << 20
_LEAST_CPU = 10
_ULIMITS = re.compile(
    "core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack"
).fullmatch
#: capabilities(7), as Engines know them.
_CAPABILITIES = re.compile(
    "ALL|AUDIT_(CONTROL|READ|WRITE)|BLOCK_SUSPEND|BPF|CHECKPOINT_RESTORE|CHOWN|DAC_(OVERRIDE|READ_SEARCH)|FOWNER|FSETID|"
    "IPC_(LOCK|OWNER)|KILL|LEASE|LINUX_IMMUTABLE|MAC_(ADMIN|OVERRIDE)|MKNOD|NET_(ADMIN|BIND_SERVICE|BROADCAST|RAW)|PERFMON|"
    "SET(FCAP|GID|PCAP|UID)|SYSLOG|SYS_(ADMIN|BOOT|CHROOT|MODULE|NICE|PACCT|PTRACE|RAWIO|RESOURCE|TIME|TTY_CONFIG)|WAKE_ALARM"
).fullmatch
#: Where an image's working directory is not known yet: no absolute path lies there.
_SOMEWHERE = "/\0"
_QUOTA_DRIVERS = ("btrfs", "zfs", "devicemapper", "windowsfilter")


class Checks:
    """``info`` returns what the Engine tells of itself (SystemInfo), ``image`` what of an image that is there (ImageInspect).

    Both are called only where that matters.
    """

    def __init__(
        self, info: Callable[[], Mapping[str, Any]], image: Callable[[str], Mapping[str, Any] | None], secrets: Secrets
    ) -> None:
        self._info = info
        self._image = image
        self._secrets = secrets

    def problems(self, instance: Instance) -> list[Problem]:
        """Return what is wrong with one instance, but for what it may run without."""
        name = f"worker.{instance.address.name}"
        return [
            Problem(f"{name}.{path}", message, hint, instance.source)
            for path, message, hint in self._said(instance.spec)
            if not _covered(path, instance.degrade)
        ]

    def carried(self, spec: Spec, degrade: Collection[str]) -> Spec:
        """Return a spec without what this Engine cannot carry and the worker may run without."""
        lacking = {path for path, _unused, _unused in self._said(spec) if _covered(path, degrade)} if degrade else set()
        groups = {name: spec[name] for name in ("resources", "security") if name in spec}
        return {
            **spec,
            **{
                group: {name: value for name, value in own.items() if f"{group}.{name}" not in lacking}
                for group, own in groups.items()
            },
        }

    def _said(self, spec: Spec) -> Said:
        for check in (
            _image,
            self._user,
            _volumes,
            self._sources,
            _files,
            secret_problems,
            self._memory,
            _names,
            self._limits,
            self._storage,
            _seccomp,
            self._modules,
        ):
            yield from check(spec)

    def _user(self, spec: Spec) -> Said:
        """Where neither says a user, or the image is not there yet, that is settled when the container is made."""
        if not spec.get("security", {}).get("non_root") or not spec.get("image"):
            return
        user = str(spec.get("user", ""))
        found = None if user else self._image(spec["image"])
        if found is not None:
            user = (found.get("Config") or {}).get("User") or "root"
        name = user.partition(":")[0]
        if name and name.lstrip("0") in ("", "root"):
            yield "security.non_root", "the worker would run as root", "name another user: in `user`"

    def _sources(self, spec: Spec) -> Said:
        """A directory of the host has to be there; where the Engine is elsewhere, it says so itself before it makes anything."""
        wanted = [one for one in spec.get("volumes", ()) if one.get("type") == "host"]
        if not wanted or not is_here(self._info()):
            return
        for one in wanted:
            if not os.path.exists(one["source"]):
                hint = "make it, or correct source: it is never made for you"
                yield f"volumes.{one['name']}", f"there is no directory {one['source']}", hint

    def _memory(self, spec: Spec) -> Said:
        """Who wants secrets in memory does not want them on a disk."""
        why = self._secrets.why_refused() if has_secret_files(spec) else ""
        if why:
            yield "secrets", f"they cannot be kept in memory: {why}", "run so that they can, or set secrets_in: volume"

    def _limits(self, spec: Spec) -> Said:
        resources = spec.get("resources", {})
        for field in ENFORCED:
            if resources.get(field) and not enforces(self._info(), field):
                hint = "give the Engine that controller of cgroups (rootless: delegate it to its user), or remove the limit"
                yield f"resources.{field}", "this Engine enforces no such limit", hint
        memory, cpu = resources.get("memory"), resources.get("cpu")
        if memory and memory < _LEAST_MEMORY:
            yield "resources.memory", "an Engine takes no limit below 6Mi", "give 6Mi or more"
        if cpu and cpu < _LEAST_CPU:
            yield "resources.cpu", "an Engine takes no limit below 10m", "give 10m or more"
        elif cpu and cpu > 1000 * self._info()["NCPU"]:
            cores = show_cpu(1000 * self._info()["NCPU"])
            yield "resources.cpu", f"the Engine's machine has {cores} cores only", f"give {cores} or less"

    def _storage(self, spec: Spec) -> Said:
        if not spec.get("resources", {}).get("storage"):
            return
        info = self._info()
        below = dict(info.get("DriverStatus") or ()).get("Backing Filesystem", "")
        if info["Driver"] not in _QUOTA_DRIVERS and not (info["Driver"].startswith("overlay") and below == "xfs"):
            why = f"the Engine's storage driver, {info['Driver']} on {below or 'this file system'}, has no limits"
            yield "resources.storage", why, "remove it, or use a volume of type tmpfs with a size"

    def _modules(self, spec: Spec) -> Said:
        """A profile that nobody would enforce must not be taken for one that is."""
        security = spec.get("security", {})
        for field, what in (("apparmor", "AppArmor"), ("selinux", "SELinux")):
            if security.get(field) and not self._has(field):
                hint = "remove it, or run where the Engine has it"
                yield f"security.{field}", f"the Engine runs without {what}", hint

    def _has(self, module: str) -> bool:
        return any(one.startswith(f"name={module}") for one in self._info().get("SecurityOptions") or ())


def _covered(path: str, degrade: Collection[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in degrade)


def _image(spec: Spec) -> Said:
    if not spec.get("image"):
        yield "image", "a Docker worker needs an image", "give `image`"


def _volumes(spec: Spec) -> Said:
    uid = str(spec.get("user", "")).partition(":")[0]
    for one in spec.get("volumes", ()):
        place, kind = f"volumes.{one['name']}", one.get("type", "empty")
        path = posixpath.normpath(one["path"])
        if path in ("/", ".") or path.startswith(".."):
            yield place, "a volume cannot take this place", "give the path of a directory below another one"
        if kind == "empty" and one.get("read_only"):
            yield place, "an Engine makes no volume of type empty that nobody may write to", "remove read_only"
        if one.get("size") is not None and kind != "tmpfs":
            yield place, "an Engine limits the size of a tmpfs only", "write type: tmpfs, or remove size"
        closed = not int(one.get("mode", "1777"), 8) & 0o002
        if kind == "tmpfs" and closed and uid and not uid.isdigit():
            hint = "give the user by number, or leave mode out: then everybody may write"
            yield place, f"nobody can tell which number the user {uid} has before the container is there", hint


def _files(spec: Spec) -> Said:
    """What an Engine cannot put where the document wants it."""
    volumes = {_at(one["path"]): one for one in spec.get("volumes", ())}
    closed = spec.get("security", {}).get("read_only_root", False)
    for file in spec.get("files", ()):
        path = _at(file["path"])
        around = max((one for one in volumes if f"{path}/".startswith(f"{one}/")), key=len, default=None)
        volume = volumes[around] if around is not None else None
        place = f"files.{file['path']}"
        laid = laid_over(path)
        if len(laid) > len(around or ""):
            yield (
                place,
                f"the Engine lays its own {laid} over it, so the worker would not find it",
                "choose another path",
            )
        elif volume is not None and volume.get("type", "empty") != "empty":
            what = "is made anew at each start" if volume["type"] == "tmpfs" else "is not this worker's alone"
            yield (
                place,
                f"it lies in volume {volume['name']}, which {what}",
                "choose a path outside of it, or type: empty",
            )
        elif volume is None and closed:
            hint = "add a volume of type empty around it, such as {name: conf, path: conf}, and put it there"
            yield place, "the root file system is read-only, so no file can be put there or changed", hint


def _at(path: str) -> str:
    return posixpath.normpath(posixpath.join(_SOMEWHERE, path))


def _names(spec: Spec) -> Said:
    for name in spec.get("resources", {}).get("ulimits", {}):
        if _ULIMITS(name) is None:
            yield f"resources.ulimits.{name}", "an Engine knows no such limit", "see setrlimit(2)"
    for field in ("add_capabilities", "drop_capabilities"):
        for name in spec.get("security", {}).get(field, ()):
            if _CAPABILITIES(name.upper().removeprefix("CAP_")) is None:
                yield f"security.{field}", f"there is no capability named {name}", "see capabilities(7)"


def _seccomp(spec: Spec) -> Said:
    try:
        seccomp_profile(spec)
    except HodeiError as error:
        yield "security.seccomp", error.message, error.hint

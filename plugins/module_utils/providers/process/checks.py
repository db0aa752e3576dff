# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a worker cannot work as a process on this machine, beyond the table of fields. Looks, changes nothing."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterator
from typing import Any

from ...model.errors import Problem
from ...model.worker import Instance
from ..references import expand_all
from .mapping import command_line
from .supervisor.capabilities import capability_number
from .supervisor.request_secrets import HOME_DIR
from .supervisor.users import identity
from .supervisor.wire import DEFAULT_PATH, SECRETS_NAME, RefusedError

Said = Iterator[tuple[str, str, str]]


def instance_problems(instance: Instance, provider: str = "", *, trusting: bool = False) -> list[Problem]:
    """Return what is wrong with one instance; ``trusting`` gives secrets to one that runs as we do, too."""
    name = f"worker.{instance.address.name}"
    return [
        Problem(f"{name}.{path}", message, hint, instance.source)
        for check in (_program, _user, _ports, _volumes, _files, _secrets, _ulimits, _capabilities)
        for path, message, hint in check(instance)
    ] + ([] if trusting else _exposed(instance, provider))


def _exposed(instance: Instance, provider: str) -> list[Problem]:
    """Secrets are for who cannot read those of others anyway: who runs as we do reads our keys, the state, and all that we write."""
    try:
        who = identity(str(instance.spec.get("user", "")))
    except RefusedError:
        return []  # told already
    if not instance.mounts or (who.uid if who else os.geteuid()) != os.geteuid():
        return []
    first = "give it a user: of its own" if os.geteuid() == 0 else "converge as root and give it a user: of its own"
    return [
        Problem(
            f"worker.{instance.address.name}.secrets",
            "the worker would run as the user of this task, who can read the keys of the stores, the state and every other secret",
            f"{first}, or trust it: `trust: same_user` in provider '{provider}' (docs/secrets/mounts.md)",
            instance.source,
        )
    ]


def _secrets(instance: Instance) -> Said:
    """Where they lie, and that nothing else lies there."""
    for mount in instance.mounts:
        place = f"files.{mount.place}" if mount.in_home else f"secrets.{mount.key}"
        if mount.way == "env":
            continue
        if mount.place.startswith("/") and not mount.in_home:
            yield (
                place,
                "an absolute path needs a mount namespace, which a process has not",
                "give a relative path: it lies in $HODEI_SECRETS_DIR",
            )
        if f"{mount.place}/".startswith(f"{HOME_DIR}/"):
            yield place, "here the files lie that name secrets", "choose another path"
        if mount.in_home:
            continue  # told of as a file
        try:
            identity(mount.owner)
        except RefusedError as error:
            hint = "choose a user that this machine has; only root can give a file to somebody else"
            yield f"{place}.owner", error.message.replace("run a worker as", "give a file to"), hint
    if not instance.mounts:
        return
    for field, name in (("files", "path"), ("volumes", "path")):
        for one in instance.spec.get(field, ()):
            if f"{one[name]}/".lstrip("/").startswith(f"{SECRETS_NAME}/"):
                yield (
                    f"{field}.{one.get('name', one[name])}",
                    "here the secrets of the worker lie",
                    "choose another path",
                )
    drain = instance.lifecycle.drain
    told = {name: instance.spec.get(name) for name in ("program", "command", "cwd", "health", "reload")}
    told["lifecycle.drain"] = [dict(drain.tell), dict(drain.busy)] if drain else None
    for field, value in told.items():
        for name in [mount.place for mount in instance.mounts if mount.way == "env"]:
            if _refers(value, name):
                yield (
                    field,
                    f"$({name}) is a secret, which others would see here",
                    f"have the program read ${name} itself",
                )


def _refers(value: Any, name: str) -> bool:
    """Tell whether a reference stands somewhere in a nest of lists and mappings."""
    return bool(expand_all(value, {name: ""}) != expand_all(value, {}))


def _program(instance: Instance) -> Said:
    """A program that is named by its full path, or searched on a PATH that we know, has to be there."""
    spec = instance.spec
    if spec.get("image"):
        return
    words = command_line(spec)
    field = "program" if spec.get("program") else "command"
    if not words:
        yield field, "there is nothing to run", "give program or command"
        return
    program = words[0]
    if "$(" in program or ("/" in program and not program.startswith("/")):
        return
    if program.startswith("/"):
        if not os.path.exists(program):
            yield field, f"program not found: {program}", "install it, or correct the path"
        elif not os.access(program, os.X_OK):
            yield field, f"permission denied: {program} may not be executed", "check its mode"
        return
    path = str(spec.get("env", {}).get("PATH", DEFAULT_PATH))
    if "PATH" not in spec.get("env_from_host", ()) and "$(" not in path and shutil.which(program, path=path) is None:
        yield (
            field,
            f"program not found: {program} is in no directory of the worker's PATH ({path})",
            "write its full path",
        )


def _user(instance: Instance) -> Said:
    user = str(instance.spec.get("user", ""))
    try:
        who = identity(user)
    except RefusedError as error:
        yield "user", error.message, "choose a user that this machine has and that the task may become"
        return
    if instance.spec.get("security", {}).get("non_root") and (who.uid if who else os.geteuid()) == 0:
        yield "security.non_root", "the worker would run as root", "name another user: in `user`"


def _ports(instance: Instance) -> Said:
    for port in instance.spec.get("ports", ()):
        for field, instead in (
            ("host_range", "host, or port_range of the provider"),
            ("host_ip", "the worker's own settings"),
        ):
            if field in port:
                yield f"ports.{port['name']}.{field}", "a process listens by itself", f"use {instead}"


def _volumes(instance: Instance) -> Said:
    if "volumes" in instance.degrade:
        return
    for volume in instance.spec.get("volumes", ()):
        place = f"volumes.{volume['name']}"
        parts = volume["path"].split("/")
        if volume["path"].startswith("/"):
            yield place, "an absolute path needs a mount namespace, which a process has not", "give a relative path"
        elif ".." in parts:
            yield place, "a volume lies inside the worker's own directory", "remove .. from its path"
        if volume.get("read_only"):
            yield place, "a process cannot be kept from writing to a directory that it owns", "remove read_only"
        if volume.get("relabel"):
            yield place, "a process sees the directory with the label that it has", "remove relabel"
        if volume.get("type") == "tmpfs":
            yield (
                place,
                "a process has no file system in memory of its own",
                "use type: empty, or a path below /dev/shm",
            )
        if volume.get("size") is not None:
            yield place, "the size of a directory cannot be limited", "remove size"


def _files(instance: Instance) -> Said:
    links = [one["path"].strip("/") for one in instance.spec.get("volumes", ()) if one.get("type", "empty") != "empty"]
    for file in instance.spec.get("files", ()):
        path, place = file["path"], f"files.{file['path']}"
        if path.startswith("/"):
            yield (
                place,
                "an absolute path needs a mount namespace, which a process has not",
                "give a relative path: it lies in the worker's own directory, which is $(HOME) and where it starts",
            )
        for link in links:
            if f"{path}/".startswith(f"{link}/"):
                hint = "choose a path outside of it: what lies in the volume is not this worker's alone"
                yield place, f"'{link}' is a volume, and as a process has it a link", hint
        try:
            identity(str(file.get("owner", "")))
        except RefusedError as error:
            hint = "choose a user that this machine has; only root can give a file to somebody else"
            yield f"{place}.owner", error.message.replace("run a worker as", "give a file to"), hint


def _ulimits(instance: Instance) -> Said:
    for name in instance.spec.get("resources", {}).get("ulimits", {}):
        if not hasattr(resource, f"RLIMIT_{name.upper()}"):
            yield f"resources.ulimits.{name}", "there is no such limit here", "see setrlimit(2)"


def _capabilities(instance: Instance) -> Said:
    names: Any = instance.spec.get("security", {}).get("drop_capabilities", ())
    for name in names:
        if name.upper() != "ALL" and capability_number(name) is None:
            yield "security.drop_capabilities", f"there is no capability named {name}", "see capabilities(7)"

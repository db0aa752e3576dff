# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the process provider can carry, and its own configuration keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...model.carry import Carry, Column, OnChange, Support

_NATIVE = Carry(Support.NATIVE)
_LIVE = Carry(Support.NATIVE, OnChange.UPDATE)


def _none(note: str) -> Carry:
    return Carry(Support.NONE, note=note)


_IN_PLACE = Carry(
    Support.NATIVE,
    OnChange.UPDATE,
    "in `HODEI_SECRETS_DIR`, by relative path, in memory; absolute paths need a mount namespace, another owner needs root",
)
_HOST_NETWORK = _none("a process shares the network of its host; choose a container provider")
_NO_MODULE = _none("a process runs under the profile of its supervisor; choose a container provider")

#: The column without a delegated cgroup; ``column`` gives it as it holds on a machine that has one.
COLUMN: Column = {
    "program": _NATIVE,
    "image": _none("a process has no image; give program or command"),
    "command": _NATIVE,
    "env": Carry(
        Support.NATIVE, note="the environment holds what the document names, PATH, HOME, WORKER_* and HODEI_*"
    ),
    "env_from_host": Carry(Support.NATIVE, note="read when the worker is created"),
    "cwd": Carry(Support.NATIVE, note="relative to the worker's own directory, which is the default"),
    "user": Carry(Support.NATIVE, note="another user than one's own needs root"),
    "resources.cpu": _none("a CPU limit needs a delegated cgroup: start under systemd, or as root"),
    "resources.memory": Carry(
        Support.EMULATED,
        note="without a delegated cgroup the supervisor samples the resident memory of the tree once a second and kills above",
    ),
    "resources.pids": _none("a limit of processes needs a delegated cgroup: start under systemd, or as root"),
    "resources.storage": _none("a directory has no size limit; use a file system quota"),
    "resources.gpu": _none("a process sees every GPU of its host; set CUDA_VISIBLE_DEVICES in env"),
    "resources.ulimits": Carry(Support.NATIVE, note="setrlimit(2), which limits each process, not the worker"),
    "ports": Carry(
        Support.NATIVE, note="the process listens on the port itself; without `host` it gets a free one of port_range"
    ),
    "volumes": Carry(
        Support.EMULATED,
        note="directories and links in the worker's own directory, by relative path; absolute paths need a mount namespace",
    ),
    "files": Carry(
        Support.NATIVE,
        OnChange.UPDATE,
        "in the worker's own directory, by relative path; absolute paths need a mount namespace, another owner needs root",
    ),
    "secrets.env": Carry(Support.NATIVE, OnChange.UPDATE, "read at the start; another version takes a restart"),
    "secrets.file": _IN_PLACE,
    "secrets.volume": _IN_PLACE,
    "reload": Carry(Support.NATIVE, OnChange.RECORD),
    "labels": Carry(Support.NATIVE, OnChange.RECORD),
    "health": _LIVE,
    "init": Carry(Support.IGNORED, note="the supervisor does for every worker what an init does"),
    "restart": _LIVE,
    "network.type": _HOST_NETWORK,
    "network.name": _HOST_NETWORK,
    "network.aliases": _HOST_NETWORK,
    "network.isolation": _HOST_NETWORK,
    "network.allow": _HOST_NETWORK,
    "network.block": _HOST_NETWORK,
    "security.non_root": Carry(Support.NATIVE, note="refused at the start when the user is root"),
    "security.read_only_root": _none("a process sees the file system of its host; choose a container provider"),
    "security.drop_capabilities": Carry(
        Support.NATIVE,
        note="taken from the bounding set as root; another user has none to lose under no_new_privileges",
    ),
    "security.add_capabilities": _none("run the worker as a user that has them"),
    "security.seccomp": _NO_MODULE,
    "security.apparmor": _NO_MODULE,
    "security.selinux": _NO_MODULE,
    "security.no_new_privileges": Carry(Support.NATIVE, note="prctl(PR_SET_NO_NEW_PRIVS)"),
    "lifecycle.drain": Carry(
        Support.NATIVE,
        OnChange.UPDATE,
        "the supervisor asks, and does what was left with it; a command runs beside the worker, in its environment and as its user",
    ),
    "log": Carry(Support.NATIVE, OnChange.UPDATE, "rotated by copy and truncate: lines written in between may be lost"),
}


def column(limits: Collection[str]) -> Column:
    """Return the column where cgroups enforce ``limits`` (of memory, cpu, pids)."""
    native = {f"resources.{name}": Carry(Support.NATIVE, note="enforced by a cgroup") for name in limits}
    return {**COLUMN, **native}


#: JSON schema fragment: the keys of a provider of ``type: process``, beside those that every provider has.
PROCESS_CONFIG: dict[str, Any] = {
    "type": "object",
    "properties": {
        "directory": {
            "type": "string",
            "format": "text",
            "description": "Where workers, their logs and their records lie: `<directory>/<owner>/process`. Left out: "
            "`HODEI_STATE_DIR`, else `$XDG_STATE_HOME/hodei`, else `~/.local/state/hodei`. Workers of another user must be able "
            "to reach it.",
        },
        "port_range": {
            "type": "string",
            "format": "text",
            "pattern": "^[0-9]{1,5}-[0-9]{1,5}$",
            "default": "20000-29999",
            "description": "Ports for workers that name none, first and last.",
        },
        "settle": {
            "type": ["string", "number"],
            "format": "duration",
            "default": "250ms",
            "description": "A worker without a health check counts as started once it has lived this long.",
        },
        "trust": {
            "type": "string",
            "enum": ["same_user"],
            "description": "`same_user` gives secrets to workers that run as the user of the task, too. Such a worker can read what that "
            "user can: its keys, the state, and the secrets of all other workers.",
        },
        "service_manager": {
            "type": "boolean",
            "default": True,
            "description": "Start the supervisor as a scope of systemd where that answers, so that workers outlive the login.",
        },
    },
    "additionalProperties": False,
}

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""What this provider can carry, and its own configuration keys."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, Column, OnChange, Support

_NATIVE = Carry(Support.NATIVE)


def _none(note: str) -> Carry:
    return Carry(Support.NONE, note=note)


#: What is not named here is NONE as well, but without a word for the user.
COLUMN: Column = {
    "program": _NATIVE,
    "command": _NATIVE,
    "env": _NATIVE,
    "cwd": Carry(Support.NATIVE, note="relative to the worker's own directory, which is the default"),
    "labels": Carry(Support.NATIVE, OnChange.RECORD),
    "image": _none("a process has no image; give program or command"),
    "env_from_host": _none("name the variables in env"),
    "user": _none("workers run as the user that converges; choose providers of type process"),
    "resources": _none("nothing limits these processes; choose providers of type process"),
    "ports": _none("name the port in command; choose providers of type process for ports by name"),
    "files": _none("write them by the command, below the worker's own directory; or type process"),
    "reload": _none("there are no files to tell of; choose providers of type process"),
    "volumes": _none("write below the worker's own directory"),
    "health": _none("nobody watches; choose providers of type process"),
    "restart": _none("nobody watches: a worker that ended is started by the next converge; or type process"),
    "network": _none("a process shares the network of its host; choose a container provider"),
    "security": _none("choose providers of type process, or containers"),
    "log": _none("the log is one file that grows; choose providers of type process for rotation"),
    "lifecycle.drain": _none(
        "its workers end when they are told to stop; choose providers of type process for draining"
    ),
}

#: JSON schema: the keys of a provider of this type, beside those that every provider has.
CONFIG: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spool": {
            "type": "string",
            "format": "text",
            "description": "Where workers and their records lie. Left out: beside the fleet's state.",
        },
        "settle": {
            "type": ["string", "number"],
            "format": "duration",
            "default": "250ms",
            "description": "A worker counts as started once it has lived this long.",
        },
    },
    "additionalProperties": False,
}

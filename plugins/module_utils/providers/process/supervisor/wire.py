# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What module and supervisor say to each other: JSON lines over a private unix socket.

The supervisor greets each connection with one line (``Greeting``), the module sends one request, the supervisor
answers with any number of ``row`` lines and one ``end`` or ``error`` line. Both sides read these names from here.
"""

from __future__ import annotations

import json
from typing import Any

#: Changes when an older peer could misunderstand a newer one; a supervisor of another protocol is replaced.
PROTOCOL = 1
#: The longest line that either side accepts, in bytes: a bulk create of 1,000 workers takes about 2 MB.
LINE_LIMIT = 64 << 20
#: The version of the collection, and so of its supervisor.
VERSION = "0.1.0"
SOCKET_NAME = "socket"
LOCK_NAME = "lock"
RECORDS_DIR = "records"
WORKERS_DIR = "workers"
LOGS_DIR = "logs"
VOLUMES_DIR = "volumes"
#: Leads to where the secrets of workers lie; so is the link called that a worker has in its own directory.
SECRETS_NAME = "secrets"
#: Ends the name of what holds the files of a worker, beside its record; before it stands the worker's token.
FILES_SUFFIX = ".files"
EVENTS_NAME = "events.jsonl"
OLD_EVENTS_NAME = "events.jsonl.1"
SUPERVISOR_LOG = "supervisor.log"

#: The marker in the environment of all that belongs to a worker; a value ``TOKEN`` or ``TOKEN.SUFFIX``.
MARKER = "HODEI_WORKER"

#: Where a worker's program is searched when its document says nothing else.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: One observation on the wire is a list in this order; shorter than a mapping by half, and faster.
ROW = (
    "id",
    "name",
    "key",
    "generation",
    "lineage",
    "state",
    "digest",
    "etag",
    "operation",
    "key_id",
    "intent",
    "protected",
    "reason",
    "exit_code",
    "restarts",
    "created_at",
    "started_at",
    "ports",
    "pid",
    "drain",
    "draining",
    "drift",
    "stale",
    "on_remove",
    "secrets",
    "provider",
)


class RefusedError(Exception):
    """The supervisor cannot do what was asked; ``kind`` is a value of ``model.errors.Kind``."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint}


def encode(message: Any) -> bytes:
    """Write one message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Any:
    """Read one line; raises ValueError when it is no JSON."""
    return json.loads(line)

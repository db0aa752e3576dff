# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the process provider for an owner: no supervisor, and none of its files."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from ...model.errors import HodeiError, Kind
from ..relocating import drop, former
from .client import Connection
from .supervisor import procfs
from .supervisor.dirs import open_directory
from .supervisor.secret_mounts import Mounts
from .supervisor.wire import (
    EVENTS_NAME,
    LOCK_NAME,
    LOGS_DIR,
    OLD_EVENTS_NAME,
    RECORDS_DIR,
    SOCKET_NAME,
    SUPERVISOR_LOG,
    VOLUMES_DIR,
    WORKERS_DIR,
)

_POLL = 0.02
_FILES = (EVENTS_NAME, OLD_EVENTS_NAME, LOCK_NAME, SOCKET_NAME, SUPERVISOR_LOG)


def leave(directory: str, connect: Callable[[], Connection | None], patience: float) -> None:
    """Stop the supervisor and delete what it needs. What workers that were let go still use stays: their directories and logs."""
    if os.path.isdir(directory):
        _clear(directory, connect, patience)
    place = os.path.dirname(directory)
    _remove_empty(place)  # the owner's, within what other owners may share
    if not os.path.exists(place):
        drop(former(place))


def _clear(directory: str, connect: Callable[[], Connection | None], patience: float) -> None:
    records = os.path.join(directory, RECORDS_DIR)
    if os.path.isdir(records) and any(name.endswith(".json") for name in os.listdir(records)):
        raise HodeiError(
            Kind.CONFLICT, f"{records} still has workers", hint="Destroy the fleet, or have it forget them."
        )
    _stop(connect, patience)
    for name in os.listdir(directory):
        if name in _FILES or (name.startswith("supervisor-") and ".pyz" in name):
            os.unlink(os.path.join(directory, name))
    with suppress(FileNotFoundError):
        owner = open_directory(directory)
        Mounts(directory, owner).leave()
        os.close(owner)
    for name in (RECORDS_DIR, WORKERS_DIR, LOGS_DIR, VOLUMES_DIR):
        _remove_empty(os.path.join(directory, name))
    _remove_empty(directory)


def _stop(connect: Callable[[], Connection | None], patience: float) -> None:
    deadline = time.monotonic() + patience
    while (connection := connect()) is not None:
        with connection:
            found = procfs.look(connection.greeting.pid)
        if found is not None:
            procfs.send(found.pid, found.started, signal.SIGTERM)
        if time.monotonic() > deadline:
            raise HodeiError(
                Kind.TIMEOUT, f"the supervisor does not leave within {patience:g} s", hint="Kill hodei-process."
            )
        time.sleep(_POLL)


def _remove_empty(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        return  # something of a worker that was let go, or of somebody else

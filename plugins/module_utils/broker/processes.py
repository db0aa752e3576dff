# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes as /proc shows them, and who is on the other side of a unix socket (proc(5), unix(7))."""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import NamedTuple

_CREDENTIALS = struct.Struct("3i")
_SO_PEERPIDFD = 77  # since Linux 6.5; no name in Python yet


class Peer(NamedTuple):
    """The process that connected, or that listens."""

    pid: int
    uid: int


def peer_of(connection: socket.socket) -> Peer:
    """Return who is on the other side."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _unused = _CREDENTIALS.unpack(data)
    return Peer(pid, uid)


def started_at(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when there is none, or only its exit status is left."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in (b"Z", b"X") else None


def descends(connection: socket.socket, ancestor: int) -> bool:
    """Tell whether the process on the other side is another one or its descendant, which must be known to live.

    Where the kernel can tell, it has to be the very process that connected, not one that has got its id since.
    """
    handle = _handle(connection)
    try:
        pid = peer_of(connection).pid
        while pid > 1 and pid != ancestor:
            fields = _stat(pid)
            pid = int(fields[1]) if fields else 0
        return pid == ancestor and (handle is None or not has_ended(handle))
    finally:
        if handle is not None:
            os.close(handle)


def has_ended(handle: int) -> bool:
    """Tell whether the process of a pidfd has ended."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


def _handle(connection: socket.socket) -> int | None:
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError:
        return None


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat from the state on; empty when it is gone. The name before them may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read(2048)
    except OSError:
        return []
    return text[text.rindex(b")") + 2 :].split()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity by the kernel of this host: the effective user of a process, with the groups of the host that it is in."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from ...model.errors import HodeiError, Kind
from ...model.principal import NAME, Principal, Verified

_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid
_PEER_GROUPS = 59  # SO_PEERGROUPS of Linux 4.13, which the module socket does not name
_MOST_BYTES = 1024  # the longest option that Python reads: 256 groups
_OVERFLOW = Path("/proc/sys/kernel/overflowuid")


def of_this_process() -> Principal:
    """Return who this process runs as."""
    return _principal(os.geteuid(), (os.getegid(), *os.getgroups()))


def of_peer(connection: socket.socket) -> Principal:
    """Return who the other end of a Unix socket ran as when it connected. Raises HodeiError(authentication)."""
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except (OSError, AttributeError) as error:
        raise _unknown("this host does not tell who is at the other end of the socket") from error
    try:
        groups = connection.getsockopt(socket.SOL_SOCKET, _PEER_GROUPS, _MOST_BYTES)
    except OSError:
        groups = b""  # who is in more, or asks an older kernel, is given nothing by these
    pid, uid, gid = _CREDENTIALS.unpack(found)
    if not pid or uid == _overflow():
        raise _unknown("the other end of the socket is a user that this host has no number for")
    return _principal(uid, (gid, *(group for (group,) in struct.iter_unpack("I", groups))))


def _overflow() -> int:
    """Return the number that the kernel gives for all whom it cannot name: users of a container that are not mapped to any of ours."""
    try:
        return int(_OVERFLOW.read_text())
    except (OSError, ValueError):
        return 65534


def _principal(uid: int, gids: Iterable[int]) -> Principal:
    return Principal(f"uid:{uid}", Verified.UID, groups=frozenset(_names(frozenset(gids))))


def _names(gids: Iterable[int]) -> Iterable[str]:
    """Yield the names of groups; those without one, or with one that no rule could write, cannot be given anything."""
    import grp

    for gid in gids:
        try:
            name = grp.getgrgid(gid).gr_name
        except KeyError:
            continue
        if NAME.fullmatch(name):
            yield name


def _unknown(why: str) -> HodeiError:
    return HodeiError(Kind.AUTHENTICATION, why, hint="Connect from this host, as one of its users.")

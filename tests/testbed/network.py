# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own for tests of an Engine: bridges, firewall and ports that no other run and no other Engine sees.

Only the thread that enters it is there, and what it starts meanwhile. It is gone with the last process that uses it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET; os.unshare and os.setns came with Python 3.12
_SET_FLAGS, _UP = 0x8914, 0x1
_OURS = "/proc/thread-self/ns/net"
_HOME = os.open("/proc/self/ns/net", os.O_RDONLY)
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """Made when it is first entered. Where this may not be done, entering it changes nothing."""

    def __init__(self) -> None:
        self._own: int | None = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in it for a while."""
        before = os.open(_OURS, os.O_RDONLY)
        try:
            if self._own is None and _libc.unshare(_NEW_NETWORK) == 0:
                self._own = os.open(_OURS, os.O_RDONLY)
                with socket.socket() as any_:
                    fcntl.ioctl(any_, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
            if self._own is not None:
                _go(self._own)
            yield
        finally:
            _go(before)
            os.close(before)


@contextmanager
def outside() -> Iterator[None]:
    """Be in the network that this process began in, from which the world is reached."""
    before = os.open(_OURS, os.O_RDONLY)
    try:
        _go(_HOME)
        yield
    finally:
        _go(before)
        os.close(before)


def _go(network: int) -> None:
    if os.fstat(network).st_ino == os.stat(_OURS).st_ino:
        return
    if _libc.setns(network, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def here() -> str:
    """Name the network that this thread is in."""
    return os.readlink(_OURS)

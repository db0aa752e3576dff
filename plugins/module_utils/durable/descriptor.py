# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file descriptor of another process holds, read without taking it away: each task of a playbook reads it anew.

Modules get no descriptors of ansible-playbook (Ansible starts them with none but the usual three), so it is opened through ``/proc``. A
file is read from its beginning, whoever has read it before. A pipe gives each byte once; ``tee(2)`` copies what is in it and leaves it
there.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import stat

_NONBLOCK = 2  # SPLICE_F_NONBLOCK
_PATIENCE = 30_000  # ms until what writes into a pipe has ended


def read_descriptor(pid: int, number: int, most: int) -> bytes:
    """Return what it holds, or its first ``most`` + 1 bytes when that is more. Raises OSError."""
    opened = os.open(f"/proc/{pid}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = os.fstat(opened).st_mode
        if stat.S_ISREG(kind):
            return os.pread(opened, most + 1, 0)
        if stat.S_ISFIFO(kind):
            return _piped(opened, most)
    finally:
        os.close(opened)
    raise OSError(errno.EINVAL, "it is neither a file nor a pipe")


def _piped(pipe: int, most: int) -> bytes:
    """Copy what is in a pipe once nobody writes to it any more; a pipe holds 64 KiB."""
    waiting = select.poll()
    waiting.register(pipe, 0)  # hanging up is told without being asked for
    if not waiting.poll(_PATIENCE):
        raise OSError(errno.ETIMEDOUT, "what writes to this pipe does not end")
    out, into = os.pipe()
    try:
        with contextlib.suppress(BlockingIOError):
            count = _tee(pipe, into, most + 1)
            return os.read(out, count) if count else b""
    finally:
        os.close(out)
        os.close(into)
    return b""


def _tee(source: int, target: int, most: int) -> int:
    tee = ctypes.CDLL(None, use_errno=True).tee
    tee.restype, tee.argtypes = ctypes.c_ssize_t, [ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint]
    count = int(tee(source, target, most, _NONBLOCK))
    if count < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return count

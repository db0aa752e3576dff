# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broker withstands of its own user; run by test_broker_strangers.py as a user without rights."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
from contextlib import closing
from pathlib import Path

from ansible_collections.hodei.workers.tests.support.broker_program import canary
from ansible_collections.hodei.workers.tests.support.brokers import Bed

_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17


def closed(own: str) -> None:
    """Nobody but root looks into a broker; into another process of this user one may, unless the kernel is told otherwise."""
    with closing(Bed(Path(own))) as bed, subprocess.Popen(["sleep", "60"]) as other:
        value, (broker,) = bed.value(), bed.brokers()
        open_one, closed_one = looks(other.pid), looks(broker)
        other.kill()
        assert value == canary("db/password")
        assert open_one == [], "the control"
        assert closed_one == ["mem", "environ", "maps", "fd", "ptrace"]


def looks(pid: int) -> list[str]:
    """Return by which ways a process cannot be looked into."""
    refused = []
    for name in ("mem", "environ", "maps"):
        try:
            with open(f"/proc/{pid}/{name}", "rb", buffering=0):
                pass
        except PermissionError:
            refused.append(name)
    try:
        os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        refused.append("fd")
    return refused + (["ptrace"] if attach(pid) == errno.EPERM else [])


def attach(pid: int) -> int:
    """Try to trace a process, and let go of it again; return the error."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_ATTACH, pid, 0, 0) == 0:
        os.waitpid(pid, 0)
        libc.ptrace(_PTRACE_DETACH, pid, 0, 0)
        return 0
    return ctypes.get_errno()

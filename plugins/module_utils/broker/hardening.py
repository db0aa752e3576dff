# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps other processes out of this one's memory, and its memory off disks."""

from __future__ import annotations

import ctypes
import os
import resource

from ..model.errors import HodeiError, Kind

_PR_SET_DUMPABLE, _PR_SET_NAME = 4, 15
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_CAP_IPC_LOCK = 14
#: For the environment of a process that is to overwrite whatever it frees (mallopt(3), M_PERTURB), Python's own objects, too.
FORGETFUL = {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "165"}


def harden(name: str) -> None:
    """Leave no core, and let nobody but root trace this process or read its memory. Raises HodeiError when somebody traces it already.

    Comes first, before there is anything to protect.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not undumpable():
        raise HodeiError(Kind.INTERNAL, f"the broker cannot be made undumpable: {os.strerror(ctypes.get_errno())}")
    libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
    if _status("TracerPid") != "0":
        raise HodeiError(Kind.INTERNAL, "the broker of secrets is being traced, and gives none")


def undumpable() -> bool:
    """Let this process leave no core, and nobody but root trace it or read its memory; programs that it starts are none the wiser.

    Tells whether that could be done.
    """
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)  # not every system has it
    return prctl is not None and prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0


def lock_memory() -> bool:
    """Keep memory off the swap device where that is allowed without a limit: at a limit, memory would run out. Tells whether it is."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    capable = int(_status("CapEff"), 16) >> _CAP_IPC_LOCK & 1
    if hard != resource.RLIM_INFINITY and not capable:
        return False
    return ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0


def raise_descriptors(wanted: int) -> None:
    """Allow as many open connections as there may be forks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _status(name: str) -> str:
    with open("/proc/self/status", encoding="ascii") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith(f"{name}:")), "0")

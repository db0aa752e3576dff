# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Linux tells about processes: the few fields of /proc that identify one and place it in its tree (proc(5))."""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class Process(NamedTuple):
    """One line of /proc/PID/stat; ``started`` in clock ticks since boot, ``rss`` in bytes."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    started: int
    rss: int

    @property
    def dead(self) -> bool:
        """Whether only its exit status is left."""
        return self.state in "ZX"


def boot_id() -> str:
    """Return the kernel's name for this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def boottime() -> float:
    """Return seconds since boot, sleep included: a clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def revision() -> int:
    """Return the same clock in nanoseconds: the order of all that is shown of workers, whoever shows it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def look(pid: int) -> Process | None:
    """Return what a process is now, or None when there is none of that id. Raises OSError for want of descriptors."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        return None
    try:
        text = os.read(fd, 2048)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    # The command's name stands in parentheses and may hold anything, parentheses too.
    fields = text[text.rindex(b")") + 2 :].split()
    return Process(
        pid,
        chr(fields[0][0]),
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[19]),
        int(fields[21]) * _PAGE,
    )


def alive(pid: int, started: int) -> bool:
    """Tell whether exactly that process still runs (a zombie does not)."""
    found = look(pid)
    return found is not None and found.started == started and not found.dead


def snapshot() -> dict[int, Process]:
    """Look at every process that can be seen."""
    found = (look(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def environment(pid: int) -> bytes:
    """Return the environment a process was started with, NUL-separated; empty when it may not be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def send(pid: int, started: int, number: signal.Signals) -> bool:
    """Signal exactly that process, never one that has got its id since; False when it is gone."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not alive(pid, started):
            return False
        signal.pidfd_send_signal(fd, number)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True

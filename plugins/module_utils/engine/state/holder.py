# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lease, written so that another process can tell whether the holder is still there.

A holder reads ``root@ci1 pid 4242 (machine 3d12…, boot d78f…, pidns 4026531836, start 91823)``. Only a proof counts:
a process identity says nothing outside its own PID namespace, and a boot identity nothing where containers of
several hosts share a machine id out of one image; there the lease simply runs out.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

# The inode of the initial PID namespace is a constant of the kernel (PROC_PID_INIT_INO in include/linux/proc_ns.h).
_INITIAL_PID_NAMESPACE = str(0xEFFFFFFC)
_HOLDER = re.compile(
    r"^(?P<user>.*)@(?P<host>[^@\s]*) pid (?P<pid>\d+) "
    r"\(machine (?P<machine>\S*), boot (?P<boot>\S*), pidns (?P<namespace>\S*), start (?P<start>\S*)\)$"
)


class Holder(NamedTuple):
    """A process: where it runs and which one it is. What could not be learned is empty and proves nothing."""

    user: str
    host: str
    pid: int
    machine: str
    boot: str
    namespace: str
    start: str

    def __str__(self) -> str:
        """Render as leases keep it."""
        identity = f"machine {self.machine}, boot {self.boot}, pidns {self.namespace}, start {self.start}"
        return f"{self.user}@{self.host} pid {self.pid} ({identity})"


def this_process() -> Holder:
    """Describe the process that calls."""
    pid = os.getpid()
    return Holder(
        user=_user(),
        host=os.uname().nodename,
        pid=pid,
        machine=_read("/etc/machine-id") or _read("/var/lib/dbus/machine-id"),
        boot=_read("/proc/sys/kernel/random/boot_id"),
        namespace=_pid_namespace(),
        start=_start(pid),
    )


def shown(holder: str) -> str:
    """Return the part of a holder that people want to read."""
    return holder.partition(" (")[0]


def parse_holder(text: str) -> Holder | None:
    """Read a holder; None for text of another form."""
    found = _HOLDER.match(text)
    if found is None:
        return None
    user, host, pid, *identity = found.groups()
    return Holder(user, host, int(pid), *identity)


def provably_dead(text: str, observer: Holder | None = None) -> bool:
    """Tell whether the holder certainly runs no more: its process is gone, or its machine booted since."""
    holder, here = parse_holder(text), observer or this_process()
    if holder is None or not holder.machine or not holder.boot:
        return False
    if (holder.machine, holder.host) != (here.machine, here.host):
        return False
    if holder.boot != here.boot:
        return holder.namespace == here.namespace == _INITIAL_PID_NAMESPACE
    return bool(holder.namespace) and holder.namespace == here.namespace and not _runs(holder.pid, holder.start)


def _runs(pid: int, start: str) -> bool:
    """Tell whether the process that had this pid since ``start`` may still do something; a zombie cannot."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists and is somebody else's
    fields = _stat(pid)
    return not fields or (fields[0] not in "ZX" and start in ("", fields[19]))


def _start(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> list[str]:
    """Fields 3 and on of /proc/PID/stat (proc_pid_stat(5)): state first, start time in clock ticks as the twentieth."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _pid_namespace() -> str:
    if sys.platform != "linux":
        return ""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container often runs under a number without a name
        return str(os.getuid())


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""

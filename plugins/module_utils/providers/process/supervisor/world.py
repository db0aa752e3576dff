# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all workers of a supervisor share: directories, children, limits, ports, events and the clock."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from . import cgroup, procfs
from .delivery import UnplacedError
from .dirs import Directories
from .events import EventLog
from .forker import Forker
from .logs import Keeper
from .policy import DRAIN_AT_ONCE, Exit, read_status
from .ports import Ports
from .procfs import boot_id
from .secret_mounts import Mounts
from .spawn import Spawner
from .tree import Leader, Reaper
from .watchers import Watchers
from .wire import RefusedError

#: Programs started at the same moment: each needs four descriptors until it runs.
_STARTS = 64
_RETRY = 0.01
_IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EPERM)


@dataclass(slots=True)
class World:
    """Handed to every worker; ``now`` is Unix seconds."""

    owner: str
    directories: Directories
    groups: cgroup.Groups
    nofile: tuple[int, int]
    forker: Forker
    boot: str = field(default_factory=boot_id)
    leaders: dict[int, Leader] = field(default_factory=dict)
    families: dict[str, dict[str, str]] = field(default_factory=dict)
    children: dict[int, asyncio.Future[Exit]] = field(default_factory=dict)
    ports: Ports = field(default_factory=Ports)
    starts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STARTS))
    probes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DRAIN_AT_ONCE))
    events: EventLog = field(init=False)
    logs: Keeper = field(init=False)
    mounts: Mounts = field(init=False)
    reaper: Reaper = field(init=False)
    spawner: Spawner = field(init=False)
    watchers: Watchers = field(default_factory=Watchers)
    told: int = 0

    def __post_init__(self) -> None:
        """Make what depends on the other fields."""
        self.events = EventLog(self.directories.owner)
        self.logs = Keeper(self.directories.logs)
        self.mounts = Mounts(self.directories.path, self.directories.owner)
        self.reaper = Reaper(self.leaders, self._grouped)
        self.spawner = Spawner(self.forker)

    def _grouped(self, family: str) -> list[int]:
        groups = self.families.get(family)
        return cgroup.pids(groups) if groups else []

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def revision(self) -> int:
        """Return a number for what is about to be shown, greater than all before it; those of the supervisor before us too."""
        self.told = max(self.told + 1, procfs.revision())
        return self.told

    def tell(self, address: str, event: str, detail: str = "") -> None:
        """Note an event of a worker."""
        self.events.tell(self.now(), address, event, detail)

    def expect(self, pid: int, token: str) -> asyncio.Future[Exit]:
        """Note a child of ours as the head of a family; the future gives its exit.

        A pidfd tells of the end rather than SIGCHLD: no handler runs between any two instructions, and a thousand ends at
        once do not overflow the loop's signal pipe.
        """
        process = procfs.look(pid)
        self.leaders[pid] = Leader(token, process.started if process else 0)
        future: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.children[pid] = future
        self._when_ended(os.pidfd_open(pid), lambda: self._collect(pid))
        return future

    def _collect(self, pid: int) -> None:
        """Wait for a child that has ended; one that ended before the forker gave it to us comes a moment later."""
        self.reap()
        if pid not in self.children:
            return
        if procfs.look(pid) is None:
            # Somebody else has collected it.
            self.children.pop(pid).set_result(Exit(None))
        else:
            asyncio.get_running_loop().call_later(_RETRY, self._collect, pid)

    def reap(self) -> None:
        """Collect every child that has ended: ours, and orphans of workers that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            future = self.children.pop(pid, None)
            if future is not None and not future.done():
                future.set_result(read_status(status))

    def watch(self, pid: int, started: int, token: str) -> asyncio.Future[Exit]:
        """Note a process that is not our child; the future gives an Exit of unknown code once it is gone."""
        future: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            future.set_result(Exit(None))
            return future
        if not procfs.alive(pid, started):
            os.close(fd)
            future.set_result(Exit(None))
            return future
        self.leaders[pid] = Leader(token, started)
        self._when_ended(fd, lambda: None if future.done() else future.set_result(Exit(None)))
        return future

    def _when_ended(self, pidfd: int, action: Callable[[], object]) -> None:
        """Do something when a process has ended: its pidfd becomes readable then."""
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            action()

        loop.add_reader(pidfd, ended)


def disk_problem(error: OSError, path: str) -> RefusedError:
    """Say which of the machine's resources is at its end, or what stands in the way of a file."""
    text = error.strerror or str(error)
    if isinstance(error, UnplacedError) and error.errno in _IN_THE_WAY:
        return RefusedError(
            "conflict",
            f"the file {error.filename} cannot be put into the worker's directory: {text}; nothing was changed",
            "Its path may not lead through a link, a file or somebody else's directory: remove that, or replace the worker.",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return RefusedError("resource_exhausted", f"cannot write below {path}: {text}", "Make room there.")
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM):
        return RefusedError("resource_exhausted", f"cannot start another process: {text}", "See ulimit -n and -u.")
    return RefusedError("internal", f"cannot prepare a worker below {path}: {text} ({error.filename or 'no file'})")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a worker: a process and all that it starts, from the fork until nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import signal

from . import cgroup, procfs
from .failpoint import reach
from .launching import limits_of, main_launch
from .logs import log_name, redact, tail
from .policy import Exit
from .record import Record, save
from .tree import marker_of
from .wire import RefusedError
from .world import World, disk_problem

_POLL = 0.02
#: A killed process is gone within this many seconds, unless the kernel holds it.
KILL_WAIT = 15.0


class Run:
    """A process on record; ``ended`` gives its exit, ``began`` is on the clock of ``procfs.boottime``."""

    def __init__(self, record: Record, world: World) -> None:
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.began = procfs.boottime()
        self._record = record
        self._world = world
        self._log_start = 0

    @classmethod
    async def start(cls, record: Record, world: World) -> Run:
        """Start the worker's program; raises RefusedError with the cause when it cannot run."""
        run = cls(record, world)
        async with world.starts:
            try:
                record.groups = world.groups.make(record.place, limits_of(record))
                world.families[record.token] = record.groups
                run._log_start = run._log_size()
                await world.spawner.spawn(main_launch(record, world), (), run._recorded)
            except OSError as error:
                await run._give_up()
                raise disk_problem(error, world.directories.path) from error
            except RefusedError:
                await run._give_up()
                raise
        reach("released")
        return run

    def _recorded(self, pid: int) -> None:
        """Write the pid down while the child still waits at its gate. Raises OSError."""
        reach("forked")
        record, world = self._record, self._world
        self.ended = world.expect(pid, record.token)
        self.began = procfs.boottime()
        record.pid, record.started, record.boot = pid, world.leaders[pid].started, world.boot
        record.started_at = world.now()
        record.ttl_from = self.began if record.ttl_from is None else record.ttl_from
        save(record, world.directories.records)
        reach("recorded")

    async def _give_up(self) -> None:
        """Leave nothing of a start that failed: a process that is only slow would become the program when nobody waits any more."""
        if self._record.pid:
            await self.kill()
        self._forget()

    @classmethod
    def adopt(cls, record: Record, world: World) -> Run:
        """Find the process that the record names: our own child still, after an exec, somebody else's by now, or gone."""
        run = cls(record, world)
        world.families[record.token] = record.groups
        found = procfs.look(record.pid)
        if record.boot != world.boot or found is None or found.started != record.started:
            run.ended.set_result(Exit(None))
        elif found.parent == os.getpid():
            run.ended = world.expect(record.pid, record.token)
        else:
            run.ended = world.watch(record.pid, record.started, record.token)
        return run

    async def confirm(self) -> bool:
        """Learn whether a process that was recorded, but maybe not released, has become the program or ends at its gate."""
        while not self.ended.done():
            if marker_of(procfs.environment(self._record.pid)) == self._record.token:
                return True
            await asyncio.wait((self.ended,), timeout=_POLL)
        return False

    def let_go(self) -> None:
        """Know its processes no more; its control groups stay, and so do their limits."""
        self._world.leaders.pop(self._record.pid, None)
        self._world.families.pop(self._record.token, None)

    def freeze(self) -> None:
        """Stop every process of the worker."""
        self._world.reaper.signal(self._record.token, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._world.reaper.signal(self._record.token, signal.SIGCONT)

    async def terminate(self, grace: float, frozen: bool) -> None:
        """SIGTERM to the worker's process group, ``grace`` seconds, SIGKILL to whatever is left of the whole tree."""
        record = self._record
        if grace > 0 and not self.ended.done():
            try:
                self._signal_group(signal.SIGTERM)
                if frozen:
                    self.thaw()
                async with asyncio.timeout(grace):
                    await asyncio.wait((self.ended,))
                    while _group_lives(record.pid):
                        await asyncio.sleep(_POLL)
            except TimeoutError:
                self._world.tell(record.address, "killed", f"still there {grace:g} s after SIGTERM")
            except OSError as error:  # out of descriptors
                self._world.tell(record.address, "killed", f"it could not be asked to end: {error.strerror}")
        await self.kill()
        await asyncio.wait((self.ended,), timeout=KILL_WAIT)

    def _signal_group(self, number: signal.Signals) -> None:
        """Signal the process group that the worker leads, if it still leads it."""
        record = self._record
        try:
            if procfs.alive(record.pid, record.started):
                os.killpg(record.pid, number)
        except OSError:
            procfs.send(record.pid, record.started, number)

    async def kill(self) -> None:
        """Kill all of it, at once and without a word."""
        cgroup.kill(self._record.groups)
        if not await self._world.reaper.kill(self._record.token):
            self._world.tell(self._record.address, "stuck", "some of its processes do not die")

    def clear(self) -> str:
        """Give back what a run that is over had; returns why the kernel ended it, where it did."""
        record = self._record
        cause = memory_reason(record.spec["limits"].get("memory")) if cgroup.oom_kills(record.groups) else ""
        self._forget()
        return cause

    def _forget(self) -> None:
        record, world = self._record, self._world
        world.leaders.pop(record.pid, None)
        world.families.pop(record.token, None)
        world.groups.drop(record.groups)
        record.pid, record.groups = 0, {}

    def last_words(self) -> str:
        """Return the last lines of its output, without the values of its environment."""
        most = min(600, self._log_size() - self._log_start)
        text = tail(self._record.id, self._world.directories.logs, most=most) if most > 0 else ""
        return f"; its last output: {redact(text, self._hidden())}" if text else ""

    def _hidden(self) -> list[str]:
        return [*self._record.spec["env"].values(), *self._world.mounts.texts(self._record)]

    def _log_size(self) -> int:
        try:
            return os.stat(log_name(self._record.id), dir_fd=self._world.directories.logs).st_size
        except FileNotFoundError:
            return 0


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def memory_reason(limit: int | None) -> str:
    """Say that a worker was killed for its memory."""
    return "memory limit exceeded" if limit is None else f"memory limit of {limit / 1048576:g} MiB exceeded"

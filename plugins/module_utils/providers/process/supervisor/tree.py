# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes belong to a worker, and how all of them die.

A process belongs to the worker that it descends from, whose session it is in, or whose marker it was started with: a
child that called setsid, even one that forked twice, keeps the marker. Where the worker has a cgroup the kernel knows
exactly. A process that both left the session and wiped its environment while no supervisor ran escapes the first way.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from typing import NamedTuple

from . import procfs
from .procfs import Process
from .wire import MARKER

_ROUND = 0.01
_DEADLINE = 15.0


def marker_of(environment: bytes) -> str:
    """Return the worker token that an environment carries, or nothing."""
    prefix = MARKER.encode() + b"="
    for entry in environment.split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode("ascii", "replace")
    return ""


class Leader(NamedTuple):
    """The first process of a worker, command or probe: its family's token, and its start in clock ticks."""

    token: str
    started: int


class Census:
    """Finds the processes of workers; remembers the marker of each process, so that environments are read once."""

    def __init__(self, read_environment: Callable[[int], bytes] = procfs.environment) -> None:
        self._read_environment = read_environment
        self._markers: dict[tuple[int, int], str] = {}

    def owners(self, processes: Mapping[int, Process], leaders: Mapping[int, Leader], own_pid: int) -> dict[int, str]:
        """Return the token of each process that belongs to a worker."""
        known: dict[int, str] = {own_pid: "", 0: "", 1: ""}
        for pid in processes:
            self._trace(pid, processes, leaders, known)
        self._markers = {key: value for key, value in self._markers.items() if key[0] in processes}
        return {pid: token for pid, token in known.items() if token}

    def _trace(
        self, pid: int, processes: Mapping[int, Process], leaders: Mapping[int, Leader], known: dict[int, str]
    ) -> None:
        """Climb from a process to the first ancestor that is settled, and settle all on the way."""
        chain: list[Process] = []
        while pid not in known:
            process = processes.get(pid)
            if process is None:
                break
            token = _led_by(process, processes, leaders)
            known[pid] = token
            if token:
                break
            chain.append(process)
            pid = process.parent
        token = known.get(pid, "")
        for process in reversed(chain):
            token = token or self._marker(process)
            known[process.pid] = token

    def _marker(self, process: Process) -> str:
        key = (process.pid, process.started)
        found = self._markers.get(key)
        if found is None:
            found = self._markers[key] = marker_of(self._read_environment(process.pid))
        return found


def _led_by(process: Process, processes: Mapping[int, Process], leaders: Mapping[int, Leader]) -> str:
    """Return the token of the leader that a process is, or whose session it is in.

    A process id is not given out again while a session of that id lives, so only a leader that runs can be another.
    """
    own = leaders.get(process.pid)
    if own is not None and own.started == process.started:
        return own.token  # one that was taken over need not lead a session
    leader = leaders.get(process.session)
    if leader is None:
        return ""
    head = processes.get(process.session)
    return leader.token if head is None or head.started == leader.started else ""


class Reaper:
    """Kills families of processes, many at a time with one look at /proc per round."""

    def __init__(self, leaders: Mapping[int, Leader], groups: Callable[[str], list[int]]) -> None:
        self._leaders = leaders
        self._groups = groups
        self._census = Census()
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._task: asyncio.Task[None] | None = None

    def members(self, families: frozenset[str]) -> dict[str, list[Process]]:
        """Return the living processes of each family."""
        processes = procfs.snapshot()
        owners = self._census.owners(processes, self._leaders, os.getpid())
        found: dict[str, dict[int, Process]] = {family: {} for family in families}
        for pid, token in owners.items():
            family = token if token in families else token.partition(".")[0]
            if family in families and not processes[pid].dead:
                found[family][pid] = processes[pid]
        for family in families:
            found[family].update(
                (pid, processes[pid]) for pid in self._groups(family) if pid in processes and not processes[pid].dead
            )
        return {family: list(members.values()) for family, members in found.items()}

    def signal(self, family: str, number: signal.Signals) -> None:
        """Signal all of a family, twice over when it may be forking meanwhile."""
        reached: set[int] = set()
        for _unused in range(5):
            fresh = [process for process in self.members(frozenset((family,)))[family] if process.pid not in reached]
            if not fresh:
                return
            for process in fresh:
                procfs.send(process.pid, process.started, number)
                reached.add(process.pid)

    async def kill(self, family: str) -> bool:
        """Kill all of a family with SIGKILL and wait until nothing is left; False when something is after 15 s."""
        future = self._waiting.get(family)
        if future is None:
            future = self._waiting[family] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        deadline: dict[str, float] = {}
        clock = asyncio.get_running_loop().time
        while self._waiting:
            try:
                members = self.members(frozenset(self._waiting))
            except OSError:  # out of descriptors: who cannot be seen is not gone
                await asyncio.sleep(_ROUND)
                continue
            for family, processes in members.items():
                for process in processes:
                    procfs.send(process.pid, process.started, signal.SIGKILL)
                if not processes or clock() > deadline.setdefault(family, clock() + _DEADLINE):
                    deadline.pop(family, None)
                    self._waiting.pop(family).set_result(not processes)
            if self._waiting:
                await asyncio.sleep(_ROUND)

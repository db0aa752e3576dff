# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor at work: takes over the workers, serves, and leaves when nothing is left."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import resource
import signal
import socket
from collections.abc import Mapping
from typing import Any

from . import cgroup
from .dirs import Directories, remove_file
from .fleet import Fleet
from .forker import Forker
from .server import Server
from .wire import (
    EVENTS_NAME,
    LOCK_NAME,
    LOGS_DIR,
    OLD_EVENTS_NAME,
    PROTOCOL,
    RECORDS_DIR,
    SOCKET_NAME,
    SUPERVISOR_LOG,
    WORKERS_DIR,
)
from .world import World

_TICK = 1.0
_HANDOVER_WAIT = 5.0


def listen(directory: int) -> socket.socket:
    """Open the socket; its path goes through a descriptor, because a socket's path may not exceed 108 bytes."""
    remove_file(SOCKET_NAME, directory)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    listener.bind(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
    listener.listen(128)
    return listener


def raise_nofile() -> tuple[int, int]:
    """Allow ourselves as many descriptors as we may; return what was, for the workers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard


class Supervisor:
    """Holds the loop's parts together."""

    def __init__(self, options: Mapping[str, Any], directories: Directories, lock: int, forker: Forker) -> None:
        self._options = options
        self._directories = directories
        self._lock = lock
        self._called = asyncio.Event()
        self._signalled = False
        self._nofile = raise_nofile()
        # Another directory may have an owner of the same name.
        place = hashlib.sha256(options["directory"].encode()).hexdigest()[:8]
        name = f"hodei-{options['owner']}-{place}"
        self._world = World(
            owner=options["owner"],
            directories=directories,
            groups=cgroup.Groups(cgroup.find(), name, (os.getpid(), forker.pid)),
            nofile=self._nofile,
            forker=forker,
        )
        self._fleet = Fleet(self._world)
        self._server = Server(self._fleet, self._world, self._greeting(), self._called.set)

    def _greeting(self) -> dict[str, object]:
        options = self._options
        return {
            "protocol": PROTOCOL,
            "version": options["version"],
            "digest": options["digest"],
            "superseded": options["superseded"],
            "pid": os.getpid(),
            "owner": options["owner"],
            "limits": sorted(self._world.groups.carries),
        }

    async def run(self) -> None:
        """Serve until nothing is left to do, a signal comes, or a successor is named."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._be_stopped)
        self._fleet.adopt()
        listener = listen(self._directories.owner)
        accepting = asyncio.create_task(self._server.accept(listener))
        gc.collect()
        gc.freeze()
        try:
            await self._attend()
        finally:
            accepting.cancel()
            listener.close()
            self._world.events.flush()
        if self._server.successor:
            self._hand_over()
        elif not self._signalled:
            self._leave()

    def _be_stopped(self) -> None:
        """Go, and leave the workers alone: the next supervisor adopts them."""
        self._signalled = True
        self._called.set()

    async def _attend(self) -> None:
        """Tick until it is time to go."""
        idle, linger = 0.0, self._options["linger"]
        pause = _TICK
        while idle <= linger:
            try:
                await asyncio.wait_for(self._called.wait(), pause)
                break
            except TimeoutError:
                self._fleet.tick()
                self._world.reap()
            if os.fstat(self._directories.owner).st_nlink == 0:
                # Somebody has deleted the directory: nobody would ever find these workers again, and the next converge would
                # make them a second time.
                await self._fleet.end()
                self._world.mounts.leave()
                break
            quiet = self._server.idle and not self._fleet.busy
            idle = idle + pause if quiet else 0.0
            pause = min(_TICK, linger / 4) if quiet else _TICK
        if self._server.successor:
            await self._server.finish(_HANDOVER_WAIT)

    def _hand_over(self) -> None:
        """Become the next version in place: the workers stay our children, so that their exit codes are not lost."""
        os.set_inheritable(self._lock, True)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._nofile)
        command = [*self._server.successor, "--lock-fd", str(self._lock)]
        os.execv(command[0], command)  # noqa: S606 - the command comes from our own user

    def _leave(self) -> None:
        """Remove the socket, and where no worker is on record everything else that is ours."""
        owner = self._directories.owner
        remove_file(SOCKET_NAME, owner)
        self._world.groups.close()
        if not self._fleet.workers and not os.listdir(self._directories.records):
            self._world.mounts.leave()
            for name in (EVENTS_NAME, OLD_EVENTS_NAME, SUPERVISOR_LOG):
                remove_file(name, owner)
            for name in os.listdir(owner):
                if name.startswith("supervisor-"):
                    remove_file(name, owner)
            for name in (RECORDS_DIR, WORKERS_DIR, LOGS_DIR):
                _remove_empty(name, owner)
        remove_file(LOCK_NAME, owner)
        _remove_empty(self._directories.path, None)


def _remove_empty(name: str, directory: int | None) -> None:
    try:
        os.rmdir(name, dir_fd=directory)
    except OSError:
        # Somebody has put something there, or is about to use it: then it is theirs.
        return


def serve(options: Mapping[str, Any], directories: Directories, lock: int, forker: Forker) -> None:
    """Run until nothing is left to do."""

    async def run() -> None:
        await Supervisor(options, directories, lock, forker).run()

    asyncio.run(run())

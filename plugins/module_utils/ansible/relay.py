# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process behind a forward: takes connections, and joins each with one to the worker, until its time is over.

Its file is its life: the time of the file's last change is when it ends, and without the file it ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Callable

from ..model.errors import HodeiError

#: Connections at the same time; more of them wait.
MOST = 512
_BACKLOG = 128
_CHUNK = 1 << 18
_TICK = 0.5
#: How often to look whether the worker is still there, in seconds.
_LOOK = 5.0

Dial = Callable[[], socket.socket]
Exists = Callable[[], bool]


class Relay:
    """Serves one listener. ``dial`` connects to the worker, ``exists`` looks for it; both block, and raise HodeiError."""

    def __init__(self, listener: socket.socket, dial: Dial, exists: Exists, file: int) -> None:
        self._listener = listener
        self._dial = dial
        self._exists = exists
        self._file = file
        self._room = asyncio.Semaphore(MOST)
        self._open: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the time is over, the file or the worker is gone, or a signal comes."""
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, over.set)
        self._listener.setblocking(False)
        self._listener.listen(_BACKLOG)
        accepting = asyncio.create_task(self._accept())
        watching = asyncio.create_task(self._watch())
        ended = asyncio.create_task(over.wait())
        await asyncio.wait((accepting, watching, ended), return_when=asyncio.FIRST_COMPLETED)

    async def _watch(self) -> None:
        look = time.monotonic() + _LOOK
        while True:
            await asyncio.sleep(_TICK)
            about = os.fstat(self._file)
            if about.st_nlink == 0 or time.time() >= about.st_mtime:
                return
            if time.monotonic() >= look:
                look = time.monotonic() + _LOOK
                try:
                    if not await asyncio.to_thread(self._exists):
                        return
                except HodeiError:
                    continue  # what cannot be seen is not gone

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                connection, _unused = await loop.sock_accept(self._listener)
            except OSError:
                self._room.release()
                await asyncio.sleep(_TICK)
                continue
            task = asyncio.create_task(self._serve(connection))
            self._open.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._room.release()

    async def _serve(self, ours: socket.socket) -> None:
        with ours:
            ours.setblocking(False)
            try:
                theirs = await asyncio.to_thread(self._dial)
            except HodeiError:
                _reset(ours)  # no more than this can be told
                return
            with theirs:
                theirs.setblocking(False)
                both = [asyncio.create_task(_copy(ours, theirs)), asyncio.create_task(_copy(theirs, ours))]
                await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
                for one in both:
                    one.cancel()
                if any(isinstance(end, OSError) for end in await asyncio.gather(*both, return_exceptions=True)):
                    _reset(ours)
                    _reset(theirs)


def _reset(stream: socket.socket) -> None:
    """Have the peer see that this is no ordinary end."""
    with contextlib.suppress(OSError):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy to the end of a stream, and pass the end on; raises OSError when either side is gone."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(target, data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(listener: socket.socket, dial: Dial, exists: Exists, file: int) -> None:
    """Serve a forward to its end. Connections that are open then stay so until the process ends, and nothing is waited for."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(Relay(listener, dial, exists, file).run())

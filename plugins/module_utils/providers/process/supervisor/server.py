# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's side of the socket: one request per connection, answered line by line as results come in."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeAlias

from .beside import run_beside
from .fleet import Fleet
from .wire import LINE_LIMIT, RefusedError, decode, encode
from .world import World

_READ_DEADLINE = 20.0
_RETRY = 0.2
#: A watcher hears something this often, and not more often than that.
_HEARTBEAT = 1.0
_GATHER = 0.02
_MOST_FDS = 3
_PEER = struct.Struct("3i")
_CODES = {"not_found": 127, "authorization": 126, "configuration": 126}

#: What a call tells beside its worker's row.
More: TypeAlias = "dict[str, str] | None"
#: The name, key and generation of a worker, and what is to be done to it.
Call: TypeAlias = "tuple[tuple[str, int | None, int], Coroutine[Any, Any, More]]"


class Server:
    """Answers requests about a fleet. ``greeting`` opens every connection; ``handover`` is called once ``successor`` is named."""

    def __init__(self, fleet: Fleet, world: World, greeting: dict[str, Any], handover: Callable[[], None]) -> None:
        self._handover = handover
        self._fleet = fleet
        self._world = world
        self._greeting = greeting
        self._open: set[asyncio.Task[None]] = set()
        # What was begun is finished even when the caller is gone; the loop itself holds its tasks by weak references only.
        self._working: set[asyncio.Task[None]] = set()
        self._watching: set[asyncio.Task[None]] = set()
        self.successor: list[str] = []

    @property
    def idle(self) -> bool:
        """Whether no request is being answered or worked on."""
        return not self._open and not self._working

    async def finish(self, seconds: float) -> None:
        """Let the requests that are being answered come to their end, for a while."""
        if not self.idle:
            await asyncio.wait(self._open | self._working, timeout=seconds)

    async def accept(self, listener: socket.socket) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _unused = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, most likely: the caller's deadline is longer than this pause.
                sys.stderr.write(f"cannot accept: {error}\n")
                await asyncio.sleep(_RETRY)
                continue
            task = asyncio.create_task(self._serve(connection))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.setblocking(False)
            if peer_uid(connection) != os.geteuid():
                return
            fds: list[int] = []
            try:
                await _send(connection, [self._greeting])
                request = await _receive(connection, fds)
                if request is not None:
                    await self._answer(connection, request, fds)
            except (ConnectionError, TimeoutError, ValueError):
                return
            except Exception as error:  # noqa: BLE001 - one broken request may not end the others
                traceback.print_exc(file=sys.stderr)
                await _send(connection, [{"error": RefusedError("internal", repr(error)).as_dict()}])
            finally:
                for fd in fds:
                    os.close(fd)

    async def _answer(self, connection: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
        operation = request["op"]
        if operation == "list":
            await _send(connection, [{"rows": self._fleet.rows(), "revision": self._world.revision()}])
        elif operation == "watch":
            await self._watch(connection, request["seconds"])
        elif operation == "exec":
            await self._exec(connection, request, fds)
        elif operation == "handover":
            await _send(connection, [{"end": True}])
            self.successor = list(request["command"])
            self._handover()
        else:
            async for lines in self._as_they_come(self._calls(operation, request["items"])):
                await _send(connection, lines)
            await _send(connection, [{"end": True}])

    def _calls(self, operation: str, items: list[dict[str, Any]]) -> list[Call]:
        """Turn a bulk request into one call per item, each with what names its worker."""
        fleet = self._fleet
        subjects = [item["draft"] for item in items] if operation == "update" else items
        names = [(subject["name"], subject["key"], subject["generation"]) for subject in subjects]
        calls: list[Coroutine[Any, Any, More]]
        if operation == "create":
            calls = [fleet.create(item) for item in items]
        elif operation == "update":
            calls = [fleet.update(**item) for item in items]
        elif operation == "drain":
            calls = [fleet.drain(item) for item in items]
        else:
            calls = [fleet.act(operation, item) for item in items]
        return list(zip(names, calls, strict=True))

    async def _as_they_come(self, calls: list[Call]) -> AsyncIterator[list[dict[str, Any]]]:
        """Run all calls at the same time; yield the outcomes that are there, as soon as there is one."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def one(index: int, name: tuple[str, int | None, int], call: Coroutine[Any, Any, More]) -> None:
            problem, more = None, None
            try:
                more = await call
            except RefusedError as error:
                problem = error.as_dict()
            except Exception as error:  # noqa: BLE001 - one broken item may not end the others
                traceback.print_exc(file=sys.stderr)
                problem = RefusedError("internal", repr(error), "Please report it with supervisor.log.").as_dict()
            worker = self._fleet.find(*name)
            row = worker.row() if worker else None
            queue.put_nowait({"i": index, "row": row, "error": problem, **(more or {})})

        for index, (name, call) in enumerate(calls):
            task = asyncio.create_task(one(index, name, call))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        left = len(calls)
        while left:
            lines = [await queue.get()]
            while not queue.empty():
                lines.append(queue.get_nowait())
            left -= len(lines)
            yield lines

    async def _watch(self, connection: socket.socket, seconds: float) -> None:
        """Tell which workers change. A slow reader is told less often, and of each worker only how it is then."""
        self._let_leave(asyncio.current_task())
        hangup = asyncio.create_task(asyncio.get_running_loop().sock_recv(connection, 1))
        try:
            with self._world.watchers.opened() as watcher:
                hangup.add_done_callback(lambda _done: watcher.woken.set())
                async with asyncio.timeout(seconds) as time:
                    while not hangup.done() and not time.expired():
                        changed, gap = watcher.take()
                        await _send(connection, [{**self._fleet.news(changed), "gap": gap}])
                        await asyncio.sleep(_GATHER)
                        with suppress(TimeoutError):
                            await asyncio.wait_for(watcher.woken.wait(), _HEARTBEAT)
        finally:
            await _forget(hangup)

    def _let_leave(self, task: asyncio.Task[None] | None) -> None:
        """Let the supervisor leave, or hand over, as if this connection were not open."""
        if task is not None:
            self._open.discard(task)
            self._watching.add(task)
            task.add_done_callback(self._watching.discard)

    async def _exec(self, connection: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
        """Run a command whose streams the caller has handed over; a caller who hangs up ends it."""
        target = request["target"]
        worker = self._fleet.find(target["name"], target["key"], target["generation"])
        if worker is None or not worker.running:
            state = "there is no such worker" if worker is None else f"it is {worker.record.state}"
            problem = RefusedError("conflict" if worker else "not_found", state, "A command needs a running worker.")
            await _send(connection, [{"error": problem.as_dict()}])
            return
        streams = (fds[0], fds[1], fds[2])
        # From here on a caller may not simply ask again.
        await _send(connection, [{"began": True}])
        run = asyncio.create_task(
            run_beside(worker.record, self._world, request["command"], request["timeout"], streams, request)
        )
        hangup = asyncio.create_task(asyncio.get_running_loop().sock_recv(connection, 1))
        await asyncio.wait((run, hangup), return_when=asyncio.FIRST_COMPLETED)
        await _forget(hangup)
        if not run.done():
            run.cancel()
            await asyncio.wait((run,))
            return
        await _send(connection, [_exec_end(run)])


async def _forget(hangup: asyncio.Task[bytes]) -> None:
    """Stop listening to a caller: a loop that still reads a closed descriptor would be deaf to the next one of that number."""
    hangup.cancel()
    await asyncio.gather(hangup, return_exceptions=True)


def _exec_end(run: asyncio.Task[int | None]) -> dict[str, Any]:
    try:
        code = run.result()
    except RefusedError as error:
        return {"end": {"exit_code": _CODES.get(error.kind, 125), "timed_out": False, "problem": error.message}}
    return {"end": {"exit_code": 124 if code is None else code, "timed_out": code is None, "problem": ""}}


def peer_uid(connection: socket.socket) -> int:
    """Return who is on the other side of a unix socket."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    uid: int = _PEER.unpack(data)[1]
    return uid


async def _send(connection: socket.socket, messages: list[dict[str, Any]]) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, b"".join(encode(message) for message in messages))


async def _receive(connection: socket.socket, fds: list[int]) -> dict[str, Any] | None:
    """Read one line, with the descriptors that come along; None when the peer has nothing to ask."""
    chunks: list[bytes] = []
    length = 0
    async with asyncio.timeout(_READ_DEADLINE):
        while not (chunks and chunks[-1].endswith(b"\n")):
            data, received, _unused, _unused = await _when_readable(connection)
            fds.extend(received)
            for fd in received:
                os.set_inheritable(fd, False)  # a successor would keep it open for ever
            length += len(data)
            if not data or length > LINE_LIMIT:
                return None
            chunks.append(data)
    request: dict[str, Any] = decode(b"".join(chunks))
    return request


async def _when_readable(connection: socket.socket) -> tuple[bytes, list[int], int, Any]:
    """``socket.recv_fds`` for a loop that has no such call."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return socket.recv_fds(connection, 1 << 20, _MOST_FDS)
        except BlockingIOError:
            ready: asyncio.Future[None] = loop.create_future()
            loop.add_reader(connection, _mark, ready)
            try:
                await ready
            finally:
                loop.remove_reader(connection)


def _mark(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

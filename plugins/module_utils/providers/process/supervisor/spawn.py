# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's side of starting a program; the other side is child.py."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence

from .child import Launch, encode_launch
from .forker import Forker
from .wire import RefusedError

_IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR, errno.EEXIST)
_START_TIMEOUT = 30.0
_ASKS = 3


class Spawner:
    """Starts programs through a forker. One request at a time waits for room: a loop knows one writer of a descriptor."""

    def __init__(self, forker: Forker) -> None:
        self._forker = forker
        self._turn = asyncio.Lock()

    async def spawn(self, launch: Launch, streams: Sequence[int], recorded: Callable[[int], None]) -> int:
        """Start a program and return its pid once it runs.

        ``recorded`` is called with the pid before the child goes on; what it raises ends the child. Raises RefusedError
        with the cause when the program cannot run.
        """
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                for _ask in range(_ASKS):
                    pid, problem = await self._try(launch, streams, recorded)
                    # Without a pid there is no program: a forker that died took the request with it.
                    if pid or problem:
                        break
                else:
                    raise RefusedError("internal", f"could not start {launch.program}: its process died {_ASKS} times")
        except TimeoutError:
            raise RefusedError("timeout", f"starting {launch.program} took over {_START_TIMEOUT:.0f} s") from None
        if problem:
            raise explain(launch, problem)
        return pid

    async def _try(self, launch: Launch, streams: Sequence[int], recorded: Callable[[int], None]) -> tuple[int, bytes]:
        """Have a child forked and send it through its gate; return its pid, 0 for none, and its problem, empty for none."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            with theirs:
                await self._fork((theirs.fileno(), *streams))
            try:
                await loop.sock_sendall(ours, encode_launch(launch))
                greeting = await loop.sock_recv(ours, 256)
            except ConnectionError:
                greeting = b""
            if not greeting.endswith(b"\n"):
                return 0, greeting
            pid = int(greeting)
            recorded(pid)
            try:
                await loop.sock_sendall(ours, b"g")
                return pid, await loop.sock_recv(ours, 256)
            except ConnectionError:
                return pid, b"start 0"

    async def _fork(self, fds: Sequence[int]) -> None:
        """Ask the forker, when it has room for another request."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            while True:
                try:
                    self._forker.fork(fds)
                    return
                except BlockingIOError:
                    room = asyncio.Event()
                    loop.add_writer(self._forker, room.set)
                    try:
                        await room.wait()
                    finally:
                        loop.remove_writer(self._forker)


def explain(launch: Launch, problem: bytes) -> RefusedError:
    """Say in a person's words why a program did not start; ``problem`` is the step and errno that the child sent."""
    step, _unused, code = problem.decode("ascii", "replace").partition(" ")
    number = int(code or 0)
    text = os.strerror(number)
    if step == "program":
        return _explain_program(launch, number, text)
    if step == "cwd":
        who = f" by uid {launch.user[0]}" if launch.user else ""
        if number == errno.ENOENT:
            return RefusedError("configuration", f"the working directory {launch.directory} is missing", "Create it.")
        hint = "Open the way to it, or set `directory` in the provider to a place that this user can reach."
        return RefusedError(
            "authorization", f"the working directory {launch.directory} cannot be entered{who}: {text}", hint
        )
    if step == "ulimit":
        return RefusedError("authorization", f"a ulimit is above the hard limit of this user: {text}", "Lower it.")
    if step == "prepare":
        hint = (
            "The path of a volume or file may not lead through a link or a file."
            if number in _IN_THE_WAY
            else "Is there room?"
        )
        return RefusedError("configuration", f"cannot prepare the worker's own directory: {text}", hint)
    return RefusedError("internal", f"could not start {launch.program}: {step}: {text}")


def _explain_program(launch: Launch, number: int, text: str) -> RefusedError:
    program = launch.program
    if number == errno.ENOENT and "/" not in program:
        return RefusedError(
            "not_found",
            f"program not found: {program} is in no directory of the worker's PATH",  # which may be, or have, a secret
            "Write its full path, or set PATH in env.",
        )
    if number == errno.ENOENT:
        place = os.path.join(launch.directory, program)
        if os.path.exists(place):
            return RefusedError("not_found", f"program not found: the interpreter that {program} names is missing")
        return RefusedError("not_found", f"program not found: {program}", "Install it, or correct the path.")
    if number == errno.EACCES:
        return RefusedError("authorization", f"permission denied: {program} may not be executed", "Check its mode.")
    if number == errno.ENOEXEC:
        return RefusedError("configuration", f"{program} is not executable code", "A script needs a #! line.")
    return RefusedError("provider_specific", f"could not execute {program}: {text}")

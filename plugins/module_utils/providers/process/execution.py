# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command inside a worker: the supervisor starts it, its streams are ours and go past the supervisor."""

from __future__ import annotations

import fcntl
import io
import os
import selectors
import threading
import time
from typing import Any, BinaryIO

from ...model.errors import HodeiError, Kind
from ...model.ports import ExecRequest, ExecResult
from ..output import Output, file_problem
from . import mapping
from .client import Client, GoneError

_CHUNK = 1 << 18
_ATTEMPTS = 3
#: What the end of a command that took too long may take beyond its timeout.
_PATIENCE = 60.0
#: What a command's children may take to close their ends after it has ended.
_DRAIN = 2.0


class Pump:
    """Feeds a command, and reads what it writes, in a thread of its own; none of the ends blocks the others."""

    def __init__(self, stdin: tuple[int, BinaryIO], outputs: dict[int, Output]) -> None:
        self._feed, self._source = stdin
        self._outputs = outputs
        self._pending = memoryview(b"")
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ended, selectors.EVENT_READ)
        self._selector.register(self._feed, selectors.EVENT_WRITE)
        for fd in outputs:
            self._selector.register(fd, selectors.EVENT_READ)
        for fd in (self._feed, *outputs):
            os.set_blocking(fd, False)
        self._open = {self._feed, *outputs}
        self.problem: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Take what the command has left in its pipes; a child of it that keeps them open is given up soon."""
        os.eventfd_write(self._ended, 1)
        self._thread.join()
        self._selector.close()
        os.close(self._ended)

    def _run(self) -> None:
        deadline: float | None = None
        while self._open.intersection(self._outputs) or (deadline is None and self._open):
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            for key, _unused in self._selector.select(left):
                if key.fd == self._ended:
                    deadline = time.monotonic() + _DRAIN
                    self._selector.unregister(self._ended)
                    self._close(self._feed)
                elif key.fd in self._open:  # the end and the feed can come in one batch: it is closed by then
                    self._move(key.fd)
        for fd in self._open.intersection(self._outputs):
            # What the command itself wrote is in the pipe by now; more than that is not its own.
            for _unused in range(fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) // _CHUNK + 1):
                if fd in self._open:
                    self._move(fd)
        for fd in set(self._open):
            self._close(fd)

    def _move(self, fd: int) -> None:
        try:
            if fd == self._feed:
                self._write()
            elif chunk := os.read(fd, _CHUNK):
                self._outputs[fd].take(chunk)
            else:
                self._close(fd)
        except BlockingIOError:
            return
        except BrokenPipeError:  # it need not read it all
            self._close(fd)
        except OSError as error:
            self.problem = self.problem or error
            self._close(fd)

    def _write(self) -> None:
        if not self._pending:
            self._pending = memoryview(self._source.read(_CHUNK))
        if self._pending:
            self._pending = self._pending[os.write(self._feed, self._pending) :]
        else:
            self._close(self._feed)

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            self._selector.unregister(fd)
            os.close(fd)


def execute(client: Client, request: ExecRequest) -> ExecResult:
    """Hand three streams to the supervisor, and collect what the command wrote.

    Raises HodeiError when the worker does not run, or a file of the request cannot be read or written.
    """
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    ours_err, theirs_err = os.pipe()
    theirs = (theirs_in, theirs_out, theirs_err)
    source = io.BytesIO(request.stdin) if isinstance(request.stdin, bytes) else request.stdin
    out, err = Output(request.limit, request.stdout), Output(request.limit)
    pump = Pump((ours_in, source), {ours_out: out, ours_err: err})
    try:
        end = _ask(client, request, theirs)
    finally:
        for fd in theirs:
            os.close(fd)
        pump.finish()
    if pump.problem is not None:
        raise file_problem(pump.problem, str(request.target.address)) from pump.problem
    problem = f"{end['problem']}\n".encode() if end["problem"] else b""
    return ExecResult(
        exit_code=end["exit_code"],
        stdout=bytes(out.data),
        stderr=bytes(err.data) + problem,
        stdout_truncated=out.truncated,
        stderr_truncated=err.truncated,
        timed_out=end["timed_out"],
    )


def _ask(client: Client, request: ExecRequest, streams: tuple[int, int, int]) -> dict[str, Any]:
    """Ask for a command and wait for its end; asked again only while it has not begun."""
    message = {
        "op": "exec",
        "target": mapping.target_item(request.target),
        "command": list(request.command),
        "timeout": request.timeout,
        "env": dict(request.env),
        "cwd": request.cwd,
        "user": request.user,
    }
    where, began = str(request.target.address), False
    for _unused in range(_ATTEMPTS):
        try:
            with client.demand() as connection:
                for reply in connection.ask(message, request.timeout + _PATIENCE, streams):
                    if "error" in reply:
                        raise mapping.error(reply["error"], where)
                    if "end" in reply:
                        end: dict[str, Any] = reply["end"]
                        return end
                    began = True
        except GoneError:
            if began:
                break
    raise HodeiError(
        Kind.NETWORK,
        "the supervisor died while the command ran; whether it has ended is unknown",
        hint="Look, and run it again if that does no harm.",
        where=where,
        retryable=not began,
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command inside a container: one connection carries its three streams."""

from __future__ import annotations

import contextlib
import io
import re
import select
import socket
import time
import uuid
from typing import Any, BinaryIO

from ...model.errors import HodeiError, Kind
from ...model.ports import ExecRequest, ExecResult
from ..output import Output, file_problem
from .engine import Engine
from .frames import STDERR, Frames

_CHUNK = 1 << 18
_MARK = "HODEI_EXEC"
#: How often the Engine is asked whether a silent command has ended, and what its children may take to close its outputs then.
_LOOK, _DRAIN = 0.2, 2.0
#: Kills every process of the container that has our mark in its environment.
_KILL = (
    "for one in /proc/[0-9]*; do "
    'if tr "\\0" "\\n" <"$one/environ" 2>/dev/null | grep -qx "$0"; then kill -9 "${one#/proc/}" 2>/dev/null; fi; done'
)
_REFUSED = b"OCI runtime exec failed"
#: What is said of a container that ends while a command is started in it.
_ENDING = re.compile(rb"broken pipe|cannot exec in a stopped|no such process")


class _Command:
    """One command that runs."""

    def __init__(self, engine: Engine, container: str, request: ExecRequest) -> None:
        self._engine = engine
        self._container = container
        self.mark = uuid.uuid4().hex
        self._id = self._create(
            list(request.command),
            AttachStdin=True,
            Env=[f"{name}={value}" for name, value in {**request.env, _MARK: self.mark}.items()],
            WorkingDir=request.cwd or "",
            User=request.user,
        )
        self._stream = engine.upgrade(f"/exec/{self._id}/start", {})
        self.first = self._stream.head()
        self.socket = self._stream.sock

    def _create(self, command: list[str], **more: Any) -> str:
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": command, **more}
        return str(self._engine.post(f"/containers/{self._container}/exec", body)["Id"])

    def ended(self) -> bool:
        """Whether it runs no more."""
        return not self._look()["Running"]

    def code(self) -> int:
        """Return its exit code; the end of its streams comes a moment before the Engine knows it."""
        until = time.monotonic() + _DRAIN
        while True:
            found = self._look()
            if not found["Running"] or time.monotonic() > until:
                return int(found["ExitCode"] if found["ExitCode"] is not None else 137)
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it, and all that it has started; the Engine hears of its end a moment later."""
        with contextlib.suppress(HodeiError):
            killer = self._create(["/bin/sh", "-c", _KILL, f"{_MARK}={self.mark}"], User="0")
            with contextlib.suppress(ValueError):  # what it says is no JSON
                self._engine.post(f"/exec/{killer}/start", {})
            self.code()

    def close(self) -> None:
        """Hang up."""
        self._stream.__exit__()

    def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = self._engine.get(f"/exec/{self._id}/json")
        return found


def execute(engine: Engine, container: str, request: ExecRequest) -> ExecResult:
    """Run a command in a container. Raises HodeiError(conflict) when that does not run."""
    out, err = Output(request.limit, request.stdout), Output(request.limit)
    source = io.BytesIO(request.stdin) if isinstance(request.stdin, bytes) else request.stdin
    command = _Command(engine, container, request)
    try:
        timed_out = _pump(command, source, (out, err), request.timeout)
        if timed_out:
            command.kill()
        code = 124 if timed_out else command.code()
    except OSError as error:
        command.kill()
        raise file_problem(error, str(request.target.address)) from error
    finally:
        command.close()
    if code in (126, 127) and out.data.startswith(_REFUSED):
        if _ENDING.search(out.data):
            raise not_running(str(request.target.address), "ending")
        missing = b"not found" in out.data or b"no such file" in out.data
        return ExecResult(127 if missing else 126, b"", bytes(out.data))
    return ExecResult(
        exit_code=code,
        stdout=bytes(out.data),
        stderr=bytes(err.data),
        stdout_truncated=out.truncated,
        stderr_truncated=err.truncated,
        timed_out=timed_out,
    )


def _pump(command: _Command, source: BinaryIO, outputs: tuple[Output, Output], timeout: float) -> bool:
    """Feed a command and take what it writes, until it has ended; True when its time was over before. Raises OSError."""
    stream, frames = command.socket, Frames()

    def take(data: bytes) -> None:
        for number, part in frames.parts(data):
            outputs[number == STDERR].take(part)

    take(command.first)
    deadline = time.monotonic() + timeout
    look = time.monotonic() + _LOOK
    pending, feeding = memoryview(b""), True
    over: float | None = None
    while True:
        now = time.monotonic()
        if over is not None and now >= over:
            return False
        if over is None and now >= deadline:
            return True
        if over is None and now >= look:
            look = now + _LOOK
            over = now + _DRAIN if command.ended() else None
        until = min(look if over is None else over, deadline if over is None else over)
        readable, writable, _unused = select.select([stream], [stream] if feeding else [], [], max(0.0, until - now))
        if readable:
            try:
                data = stream.recv(_CHUNK)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if not data:
                return False
            take(data)
        if writable:
            pending = pending or memoryview(source.read(_CHUNK))
            try:
                if pending:
                    pending = pending[stream.send(pending) :]
                else:
                    stream.shutdown(socket.SHUT_WR)
                    feeding = False
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionError):  # it need not read it all
                feeding = False


def not_running(where: str, state: str) -> HodeiError:
    """Say that a command needs a container that runs."""
    return HodeiError(Kind.CONFLICT, f"it is {state}", hint="A command needs a running worker.", where=where)

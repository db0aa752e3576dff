# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Commands inside a worker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, ExecResult

_POLL = 0.05
_CHUNK = 1 << 16
_DRAIN = 5.0  # seconds for what is still in a pipe when the command has ended


class _Reader(threading.Thread):
    """Reads a stream to its end, and keeps its beginning or writes it to a file."""

    def __init__(self, stream: IO[bytes], limit: int | None, target: IO[bytes] | None = None) -> None:
        super().__init__(daemon=True)
        self.stream, self.limit, self.target = stream, limit, target
        self.kept, self.truncated = bytearray(), False
        self.problem: OSError | None = None
        self.start()

    def run(self) -> None:
        """Go on to the end whatever happens, so that the command is not held up."""
        while chunk := os.read(self.stream.fileno(), _CHUNK):
            if self.target is None:
                room = len(chunk) if self.limit is None else self.limit - len(self.kept)
                self.kept += chunk[: max(0, room)]
                self.truncated |= len(chunk) > room
            elif self.problem is None:
                try:
                    self.target.write(chunk)
                except OSError as error:
                    self.problem = error
        self.stream.close()


def execute(request: ExecRequest, environment: dict[str, str], directory: str, alive: Callable[[], bool]) -> ExecResult:
    """Run a command until it ends, its time is over, or its worker is gone; what it started ends with it."""
    try:
        process = subprocess.Popen(
            request.command,
            env={**environment, **request.env},
            cwd=os.path.join(directory, request.cwd),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return ExecResult(127, b"", f"{error.filename}: {error.strerror}\n".encode())
    if process.stdin is None or process.stdout is None or process.stderr is None:  # never: it tells the type checker
        raise TypeError("pipes")
    out, err = _Reader(process.stdout, request.limit, request.stdout), _Reader(process.stderr, request.limit)
    writer = threading.Thread(target=_write, args=(process.stdin, request.stdin), daemon=True)
    writer.start()
    until = time.monotonic() + request.timeout
    timed_out = gone = False
    while process.poll() is None and not (timed_out or gone):
        time.sleep(_POLL)
        timed_out, gone = time.monotonic() > until, not alive()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    for thread in (out, err, writer):
        thread.join(_DRAIN)
    if out.problem is not None:
        raise HodeiError(
            Kind.RESOURCE_EXHAUSTED,
            f"the output cannot be written: {out.problem.strerror}",
            hint="Make room where it goes.",
        )
    return ExecResult(
        code if code >= 0 else 128 - code, bytes(out.kept), bytes(err.kept), out.truncated, err.truncated, timed_out
    )


def _write(stream: IO[bytes], source: bytes | IO[bytes]) -> None:
    with suppress(OSError):  # nobody reads it
        if isinstance(source, bytes):
            stream.write(source)
        else:
            shutil.copyfileobj(source, stream)
    with suppress(OSError):
        stream.close()

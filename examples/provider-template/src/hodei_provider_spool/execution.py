# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Commands inside a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, ExecResult

_POLL = 0.05


class _Reader(threading.Thread):
    """Reads a stream to its end and keeps its beginning."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(daemon=True)
        self.stream, self.limit = stream, limit
        self.kept, self.truncated = b"", False
        self.start()

    def run(self) -> None:
        while chunk := self.stream.read1(1 << 16):  # type: ignore[attr-defined]
            room = self.limit - len(self.kept)
            self.kept += chunk[:room]
            self.truncated |= len(chunk) > room


def execute(request: ExecRequest, environment: dict[str, str], directory: str, alive: Callable[[], bool]) -> ExecResult:
    """Run a command until it ends, its time is over, or its worker is gone; what it started ends with it."""
    cwd = os.path.join(directory, request.cwd)
    try:
        process = subprocess.Popen(
            request.command,
            env={**environment, **request.env},
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return ExecResult(127, b"", f"{error.filename}: {error.strerror}\n".encode())
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: PT018
    out, err = _Reader(process.stdout, request.limit), _Reader(process.stderr, request.limit)
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
        thread.join(5.0)
    return ExecResult(code if code >= 0 else 128 - code, out.kept, err.kept, out.truncated, err.truncated, timed_out)


def _write(stream: IO[bytes], text: bytes) -> None:
    try:
        stream.write(text)
        stream.close()
    except OSError:
        return  # nobody reads it

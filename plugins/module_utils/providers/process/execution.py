# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command inside a worker: the supervisor starts it, its streams are ours and go past the supervisor."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from ...model.ports import ExecResult

_CHUNK = 1 << 18
#: What a command's children may take to close their ends after it has ended.
_DRAIN = 2.0


class Stream:
    """Reads a pipe to its end, and keeps the first ``limit`` bytes."""

    def __init__(self, fd: int, limit: int) -> None:
        self.data = bytearray()
        self.truncated = False
        self._fd = fd
        self._limit = limit
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with open(self._fd, "rb", buffering=0) as pipe:
            while chunk := pipe.read(_CHUNK):
                room = self._limit - len(self.data)
                self.data += chunk[:room]
                self.truncated = self.truncated or len(chunk) > room

    def finish(self) -> None:
        """Wait for the end of the pipe; one that a left-behind child keeps open is given up soon."""
        self._thread.join(_DRAIN)


def _feed(fd: int, data: bytes) -> None:
    """Write what the command is to read; it need not read it all."""
    with open(fd, "wb", buffering=0) as pipe:
        view = memoryview(data)
        try:
            while view:
                view = view[pipe.write(view) or 0 :]
        except BrokenPipeError:
            return


def execute(ask: Callable[[tuple[int, int, int]], dict[str, Any]], stdin: bytes, limit: int) -> ExecResult:
    """Hand three streams to ``ask``, which returns the supervisor's last line, and collect what the command wrote."""
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    ours_err, theirs_err = os.pipe()
    theirs = (theirs_in, theirs_out, theirs_err)
    feeder = threading.Thread(target=_feed, args=(ours_in, stdin), daemon=True)
    out, err = Stream(ours_out, limit), Stream(ours_err, limit)
    feeder.start()
    try:
        end = ask(theirs)
    finally:
        for fd in theirs:
            os.close(fd)
        out.finish()
        err.finish()
    problem = f"{end['problem']}\n".encode() if end["problem"] else b""
    return ExecResult(
        exit_code=end["exit_code"],
        stdout=bytes(out.data),
        stderr=bytes(err.data) + problem,
        stdout_truncated=out.truncated,
        stderr_truncated=err.truncated,
        timed_out=end["timed_out"],
    )

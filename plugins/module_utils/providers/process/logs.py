# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a worker's log: its last lines, those since a time, and what it writes in the next seconds."""

from __future__ import annotations

import os
import re
import time

from ...model.errors import HodeiError, Kind
from ...model.ports import LogRequest, LogResult
from .supervisor.logs import INDEX_ENTRY, index_name, log_name
from .supervisor.record import record_id
from .supervisor.wire import LOGS_DIR

_POLL = 0.1
_CHUNK = 1 << 18


class LogFiles:
    """The logs of one worker in the owner's directory."""

    def __init__(self, directory: str, worker: str) -> None:
        self._directory = os.path.join(directory, LOGS_DIR)
        self._worker = worker

    def successor(self) -> LogFiles | None:
        """Return the logs of the object that took this one's place: the next generation that has written any."""
        address, _unused, generation = self._worker.rpartition(".")
        pattern = re.compile(rf"{re.escape(address)}\.(\d+)\.log")
        try:
            names = os.listdir(self._directory)
        except FileNotFoundError:  # the last worker is gone, and the supervisor after it
            return None
        found = [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
        later = [one for one in found if one > int(generation)]
        return LogFiles(os.path.dirname(self._directory), f"{address}.{min(later)}") if later else None

    def path(self, old: int = 0) -> str:
        """Return the path of the log, or of the one ``old`` rotations ago."""
        return os.path.join(self._directory, log_name(self._worker, old))

    def ages(self) -> list[int]:
        """Return which rotations there are, the present log (0) first."""
        found = [0]
        while os.path.exists(self.path(len(found))):
            found.append(len(found))
        return found

    def size(self) -> int:
        """Return how long the log is now."""
        return _size(self.path())

    def offset(self, since: float, old: int = 0) -> int:
        """Return where in a log the text of a time begins, to a second; the index tells."""
        try:
            with open(os.path.join(self._directory, index_name(self._worker, old)), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return 0
        whole = len(data) - len(data) % INDEX_ENTRY.size
        begin = 0
        for at, size in INDEX_ENTRY.iter_unpack(data[:whole]):
            if at >= int(since):
                break
            begin = size
        return begin


def read_log(directory: str, request: LogRequest) -> LogResult:
    """Read a part of a worker's log, and go on for ``follow`` seconds. Raises HodeiError(not_found)."""
    target = request.target
    files = LogFiles(directory, record_id(target.address.name, target.address.key, target.generation))
    if not os.path.exists(files.path()):
        raise HodeiError(
            Kind.NOT_FOUND, "there is no log", hint="The worker was never started.", where=str(target.address)
        )
    end = files.size()
    present = read(files, request.tail, request.since, request.limit, end)
    if request.follow <= 0:
        return present
    text = present.text + follow(files, end, request.follow, request.limit)
    return LogResult(text[-request.limit :], present.truncated or len(text) > request.limit)


def read(files: LogFiles, tail: int | None, since: float | None, limit: int, end: int) -> LogResult:
    """Read what is there, rotated files included: at most the last ``limit`` bytes, of those the last ``tail`` lines.

    The present log is read up to ``end``, from where ``follow`` goes on.
    """
    text = b""
    for old in files.ages():
        begin = files.offset(since, old) if since is not None else 0
        stop = _size(files.path(old)) if old else end
        start = max(begin, stop - (limit + 1 - len(text)))
        text = _read_from(files.path(old), start, max(0, stop - start)) + text
        if len(text) > limit or begin > 0 or (tail is not None and text.count(b"\n") > tail):
            break
    truncated = len(text) > limit
    text = text[-limit:] if truncated else text
    if tail is None:
        return LogResult(text, truncated)
    lines = last_lines(text, tail)
    return LogResult(lines, truncated and len(lines) == len(text))


def last_lines(text: bytes, count: int) -> bytes:
    """Return the last lines of a text."""
    if count <= 0:
        return b""
    return b"".join(text.splitlines(keepends=True)[-count:])


def follow(files: LogFiles, position: int, seconds: float, limit: int) -> bytes:
    """Return what is written behind ``position`` within some seconds, at most ``limit`` bytes.

    A worker that restarts goes on in the same file; one that is replaced leaves its file, which is read to the end although it
    has been deleted, and then that of the next generation.
    """
    deadline = time.monotonic() + seconds
    found = bytearray()
    fd = _open(files)
    try:
        while len(found) < limit:
            last = time.monotonic() >= deadline
            gone = fd is None or os.fstat(fd).st_nlink == 0
            fresh = b""
            if fd is not None:
                if os.fstat(fd).st_size < position:
                    # Rotated meanwhile: the rest is in the copy, and the log begins anew.
                    found += _read_from(files.path(1), position, limit - len(found))
                    position = 0
                fresh = os.pread(fd, max(0, limit - len(found)), position)
                position += len(fresh)
                found += fresh
            following = files.successor() if gone and not fresh else None
            if following is not None:
                if fd is not None:
                    os.close(fd)
                files, position = following, 0
                fd = _open(files)
            elif last:
                break
            elif not fresh:
                time.sleep(_POLL)
    finally:
        if fd is not None:
            os.close(fd)
    return bytes(found)


def _open(files: LogFiles) -> int | None:
    try:
        return os.open(files.path(), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _read_from(path: str, begin: int, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(begin)
            return file.read(most)
    except FileNotFoundError:
        return b""

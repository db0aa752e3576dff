# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log: its end, what came since a time, and what comes in the next seconds, over restarts and replacements."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...model.errors import HodeiError, Kind
from ...model.ports import LogRequest, LogResult
from .engine import Engine
from .frames import Frames

_POLL = 0.2


class _Entry(NamedTuple):
    """What a worker wrote at once: a line, or a part of a long one. ``at`` is the Engine's time as text, which sorts."""

    at: bytes
    text: bytes


class Log:
    """The log of one container."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._path = f"/containers/{container}/logs"

    def entries(self, tail: int | None, since: float | None) -> Iterator[_Entry]:
        """Read all that is there. Raises HodeiError."""
        begin = {} if since is None else {"since": f"{since:.9f}"}
        return self._read(None, tail="all" if tail is None else tail, **begin)

    def follow(self, after: bytes, seconds: float) -> Iterator[_Entry]:
        """Read what comes after an entry, until the container ends or the time is over. Raises HodeiError."""
        for entry in self._read(seconds, follow=1, **_since(after)):
            if entry.at > after:
                yield entry

    def _read(self, seconds: float | None, **query: object) -> Iterator[_Entry]:
        """Read to the end, or for some seconds: an Engine that falls silent before the end has not told all of the log."""
        until = math.inf if seconds is None else time.monotonic() + seconds
        frames = Frames()
        with self._engine.stream(self._path, stdout=1, stderr=1, timestamps=1, **query) as stream:
            while (left := until - time.monotonic()) > 0:
                try:
                    data = stream.read(self._engine.timeout if seconds is None else left)
                except TimeoutError as error:
                    if seconds is None:
                        raise self._engine.unreachable(error) from error
                    return
                if not data:
                    return
                for frame in frames.whole(data):
                    at, _unused, text = frame.partition(b" ")
                    yield _Entry(at, text)


def _since(after: bytes) -> dict[str, str]:
    """Write a time as the API takes it; it is made of text, since a float has not that many digits."""
    from .seeing import seconds

    whole = seconds(after.decode().partition(".")[0].rstrip("Z") + "Z") if after else None
    return {} if whole is None else {"since": f"{int(whole)}.{after.decode().rstrip('Z').partition('.')[2] or 0}"}


def read(log: Log, successor: Callable[[], Log | None], request: LogRequest) -> LogResult:
    """Read a log; then what is written in ``follow`` seconds more, or until so much has come that nothing else fits."""
    last, text, cut = b"", bytearray(), False
    for entry in log.entries(request.tail, request.since):
        last = entry.at
        text += entry.text
        cut = cut or len(text) > request.limit
        del text[: max(0, len(text) - request.limit)]
    fresh = b""
    until = time.monotonic() + request.follow
    while (left := until - time.monotonic()) > 0 and len(fresh) < request.limit:
        try:
            for entry in log.follow(last, left):
                last = entry.at
                fresh += entry.text
                if len(fresh) >= request.limit:
                    break
        except HodeiError as error:
            if error.kind not in (Kind.NOT_FOUND, Kind.CONFLICT):
                raise
            later = successor() if error.kind is Kind.NOT_FOUND else None
            if later is not None:
                log, last = later, b""
                continue
        time.sleep(max(0.0, min(_POLL, until - time.monotonic())))
    fresh = fresh[: request.limit]
    whole = bytes(text) + fresh
    return LogResult(whole[-request.limit :], cut or len(whole) > request.limit)

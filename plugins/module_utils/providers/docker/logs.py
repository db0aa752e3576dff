# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log: its end, what came since a time, and what comes in the next seconds, over restarts and replacements."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from ...model.errors import HodeiError, Kind
from ...model.ports import LogResult
from .engine import Engine
from .sdk import told

_POLL = 0.2


class _Line(NamedTuple):
    """``at`` is the Engine's time as it writes it, which sorts as text."""

    at: bytes
    text: bytes


class Log:
    """The log of one container."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container

    def lines(self, tail: int | None = None, since: float | None = None, after: bytes = b"") -> list[_Line]:
        """Return lines with their times; ``after`` is a time that was seen already. Raises HodeiError(not_found)."""
        options = {"since": since} if since is not None else {}
        with told():
            data: bytes = self._engine.api.logs(
                self._container, timestamps=True, tail="all" if tail is None else tail, **options
            )
        found = [_Line(*line.partition(b" ")[::2]) for line in data.splitlines(keepends=True)]
        return [line for line in found if line.at > after]


def read(
    log: Log, successor: Callable[[], Log | None], tail: int | None, since: float | None, follow: float, limit: int
) -> LogResult:
    """Read a log, then what is written in ``follow`` seconds more, at the most ``limit`` bytes; its end where that is less."""
    lines = log.lines(tail, since)
    text = b"".join(line.text for line in lines)
    last = lines[-1].at if lines else b""
    until = time.monotonic() + follow
    while len(text) < limit and (left := until - time.monotonic()) > 0:
        time.sleep(min(_POLL, left))
        try:
            fresh = log.lines(since=_seconds(last), after=last)
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            later = successor()
            if later is None:
                continue
            log, last, fresh = later, b"", later.lines()
        text += b"".join(line.text for line in fresh)
        last = fresh[-1].at if fresh else last
    return LogResult(text[-limit:], len(text) > limit)


def _seconds(at: bytes) -> float | None:
    """Return whole seconds that a time is not before."""
    from .seeing import seconds

    found = seconds(at.decode()) if at else None
    return None if found is None else float(int(found))

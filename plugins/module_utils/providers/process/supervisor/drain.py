# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining: have a worker take no new work, and ask whether it works. What its record remembers of that, and nothing of its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from . import procfs
from . import record as states
from .beside import run_beside
from .health import NoAnswerError, accepted, status_of, within
from .launching import drain_of
from .policy import DRAIN_TIMEOUT, over_time
from .record import TTL, Record
from .wire import RefusedError
from .world import World

IDLE, BUSY, UNKNOWN = "idle", "busy", "unknown"
#: A shell says so that it could not run the command, or that a signal ended it (128 + signal): no answer.
_NO_ANSWER = 126
#: Not let in, or told to come later: the question was not answered.
_NOT_HEARD = frozenset((401, 403, 407, 408, 425, 429))


class Answer(NamedTuple):
    """Whether a worker works, a value of ``model.ports.Activity``, and why it is not known to be idle."""

    activity: str
    reason: str = ""


class Worker(Protocol):
    """What draining needs of a worker."""

    record: Record
    asking: asyncio.Lock

    @property
    def active(self) -> bool:
        """Whether it runs, starts, stops, or is about to start again."""

    def save(self) -> None:
        """Write the record."""

    def tell(self, event: str, detail: str = "") -> None:
        """Note an event."""


async def attempt(worker: Worker, world: World) -> Answer:
    """Tell a worker, if that has not been done, and ask whether it works. Takes a few seconds at the most."""
    record = worker.record
    if not record.spec.get("drain") or not worker.active or record.state in (states.RECOVERING, states.STOPPING):
        return Answer(IDLE)
    begin(worker, world.now())
    if record.state == states.PAUSED:
        return Answer(UNKNOWN, "it is paused, so it cannot be asked")
    if record.state == states.CREATING:
        return Answer(UNKNOWN, "it is just being started")
    async with worker.asking, world.probes:
        drain = drain_of(record)
        try:
            if drain["tell"] and not record.drain_told:
                await _tell(record, world, drain["tell"])
                record.drain_told = True
                worker.save()
            answer = await _ask(record, world, drain["busy"])
        except NoAnswerError as error:
            answer = Answer(UNKNOWN, str(error))
    return answer if worker.active else Answer(IDLE)


def begin(worker: Worker, now: float) -> None:
    """Note that a worker drains, and since when."""
    record = worker.record
    if record.drain_since is None:
        record.drain_since = now
        worker.save()
        worker.tell("draining", f"then {record.drain_then}" if record.drain_then else "")


def leave(worker: Worker, then: str) -> None:
    """Note what is to be done as soon as a worker is idle; nothing takes that back, but not the end of its time to live."""
    record = worker.record
    then = then or (TTL if record.drain_then == TTL else "")
    if record.drain_then != then:
        record.drain_then = then
        worker.save()


def take_back(worker: Worker) -> None:
    """Let it work on: nothing is done to it when it is idle. Who was told to finish will end all the same."""
    record = worker.record
    if record.drain_since is not None:
        record.drain_then = ""
        if not record.drain_told:
            record.forget_draining()
            worker.tell("works on")
        worker.save()


def is_over(record: Record, now: float) -> bool:
    """Tell whether a worker has had its time, and its drain says that it is stopped then whatever it does."""
    drain = record.spec.get("drain") or {"on_timeout": "wait"}
    return drain["on_timeout"] == "kill" and over_time(record.drain_since, drain["timeout"], now)


async def _tell(record: Record, world: World, how: Mapping[str, Any]) -> None:
    """Tell once; raises NoAnswerError when it cannot be known that the worker has heard."""
    if "signal" in how:
        procfs.send(record.pid, record.started, signal.Signals[how["signal"]])
    elif "command" in how:
        code = await _run(record, world, how["command"])
        if code != 0:
            raise NoAnswerError(f"it could not be told: the command exited with code {code}")
    else:
        check = _http(how["http"])
        status = await within(DRAIN_TIMEOUT, status_of(check, how["http"].get("method", "POST")))
        if not accepted(status, check["status"]):
            raise NoAnswerError(f"it could not be told: it answers with status {status}")


async def _ask(record: Record, world: World, busy: Mapping[str, Any]) -> Answer:
    """Ask once; raises NoAnswerError when there is no answer to go by."""
    if not busy:
        return Answer(BUSY, "it was told to finish and has not ended yet")
    if "command" in busy:
        code = await _run(record, world, busy["command"])
        if code is None or code >= _NO_ANSWER:
            raise NoAnswerError(f"the command exited with code {code}, which says nothing")
        return Answer(IDLE) if code else Answer(BUSY, "it says that it is busy")
    check = _http(busy["http"])
    status = await within(DRAIN_TIMEOUT, status_of(check))
    if accepted(status, check["status"]):
        return Answer(BUSY, f"it says that it is busy (status {status})")
    if status in _NOT_HEARD or not (200 <= status < 300 or 400 <= status < 500):
        raise NoAnswerError(f"it answers with status {status}, which says nothing")
    return Answer(IDLE)


async def _run(record: Record, world: World, command: list[str]) -> int | None:
    """Run a command beside the worker; its exit code, None where nobody saw it. Raises NoAnswerError."""
    try:
        code = await asyncio.wait_for(run_beside(record, world, command, DRAIN_TIMEOUT), 2 * DRAIN_TIMEOUT)
    except RefusedError as error:
        raise NoAnswerError(error.message) from None
    except TimeoutError:
        code = None
    if code is None:
        raise NoAnswerError(f"the command took over {DRAIN_TIMEOUT:g} s")
    return code


def _http(how: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "host": how.get("host") or "127.0.0.1",
        "port": how["port"],
        "path": how.get("path", "/"),
        "scheme": how.get("scheme", "http"),
        "verify": how.get("verify", True),
        "status": [how["status"]] if "status" in how else [],
    }

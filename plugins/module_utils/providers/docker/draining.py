# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining: have a container take no new work, and ask whether it works. What its record remembers of that, and nothing of its end.

Commands run inside the container. A request is sent from here where its port can be reached from here; else, and where it names a
host, from inside, by the image's curl or wget.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...model.errors import HodeiError
from ...model.ports import Activity, DrainRequest, ExecRequest, Outcome, Target
from ...model.states import WorkerState
from .forwarding import dial
from .ledger import changed
from .mapping import status_script
from .records import TTL, WORKS_ON, Finish, Record
from .sdk import told
from .seeing import observation
from .survey import Row, Survey

if TYPE_CHECKING:
    from .containers import Containers
    from .engine import Engine

#: To tell a worker to finish, or to ask whether it works, may take so many seconds.
TIMEOUT = 5.0
#: A shell says so that it could not run the command, or that a signal ended it (128 + signal): no answer.
_NO_ANSWER = 126
#: Not let in, or told to come later: the question was not answered.
_NOT_HEARD = frozenset((401, 403, 407, 408, 425, 429))
_AT_WORK = frozenset((WorkerState.STARTING, WorkerState.RUNNING, WorkerState.DEGRADED, WorkerState.PAUSED))


class Answer(NamedTuple):
    """Whether a worker works, and why it is not known to be idle."""

    activity: Activity
    reason: str = ""


class NoAnswerError(Exception):
    """Nothing came back that could be read; the text says why."""


_IDLE = Answer(Activity.IDLE)


def begun(record: Record, now: float, *, heard: bool = False) -> Record:
    """Return a record that says that its worker drains."""
    since, told, then = record.draining
    return replace(record, draining=Finish(now if since is None else since, told or heard, then))


def left(record: Record, then: str) -> Record:
    """Return a record with what is to be done as soon as its worker is idle; nothing takes that back, but not the end of its life."""
    if record.draining.since is None:
        return record
    kept = TTL if record.draining.then == TTL else ""
    return replace(record, draining=record.draining._replace(then=then or kept))


def taken_back(record: Record) -> Record:
    """Return a record that lets its worker work on. Who was told to finish will end all the same."""
    return replace(record, draining=record.draining._replace(then="") if record.draining.told else WORKS_ON)


def is_over(record: Record, now: float) -> bool:
    """Tell whether a worker has had its time, and its drain says that it is stopped then whatever it does."""
    drain, since = record.drain or {}, record.draining.since
    return since is not None and drain.get("on_timeout") == "kill" and now - since >= drain.get("timeout", 1800.0)


class Drainer:
    """Asks the containers of one provider."""

    def __init__(self, engine: Engine, survey: Survey, containers: Containers) -> None:
        self._engine = engine
        self._survey = survey
        self._containers = containers

    def drain(self, request: DrainRequest, known: Mapping[Any, Row]) -> Outcome:
        """Answer one request. Raises HodeiError."""
        row = known.get((request.address, request.generation))
        if row is None:
            return Outcome(request.address, request.generation, activity=Activity.IDLE)
        if request.target.etag and request.target.etag != row.etag:
            raise changed(row)
        drain = request.target.lifecycle.drain
        row = self._containers.ledger.write(
            row, lambda record: replace(record, drain=None if drain is None else drain.written())
        )
        row, answer = self.attempt(row)
        then = request.then.value if request.then and answer.activity is not Activity.IDLE else ""
        row = self._containers.note(row, lambda record: left(record, then))
        seen = self._survey.see(row)
        if seen is None:
            return Outcome(request.address, request.generation, activity=Activity.IDLE)
        return Outcome(request.address, request.generation, seen, activity=answer.activity, reason=answer.reason)

    def attempt(self, row: Row) -> tuple[Row, Answer]:
        """Tell a worker, if that has not been done, and ask whether it works. Takes a few seconds at the most."""
        container = self._survey.inspect(row.container)
        if container is None or row.record.drain is None or not _is_at_work(container, row.record):
            return row, _IDLE
        answer: Answer
        if container["State"]["Status"] == "paused":
            answer = Answer(Activity.UNKNOWN, "it is paused, so it cannot be asked")
        else:
            try:
                row = self._tell(row, container)
                answer = self._ask(row, container)
            except NoAnswerError as error:
                answer = Answer(Activity.UNKNOWN, str(error))
        row = self._containers.note(row, lambda record: begun(record, self._engine.now()))
        container = self._survey.inspect(row.container)
        return row, answer if container is not None and _is_at_work(container, row.record) else _IDLE

    def _tell(self, row: Row, container: Mapping[str, Any]) -> Row:
        """Tell once; raises NoAnswerError when it cannot be known that the worker has heard."""
        how = {
            name: (row.record.drain or {})[name]
            for name in ("command", "http", "signal")
            if name in (row.record.drain or {})
        }
        if not how or row.record.draining.told:
            return row
        self._containers.restarts(row, wanted=False)  # it may end at once
        try:
            if "signal" in how:
                try:
                    with told():
                        self._engine.api.kill(row.container, signal=how["signal"])
                except HodeiError as error:
                    raise NoAnswerError(f"it could not be told: {error.message}") from None
            elif "command" in how:
                code = self._run(row, how["command"])
                if code != 0:
                    raise NoAnswerError(f"it could not be told: the command exited with code {code}")
            else:
                status = self._status(row, container, how["http"], str(how["http"].get("method", "POST")))
                if not _is_wanted(status, how["http"]):
                    raise NoAnswerError(f"it could not be told: it answers with status {status}")
        except NoAnswerError:
            self._containers.restarts(row, not row.record.final)
            raise
        return self._containers.ledger.write(row, lambda record: begun(record, self._engine.now(), heard=True))

    def _ask(self, row: Row, container: Mapping[str, Any]) -> Answer:
        """Ask once; raises NoAnswerError when there is no answer to go by."""
        busy = (row.record.drain or {}).get("busy")
        if not busy:
            return Answer(Activity.BUSY, "it was told to finish and has not ended yet")
        if "command" in busy:
            code = self._run(row, busy["command"])
            if code >= _NO_ANSWER:
                raise NoAnswerError(f"the command exited with code {code}, which says nothing")
            return _IDLE if code else Answer(Activity.BUSY, "it says that it is busy")
        status = self._status(row, container, busy["http"])
        if _is_wanted(status, busy["http"]):
            return Answer(Activity.BUSY, f"it says that it is busy (status {status})")
        if status in _NOT_HEARD or not (200 <= status < 300 or 400 <= status < 500):
            raise NoAnswerError(f"it answers with status {status}, which says nothing")
        return _IDLE

    def _run(self, row: Row, command: list[str]) -> int:
        """Run a command inside; return its exit code. Raises NoAnswerError."""
        return self._execute(row, tuple(map(str, command)), TIMEOUT)[0]

    def _execute(self, row: Row, command: tuple[str, ...], timeout: float) -> tuple[int, bytes]:
        from .execution import execute

        target = Target(row.record.address, row.record.generation)
        try:
            done = execute(self._engine, row.container, ExecRequest(target, command, timeout=timeout, limit=1024))
        except HodeiError as error:
            raise NoAnswerError(error.message) from None
        if done.timed_out:
            raise NoAnswerError(f"the command took over {timeout:g} s")
        return done.exit_code, done.stdout

    def _status(self, row: Row, container: Mapping[str, Any], how: Mapping[str, Any], method: str = "GET") -> int:
        """Send a request; return the status of its answer. Raises NoAnswerError."""
        stream: socket.socket | None = None
        if how.get("host") in (None, "", "127.0.0.1", "localhost"):
            try:
                target = Target(row.record.address, row.record.generation)
                stream = dial(self._engine.endpoint, container, row.record, target, str(how["port"]), TIMEOUT)
            except HodeiError:
                stream = None
        if stream is None:
            return self._status_from_inside(row, how, method)
        try:
            with stream:
                stream.settimeout(TIMEOUT)
                return _ask_by(stream, how, method)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {TIMEOUT:g} s") from None
        except OSError as error:
            raise NoAnswerError(error.strerror or str(error)) from None
        except (http.client.HTTPException, ValueError):
            raise NoAnswerError("the answer is not HTTP") from None

    def _status_from_inside(self, row: Row, how: Mapping[str, Any], method: str) -> int:
        script = status_script(how, row.record.ports, TIMEOUT, method)
        _unused, said = self._execute(row, ("/bin/sh", "-c", script), 2 * TIMEOUT)
        if not said.strip().isdigit() or int(said) == 0:
            raise NoAnswerError(
                "it cannot be reached from here, and there is no answer inside, or neither curl nor wget to ask with"
            )
        return int(said)


def _is_at_work(container: Mapping[str, Any], record: Record) -> bool:
    return observation(container, record).state in _AT_WORK


def _is_wanted(status: int, how: Mapping[str, Any]) -> bool:
    """Whether a status is the one that is named; any of 200-399 where none is."""
    return status == how["status"] if "status" in how else 200 <= status < 400


def _ask_by(stream: socket.socket, how: Mapping[str, Any], method: str) -> int:
    """Send a request on a connection; return the status of its answer. Raises OSError, HTTPException, ValueError."""
    host = "127.0.0.1"
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT)
    if how.get("scheme") == "https":
        context = ssl.create_default_context()
        if not how.get("verify", True):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        stream = context.wrap_socket(stream, server_hostname=host)
    connection.sock = stream
    try:
        connection.request(method, str(how.get("path", "/")), headers={"User-Agent": "hodei", "Connection": "close"})
        return connection.getresponse().status
    finally:
        connection.close()

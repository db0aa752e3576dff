# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""The port: see ``Provider`` in model/ports.py of the collection for what each call promises."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind, Problem
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Capacity,
    CreateRequest,
    ExecRequest,
    ExecResult,
    Fingerprint,
    Limits,
    Listing,
    LogRequest,
    LogResult,
    Outcome,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Event
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Instance

from .client import Spool, missing, tail
from .fields import COLUMN
from .mapping import Record, labels, new_record, object_name, without_values

Item = TypeVar("Item", CreateRequest, Target)
_LAST_WORDS = 500  # bytes of the log in a message
_POLL = 0.02
_AT_ONCE = 8
_INTENT = {Verb.STOP: "stopped", Verb.PAUSE: "paused"}


class SpoolProvider:
    """Serves one configured provider of one owner, from several threads."""

    def __init__(self, root: Path, owner: str, settle: float) -> None:
        self._spool = Spool(root)
        self._owner = owner
        self._settle = settle

    # ---- looking -----------------------------------------------------------------------------------------------

    def fingerprint(self) -> Fingerprint:
        """Look at the machine."""
        if not os.path.isdir("/proc/self"):
            raise HodeiError(Kind.COMPATIBILITY, "spool workers need /proc", hint="Run the task on a Linux host.")
        return Fingerprint("spool", "0.1.0", COLUMN, Limits(bulk=100, parallel=4), survives="session")

    def validate(self, instances: Sequence[Instance]) -> list[Problem]:
        """Nothing beyond the table."""
        return []

    def attend(self) -> None:
        """Nobody watches over these workers."""

    def list(self) -> Listing:
        """See everything; a record that cannot be read makes the listing incomplete, never shorter."""
        found, problem = [], None
        for name in self._spool.names():
            try:
                record = self._spool.read(name)
            except HodeiError as error:
                problem = error
                continue
            if record is not None:
                found.append(self._spool.see(name, record))
        return Listing(tuple(found), complete=problem is None, problem=problem)

    def events(self, target: Target, limit: int) -> Sequence[Event]:
        """Say what happened to an object that is there."""
        path = self._spool.place(object_name(target.address, target.generation)) / "events"
        lines = path.read_text().splitlines()[-limit:] if path.exists() else []
        return [Event(at, str(target.address), event, detail) for at, event, detail in map(json.loads, lines)]

    def capacity(self) -> Capacity:
        """Count this machine."""
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
        cores = os.cpu_count() or 1
        return Capacity(
            cpu_total=cores * 1000,
            cpu_used=int(min(os.getloadavg()[0], cores) * 1000),
            memory_total=total,
            memory_used=total - free,
            workers=sum(one.state.alive for one in self.list().observations),
        )

    # ---- changing ----------------------------------------------------------------------------------------------

    def create(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Make objects, and wait until each has lived for a moment."""
        return self._each(requests, self._create)

    def update(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Write labels: every other field asks for a new object."""
        return self._each(requests, self._update)

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterator[Outcome]:
        """Do a verb to many objects at the same time."""
        return self._each(targets, lambda target, name: self._act(verb, target, name))

    def _each(self, items: Sequence[Item], do: Callable[[Item, str], Outcome]) -> Iterator[Outcome]:
        """Do something to each object in turn, several at a time; a failure is the outcome of that one."""

        def one(item: Item) -> Outcome:
            name = object_name(item.address, item.generation)
            try:
                with self._spool.locked(name):
                    return do(item, name)
            except HodeiError as error:
                return Outcome(item.address, item.generation, error=error)

        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(items)))) as pool:
            yield from pool.map(one, items)

    def _create(self, request: CreateRequest, name: str) -> Outcome:
        record = self._spool.read(name)
        if record is None:
            record = new_record(request, self._owner, uuid.uuid4().hex, time.time())
            self._spool.write(name, record)
            self._spool.note(name, "created")
        elif record["lineage"] != request.labels.lineage:
            raise _conflict(f"{name} belongs to lineage {record['lineage']}", "Adopt that lineage by fleet_refresh.")
        elif record["digest"] != request.digest:
            raise _conflict(f"there is another {name}", "Run converge again: it looks before it plans.")
        if record["intent"] != "stopped" and not self._spool.begun(name, record):
            return self._started(request, name, record)
        return self._outcome(request, name, record)

    def _started(self, item: CreateRequest | Target, name: str, record: Record) -> Outcome:
        """Start a run, and say whether it lived long enough."""
        lost = missing(record["command"], self._spool.environment(name, record), self._spool.directory(name, record))
        if lost is not None:
            self._spool.write(name, {**record, "problem": lost.message})
            return self._outcome(item, name, {**record, "problem": lost.message}, lost)
        if record["run"] == 0 or self._spool.begun(name, record):
            record = {**record, "run": record["run"] + 1, "problem": ""}
            self._spool.write(name, record)
        self._spool.start(name, record)
        self._spool.note(name, "started")
        until = time.monotonic() + self._settle
        while self._spool.alive(name, record) and time.monotonic() < until:
            time.sleep(_POLL)
        if record["intent"] == "paused":
            self._spool.signal(name, signal.SIGSTOP)
        seen = self._spool.see(name, record)
        if seen.exit_code in (0, None):
            return Outcome(item.address, item.generation, seen)
        words = tail(self._spool.place(name) / "log", _LAST_WORDS)[0].decode(errors="replace").strip()
        text = without_values(f"{seen.reason}; its last words: {words}", record["env"])
        error = HodeiError(Kind.PROVIDER_SPECIFIC, text, hint="Mend the command.", where=str(item.address))
        return Outcome(item.address, item.generation, seen, error)

    def _update(self, request: CreateRequest, name: str) -> Outcome:
        if request.moved_from is not None:
            raise _cannot("a spool worker cannot be renamed", "Leave `moved` out: it is made anew under its new name.")
        record = self._present(request, name)
        if record["lineage"] not in (request.labels.lineage, request.adopt_from):
            raise _conflict(f"{name} belongs to lineage {record['lineage']}", "Adopt that lineage by fleet_refresh.")
        fresh = labels(request, self._owner)
        if request.adopt_from:  # who adopts knows nothing of what it is made of
            fresh = {key: fresh[key] for key in ("lineage", "operation")}
        record = {**record, **fresh, "intent": record["intent"], "version": record["version"] + 1}
        self._spool.write(name, record)
        self._spool.note(name, "updated")
        return self._outcome(request, name, record)

    def _act(self, verb: Verb, target: Target, name: str) -> Outcome:
        if verb is Verb.RELEASE:
            raise _cannot("a spool worker cannot be let go", "Delete it, or keep it in the fleet.")
        if verb in (Verb.STOP, Verb.DELETE) and self._spool.read(name) is None:
            return Outcome(target.address, target.generation)
        record = self._present(target, name)
        alive = self._spool.alive(name, record)
        if verb in (Verb.PAUSE, Verb.RESUME) and not alive:
            raise _conflict(f"{name} does not run", "Start it first.")
        intent = _INTENT.get(verb, "started")
        if verb is not Verb.DELETE and record["intent"] != intent:
            record = {**record, "intent": intent, "version": record["version"] + 1}
            self._spool.write(name, record)
        if verb in (Verb.STOP, Verb.DELETE, Verb.RESTART):
            self._spool.stop(name, target.lifecycle.grace)
        elif verb in (Verb.PAUSE, Verb.RESUME) or alive:
            self._spool.signal(name, signal.SIGSTOP if verb is Verb.PAUSE else signal.SIGCONT)
        if verb is Verb.DELETE:
            self._spool.remove(name)
            return Outcome(target.address, target.generation)
        self._spool.note(name, verb.value)
        if verb is Verb.RESTART or (verb is Verb.START and not alive):
            return self._started(target, name, record)
        return self._outcome(target, name, record)

    def _present(self, item: CreateRequest | Target, name: str) -> Record:
        """Return the record of an object that has to be there, in the version that was planned against."""
        record = self._spool.read(name)
        if record is None:
            raise HodeiError(Kind.NOT_FOUND, f"there is no {name}", hint="Run converge.", where=str(item.address))
        if item.etag and item.etag != f"{record['id']}.{record['version']}":
            raise _conflict(f"{name} was changed by somebody else", "Run converge again: it looks before it plans.")
        return record

    def _outcome(
        self, item: CreateRequest | Target, name: str, record: Record, error: HodeiError | None = None
    ) -> Outcome:
        return Outcome(item.address, item.generation, self._spool.see(name, record), error)

    # ---- inside a worker ---------------------------------------------------------------------------------------

    def exec(self, request: ExecRequest) -> ExecResult:
        """Run a command in a worker's environment and directory."""
        from .execution import execute

        name = object_name(request.target.address, request.target.generation)
        record = self._present(request.target, name)
        if not self._spool.alive(name, record):
            raise _conflict(f"{name} does not run", "Start it first.")
        if request.user:
            raise HodeiError(Kind.COMPATIBILITY, "commands run as the worker's user", hint="Leave user out.")
        return execute(
            request,
            self._spool.environment(name, record),
            str(self._spool.directory(name, record)),
            lambda: self._spool.alive(name, record),
        )

    def logs(self, request: LogRequest) -> LogResult:
        """Read a log, and follow it. Lines carry no time: ``since`` cannot be told and is refused."""
        name = object_name(request.target.address, request.target.generation)
        if request.since is not None:
            raise HodeiError(Kind.COMPATIBILITY, "lines of this log carry no time", hint="Use tail instead of since.")
        path = self._spool.place(name) / "log"
        if not path.exists():
            raise HodeiError(Kind.NOT_FOUND, "there is no log", hint="It was never started.", where=name)
        text, truncated, end = tail(path, request.limit)
        if request.tail is not None:
            text = b"".join(text.splitlines(keepends=True)[-request.tail :]) if request.tail else b""
        if request.follow > 0:
            text += self._spool.follow(name, end, request.follow, request.limit)
        return LogResult(text[-request.limit :], truncated or len(text) > request.limit)

    def forward(self, target: Target, port: str) -> socket.socket:
        """Ports have no names here."""
        raise HodeiError(Kind.COMPATIBILITY, "spool workers have no ports by name", hint="Connect to the port itself.")

    def close(self) -> None:
        """Nothing is kept open."""


def _cannot(message: str, hint: str) -> HodeiError:
    return HodeiError(Kind.COMPATIBILITY, message, hint=hint)


def _conflict(message: str, hint: str) -> HodeiError:
    return HodeiError(Kind.CONFLICT, message, hint=hint)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process provider: workers as processes of this machine, watched by one supervisor per owner."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...model.errors import HodeiError, Kind, Problem
from ...model.ports import (
    Capacity,
    Comparison,
    CreateRequest,
    DrainRequest,
    ExecRequest,
    ExecResult,
    Fingerprint,
    Limits,
    Listing,
    LogRequest,
    LogResult,
    News,
    Outcome,
    Target,
    Verb,
)
from ...model.records import Event
from ...model.worker import Instance
from ..relocating import former, is_place, successor
from . import host, mapping
from .client import Client, GoneError, Version
from .fields import column
from .supervisor.policy import DRAIN_AT_ONCE, DRAIN_TIMEOUT, LONGEST_START, start_deadline
from .supervisor.wire import VERSION

if TYPE_CHECKING:
    import socket

    from ...model.finding import Finding
    from .launch import Payload

_OWN = "process"
_BULK = 1000
_PARALLEL = 8
_TIMEOUT = 15.0
_ATTEMPTS = 3
#: What killing a stubborn tree and deleting its files may take beyond its grace.
_KILL = 60.0


def owner_directory(config: Mapping[str, Any], owner: str, environ: Mapping[str, str]) -> str:
    """Return where an owner's workers lie."""
    base = config.get("directory") or environ.get("HODEI_STATE_DIR")
    if not base:
        state = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        base = os.path.join(state, "hodei")
    return os.path.join(os.path.abspath(os.path.expanduser(base)), owner, _OWN)


class ProcessProvider:
    """Serves one configured provider of one owner; see model/ports.py ``Provider``.

    Calls may come from several threads; each has a conversation with the supervisor of its own. What a converge without
    changes does not need is imported where it is used.
    """

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        owner: str,
        *,
        environ: Mapping[str, str] | None = None,
        linger: float = 2.0,
    ) -> None:
        """``linger``: for how many seconds the supervisor stays with nothing left to do."""
        self._linger = linger
        self._name = name
        self._owner = owner
        self._environ = os.environ if environ is None else environ
        self._service_manager = bool(config.get("service_manager", True))
        self._trusting = config.get("trust") == "same_user"
        low, _unused, high = str(config.get("port_range", "20000-29999")).partition("-")
        self._settings = mapping.Settings(name, owner, (int(low), int(high)), float(config.get("settle", 0.25)))
        if not 0 < int(low) <= int(high) < 65536:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"port_range {low}-{high} is no range of ports",
                hint="Write the first and the last: 20000-29999.",
                where=f"providers.{name}",
            )
        self.directory = owner_directory(config, owner, self._environ)
        if moved_to := successor(self._place(owner)):
            raise HodeiError(
                Kind.CONFLICT,
                f"the workers of owner '{owner}' in {os.path.dirname(self._place(owner))} were moved to owner '{moved_to}'",
                hint=f"Set hodei_owner: {moved_to}.",
                where=f"providers.{name}",
            )
        self._timeout = float(config.get("timeout") or _TIMEOUT)
        self._client = Client(self.directory, self._timeout, self._version, self._launch, self._successor)

    # ---- the supervisor ------------------------------------------------------------------------------------------

    @cached_property
    def _payload(self) -> Payload:
        from .launch import payload

        return payload()

    @cached_property
    def _host(self) -> host.Host:
        return host.look(self._environ)

    def _version(self) -> Version:
        # One that was made before its owner got another name leaves the supervisor to the new one.
        owner = "" if successor(self._place(self._owner)) else self._owner
        return Version(VERSION, self._payload.digest, owner)

    def _successor(self, superseded: Sequence[str]) -> list[str]:
        from .launch import command, install, make_directory

        make_directory(self.directory)
        path = install(self.directory, self._payload)
        return command(path, self.directory, self._owner, self._payload.digest, superseded, self._linger)

    def _launch(self, superseded: Sequence[str]) -> None:
        from .launch import start

        program = self._successor(superseded)
        unique = hashlib.sha256(f"{self.directory} {time.time_ns()}".encode()).hexdigest()[:8]
        scope = host.scope_command(self._host, self._owner, unique) if self._service_manager else []
        start(program, self.directory, scope)

    # ---- looking -------------------------------------------------------------------------------------------------

    def fingerprint(self) -> Fingerprint:
        """Look at this machine, and at the supervisor where one runs. Raises HodeiError where it is no Linux."""
        if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
            raise HodeiError(
                Kind.COMPATIBILITY,
                f"process workers need Linux 5.3 or later, and this is {sys.platform}",
                hint="Choose another provider, or run the task on a Linux host.",
            )
        survives, warnings = host.survival(self._host, self._service_manager)
        warnings += host.secrets_warning()
        connection = self._client.connect()
        if connection is None:
            limits = host.expected_limits(self._host, self._service_manager)
        else:
            with connection:
                limits = connection.greeting.limits
        return Fingerprint(
            type="process",
            version=VERSION,
            column=column(limits),
            limits=Limits(bulk=_BULK, parallel=_PARALLEL),
            survives=survives,
            warnings=warnings,
        )

    def validate(self, instances: Sequence[Instance]) -> list[Problem]:
        """Say what cannot work on this machine: volumes and users that a process cannot have, programs that are missing."""
        from .checks import instance_problems

        return [
            problem
            for instance in instances
            for problem in instance_problems(instance, self._name, trusting=self._trusting)
        ]

    def events(self, target: Target, limit: int) -> list[Event]:
        """Return what the supervisor noted about a worker, oldest first."""
        from .disk import events

        return events(self.directory, str(target.address), limit)

    def list(self) -> Listing:
        """See all workers of this provider. Starts nothing: without a supervisor the records on disk tell."""
        for _unused in range(_ATTEMPTS):
            connection = self._client.connect()
            if connection is None:
                from .disk import listing

                return listing(self.directory, self._name)
            try:
                with connection:
                    for reply in connection.ask({"op": "list"}):
                        rows = (row for row in reply["rows"] if row[-1] == self._name)
                        return Listing(
                            tuple(mapping.observation(row) for row in rows), revision=reply.get("revision", 0)
                        )
            except GoneError:  # killed, or followed by another, while it was asked
                continue
        raise HodeiError(Kind.NETWORK, "the supervisor left without an answer", hint="Try again.")

    def watch(self, seconds: float) -> Generator[News, None, None]:
        """Tell which workers change. Without a supervisor, or when it leaves, that is the end: the records on disk have to be listed."""
        connection = self._client.connect()
        if connection is None:
            return
        with connection, suppress(GoneError):
            for line in connection.ask({"op": "watch", "seconds": seconds}):
                if "error" in line:
                    raise mapping.error(line["error"])
                yield mapping.news(line, self._name)

    def examine(self) -> Sequence[Finding]:
        """Look at the supervisor and at what lies in the owner's directory. Raises HodeiError when a supervisor does not answer."""
        from .examine import examine

        return tuple(examine(self.directory, self._name, self._client, self._version()))

    def capacity(self) -> Capacity:
        """Count CPU and memory of this machine. Raises HodeiError(configuration) when psutil is missing."""
        from .capacity import capacity

        return capacity(len([one for one in self.list().observations if one.state.alive]))

    def attend(self) -> None:
        """Have a supervisor where workers live: one that was killed leaves them running, but unwatched."""
        connection = self._client.connect()
        if connection is not None and connection.greeting.owner not in ("", self._owner):
            connection.close()
            connection = self._client.demand()
        if connection is None:
            from . import disk

            seen = disk.listing(self.directory, self._name)
            connection = self._client.demand() if any(one.state.alive for one in seen.observations) else None
        if connection is not None:
            connection.close()

    # ---- changing ------------------------------------------------------------------------------------------------

    def create(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Make workers, yielding each as soon as it is known to be well or not."""
        items = [self._item(request) for request in requests]
        patience = max((_start_patience(item["spec"]) for item in items), default=0.0)
        return self._bulk("create", requests, items, patience)

    def compare(self, requests: Sequence[CreateRequest]) -> Sequence[Comparison]:
        """Look at processes that may become workers."""
        from .adoption import compare

        return [compare(request, self._settings, self.directory, self._environ) for request in requests]

    def update(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Bring workers up to date that go on living."""
        items = [
            {
                "draft": mapping.draft(request, self._settings, self._environ),
                "etag": request.etag,
                "adopt_from": request.adopt_from,
                "moved_from": {"name": request.moved_from.name, "key": request.moved_from.key}
                if request.moved_from
                else None,
                "drifted": list(request.drifted),
            }
            for request in requests
        ]
        patience = max((_reload_patience(request.spec) for request in requests), default=0.0)
        return self._bulk("update", requests, items, patience)

    def _item(self, request: CreateRequest) -> dict[str, Any]:
        """Return the wire form of a worker to make, or of a process to take over."""
        item = mapping.draft(request, self._settings, self._environ)
        if not request.native_id:
            return item
        from .adoption import read_native_id

        pid, started = read_native_id(request.native_id)
        return {**item, "native": {"pid": pid, "started": started}}

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterator[Outcome]:
        """Do a verb to many workers at the same time."""
        items = [mapping.target_item(target) for target in targets]
        patience = max((target.lifecycle.grace for target in targets), default=0.0) + _KILL
        if verb in (Verb.START, Verb.RESTART):
            patience += LONGEST_START
        return self._bulk(verb.value, targets, items, patience)

    def drain(self, requests: Sequence[DrainRequest]) -> Iterator[Outcome]:
        """Tell workers to take no new work, and ask whether they work."""
        items = [mapping.drain_item(request) for request in requests]
        rounds = -(-len(items) // DRAIN_AT_ONCE)
        return self._bulk("drain", requests, items, rounds * 4 * DRAIN_TIMEOUT)

    def _bulk(
        self,
        operation: str,
        subjects: Sequence[CreateRequest] | Sequence[Target] | Sequence[DrainRequest],
        items: Sequence[Mapping[str, Any]],
        patience: float,
    ) -> Iterator[Outcome]:
        """Ask for many things at once; each is answered once, even if the supervisor dies and is asked again."""
        for start, end in mapping.portions(items):
            answered: set[int] = set()
            for reply in self._client.ask({"op": operation, "items": items[start:end]}, patience):
                if "error" in reply and "i" not in reply:
                    raise mapping.error(reply["error"])
                if "i" in reply and reply["i"] not in answered:
                    answered.add(reply["i"])
                    subject = subjects[start + reply["i"]]
                    yield mapping.outcome(subject.address, subject.generation, reply)

    # ---- inside a worker -----------------------------------------------------------------------------------------

    def exec(self, request: ExecRequest) -> ExecResult:
        """Run a command in a worker's environment, directory and user. Raises HodeiError when the worker does not run."""
        from .execution import execute

        return execute(self._client, request)

    def logs(self, request: LogRequest) -> LogResult:
        """Read a worker's log from its files, and go on reading for ``follow`` seconds. Raises HodeiError(not_found)."""
        from .logs import read_log

        return read_log(self.directory, request)

    def forward(self, target: Target, port: str) -> socket.socket:
        """Connect to a port of a worker on this machine. Raises HodeiError."""
        from .forwarding import dial

        return dial(self.directory, target, port, self._timeout)

    def leave(self) -> None:
        """Stop the supervisor and delete what it needs; what released workers still use stays."""
        from .leaving import leave

        leave(self.directory, self._client.connect, self._client.timeout)

    # ---- another owner -------------------------------------------------------------------------------------------

    def _place(self, owner: str) -> str:
        """Return an owner's place beside ours."""
        return os.path.join(os.path.dirname(os.path.dirname(self.directory)), owner)

    def awaits(self, owner: str) -> bool:
        """Tell whether another owner has workers here that are not ours yet."""
        return is_place(self._place(owner))

    def inherit(self, owner: str) -> None:
        """Take over directory and supervisor of another owner; no worker is touched."""
        from .inheriting import inherit

        inherit(self._place(owner), self._place(self._owner), self._client)

    def settle(self) -> bool:
        """Drop the links of former owners, unless a process lives that was started under one."""
        links = former(self._place(self._owner))
        if not links:
            return True
        from .inheriting import settle

        return settle(links, self.directory, self._owner, self._client)

    def close(self) -> None:
        """Nothing is kept open between calls."""


def _start_patience(spec: Mapping[str, Any]) -> float:
    return start_deadline(spec["health"], spec["settle"])


def _reload_patience(spec: Mapping[str, Any]) -> float:
    """Return for how long a reload may keep us waiting."""
    reload = spec.get("reload") or {}
    return float(reload.get("timeout", 0.0)) + (_KILL if reload.get("command") else 0.0)

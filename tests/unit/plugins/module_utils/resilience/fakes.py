# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time that passes only when somebody sleeps, and a provider that fails as told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Capacity,
    CreateRequest,
    DrainRequest,
    ExecRequest,
    ExecResult,
    Fingerprint,
    Labels,
    Limits,
    Listing,
    LogRequest,
    LogResult,
    News,
    Outcome,
    Target,
    Verb,
)

TIMEOUT = HodeiError(Kind.TIMEOUT, "no reply")
REFUSED = HodeiError(Kind.NETWORK, "connection refused", untouched=True)
INVALID = HodeiError(Kind.VALIDATION, "no such image")
THROTTLED = HodeiError(Kind.RESOURCE_EXHAUSTED, "slow down", retry_after=7.0)


class Time:
    """A clock in seconds; sleeping is what makes it go on. Safe for threads."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


def target(index: int) -> Target:
    return Target(Address("worker", "w", index), 1)


def request(index: int) -> CreateRequest:
    return CreateRequest(Address("worker", "w", index), 1, f"op{index}", {}, "d", Labels("ci", "lin", "key"))


def done(item: Target | CreateRequest | DrainRequest) -> Outcome:
    return Outcome(item.address, item.generation)


def failed(item: Target | CreateRequest | DrainRequest, error: HodeiError) -> Outcome:
    return Outcome(item.address, item.generation, error=error)


class Scripted:
    """A provider whose calls take their answers, in turn, from ``script``.

    Per call: an error is raised; a mapping gives items (by index) their errors, "break" raising after them; anything
    else, or the end of the script, is success. ``calls`` lists what was asked: the verb and the item indexes.
    """

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls: list[Any] = []

    def _next(self, call: Any) -> Any:
        self.calls.append(call)
        answer = self.script.pop(0) if self.script else None
        if isinstance(answer, HodeiError):
            raise answer  # pylint: disable=raising-bad-type
        return answer

    def _bulk(self, verb: str, items: Sequence[Any]) -> Iterator[Outcome]:
        errors = self._next((verb, [item.address.key for item in items])) or {}
        for item in items:
            error = errors.get(item.address.key)
            if error == "silent":
                continue
            yield failed(item, error) if error else done(item)
        if "break" in errors:
            raise errors["break"]

    def fingerprint(self) -> Fingerprint:
        self._next("fingerprint")
        return Fingerprint("scripted", "1", {}, limits=Limits(bulk=10, parallel=4))

    def validate(self, instances: Sequence[Any]) -> list[Any]:
        return self._next("validate") or []

    def list(self) -> Listing:
        return self._next("list") or Listing(())

    def watch(self, seconds: float) -> Generator[News, None, None]:
        yield from self._next("watch") or ()

    def create(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        return self._bulk("create", requests)

    def update(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        return self._bulk("update", requests)

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterator[Outcome]:
        return self._bulk(verb.value, targets)

    def drain(self, requests: Sequence[DrainRequest]) -> Iterator[Outcome]:
        return self._bulk("drain", requests)

    def exec(self, request: ExecRequest) -> ExecResult:
        return self._next("exec") or ExecResult(0, b"", b"")

    def logs(self, request: LogRequest) -> LogResult:
        return self._next("logs") or LogResult(b"")

    def forward(self, target: Target, port: str) -> socket.socket:
        return self._next("forward") or socket.socketpair()[0]

    def events(self, target: Target, limit: int) -> Any:
        return self._next("events") or []

    def capacity(self) -> Capacity:
        return self._next("capacity") or Capacity()

    def attend(self) -> None:
        self._next("attend")

    def close(self) -> None:
        self._next("close")

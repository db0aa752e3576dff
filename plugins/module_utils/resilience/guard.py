# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provider that is driven with care: rate limits, circuit breaker, retry and deadlines around each call of another one."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ..model.address import Address
from ..model.errors import HodeiError, Kind, Problem
from ..model.ports import (
    Adopting,
    Capacity,
    Comparison,
    CreateRequest,
    DrainRequest,
    Examinable,
    ExecRequest,
    ExecResult,
    Fingerprint,
    Image,
    Imaging,
    Inheriting,
    Leaving,
    Listing,
    LogRequest,
    LogResult,
    News,
    Outcome,
    Preparing,
    Provider,
    Storing,
    Target,
    Verb,
    Volume,
)
from ..model.records import Event
from ..model.worker import Instance, Spec
from .breaker import Breaker
from .deadline import Deadline
from .rate import RateLimit
from .retry import RetryPolicy, attempts, may_retry

if TYPE_CHECKING:
    import socket

    from tenacity import Retrying

    from ..model.finding import Finding

T = TypeVar("T")
Item = TypeVar("Item", CreateRequest, DrainRequest, Target)


class BreakerPolicy(NamedTuple):
    """Open after ``failures`` in a row, for ``reset`` seconds."""

    failures: int = 5
    reset: float = 30.0


class Policy(NamedTuple):
    """How a provider is driven; what is None is not applied.

    ``creates_per_minute`` and ``calls_per_second`` are exact upper limits, ``timeout`` is seconds per call.
    """

    name: str
    max_parallel: int | None = None
    creates_per_minute: int | None = None
    calls_per_second: int | None = None
    timeout: float = 30.0
    retry: RetryPolicy | None = None
    breaker: BreakerPolicy | None = None


class Tools(NamedTuple):
    """Time and chance, handed in so that tests decide them."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform


def policy_of(
    config: Mapping[str, Any],
    *,
    local: bool,
    default_timeout: float,
    default_rates: Mapping[str, int],
    name: str = "",
) -> Policy:
    """Read the policy from a provider's configuration in normal form (durations in seconds).

    A local provider has no default rates, and neither retry nor breaker: asking the same machine again changes nothing.
    """
    rates = {**({} if local else default_rates), **config.get("rate_limits", {})}
    retry, breaker = config.get("retry", {}), config.get("breaker", {})
    return Policy(
        name=name or str(config.get("type", "")),
        max_parallel=config.get("max_parallel"),
        creates_per_minute=rates.get("wpm"),
        calls_per_second=rates.get("ops"),
        timeout=config.get("timeout", default_timeout),
        retry=None
        if local
        else RetryPolicy(retry.get("attempts", 3), retry.get("initial", 1.0), retry.get("max", 30.0)),
        breaker=None if local else BreakerPolicy(breaker.get("failures", 5), breaker.get("reset", 30.0)),
    )


def guarded(
    provider: Provider,
    config: Mapping[str, Any],
    *,
    local: bool,
    default_timeout: float,
    default_rates: Mapping[str, int],
    name: str = "",
) -> Provider:
    """Wrap a provider as its configuration says; the provider itself when there is nothing to apply."""
    policy = policy_of(config, local=local, default_timeout=default_timeout, default_rates=default_rates, name=name)
    applied = (policy.max_parallel, policy.creates_per_minute, policy.calls_per_second, policy.retry, policy.breaker)
    return provider if applied == (None,) * len(applied) else Resilient(provider, policy)


class Resilient:
    """The Provider port around a provider. ``retry`` covers what is idempotent; ``restart`` and ``exec`` are repeated only when
    the error says that nothing was done.
    """

    def __init__(self, provider: Provider, policy: Policy, tools: Tools | None = None) -> None:
        tools = tools or Tools()
        self._provider = provider
        self._policy = policy
        self._tools = tools
        self._creates = _limit(policy.creates_per_minute, 60.0, tools)
        self._calls = _limit(policy.calls_per_second, 1.0, tools)
        self._breaker = None
        if policy.breaker is not None:
            self._breaker = Breaker(policy.name, policy.breaker.failures, policy.breaker.reset, tools.clock)

    def fingerprint(self) -> Fingerprint:
        """Look at the provider; ``max_parallel`` of the configuration takes the place of the provider's own limit."""
        found = self._once(self._provider.fingerprint)
        if self._policy.max_parallel is None:
            return found
        return replace(found, limits=replace(found.limits, parallel=self._policy.max_parallel))

    def examine(self) -> Sequence[Finding]:
        """Look closer, where the provider knows how to."""
        return self._once(self._provider.examine) if isinstance(self._provider, Examinable) else ()

    def validate(self, instances: Sequence[Instance]) -> Sequence[Problem]:
        """Say what of the specs cannot work here."""
        return self._once(lambda: self._provider.validate(instances))

    def list(self) -> Listing:
        """See all objects; a listing that is incomplete for a reason that may pass is tried again."""

        def complete() -> Listing:
            listing = self._provider.list()
            if listing.problem is not None and may_retry(listing.problem, idempotent=True):
                raise _Incomplete(listing, listing.problem)
            return listing

        try:
            return self._once(complete)
        except _Incomplete as incomplete:
            return incomplete.listing

    def watch(self, seconds: float) -> Generator[News, None, None]:
        """Tell which objects change. To begin is a call like any other; what is cut off later is for the caller to take up again."""

        def begin() -> tuple[Generator[News, None, None], News | None]:
            news = self._provider.watch(seconds)
            return news, next(news, None)

        news, first = self._once(begin)
        with closing(news):
            if first is not None:
                yield first
                yield from news

    def create(self, requests: Sequence[CreateRequest]) -> Iterable[Outcome]:
        """Make objects; never more of them per minute than the policy allows."""
        size = len(requests) if self._creates is None else self._creates.count
        for start in range(0, len(requests), max(1, size)):
            part = requests[start : start + size]
            if self._creates is not None:
                self._creates.acquire(len(part))
            yield from self._bulk(self._provider.create, part, idempotent=True)

    def compare(self, requests: Sequence[CreateRequest]) -> Sequence[Comparison]:
        """Look at native objects that may become ours, where the provider knows how to. Raises HodeiError(compatibility)."""
        provider = self._provider
        if not isinstance(provider, Adopting):
            raise HodeiError(Kind.COMPATIBILITY, "this provider cannot take over what runs already")
        return self._once(lambda: provider.compare(requests))

    def update(self, requests: Sequence[CreateRequest]) -> Iterable[Outcome]:
        """Bring living objects up to date."""
        return self._bulk(self._provider.update, requests, idempotent=True)

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterable[Outcome]:
        """Do one verb to many objects."""
        return self._bulk(lambda items: self._provider.act(verb, items), targets, idempotent=verb is not Verb.RESTART)

    def drain(self, requests: Sequence[DrainRequest]) -> Iterable[Outcome]:
        """Ask whether objects work, and have them take no new work."""
        return self._bulk(self._provider.drain, requests, idempotent=True)

    def prepare(self, instances: Sequence[Instance], tell: Callable[[int, int], None]) -> Mapping[Address, HodeiError]:
        """Get ready what objects need, where the provider knows how to. That takes as long as it takes."""
        return self._provider.prepare(instances, tell) if isinstance(self._provider, Preparing) else {}

    def images(self, instances: Sequence[Instance]) -> Sequence[Image]:
        """List images, where the provider has some."""
        provider = self._provider
        return self._once(lambda: provider.images(instances)) if isinstance(provider, Imaging) else ()

    def remove_image(self, image: Image) -> None:
        """Remove an image."""
        if isinstance(self._provider, Imaging):
            self._provider.remove_image(image)

    def volumes(self, specs: Sequence[Spec]) -> Sequence[Volume]:
        """List named volumes, where the provider has some."""
        provider = self._provider
        return self._once(lambda: provider.volumes(specs)) if isinstance(provider, Storing) else ()

    def remove_volume(self, volume: Volume) -> None:
        """Remove a volume."""
        if isinstance(self._provider, Storing):
            self._provider.remove_volume(volume)

    def exec(self, request: ExecRequest) -> ExecResult:
        """Run a command inside a worker."""
        return self._once(lambda: self._provider.exec(request), idempotent=False, timeout=request.timeout)

    def logs(self, request: LogRequest) -> LogResult:
        """Read a worker's log."""
        return self._once(lambda: self._provider.logs(request), timeout=self._policy.timeout + request.follow)

    def forward(self, target: Target, port: str) -> socket.socket:
        """Connect to a port of a worker."""
        return self._once(lambda: self._provider.forward(target, port))

    def events(self, target: Target, limit: int) -> Sequence[Event]:
        """Say what happened to a worker."""
        return self._once(lambda: self._provider.events(target, limit))

    def capacity(self) -> Capacity:
        """Say what is there and what is used."""
        return self._once(self._provider.capacity)

    def attend(self) -> None:
        """See to it that somebody watches over the living objects."""
        self._once(self._provider.attend)

    def leave(self) -> None:
        """Leave this machine, where the provider keeps something on it."""
        if isinstance(self._provider, Leaving):
            self._provider.leave()

    def awaits(self, owner: str) -> bool:
        """Tell whether another owner has something here, as far as the provider can hand it over."""
        return isinstance(self._provider, Inheriting) and self._provider.awaits(owner)

    def inherit(self, owner: str) -> None:
        """Take over what another owner has here."""
        if isinstance(self._provider, Inheriting):
            self._provider.inherit(owner)

    def settle(self) -> bool:
        """Drop what leads here from former names."""
        return not isinstance(self._provider, Inheriting) or self._provider.settle()

    def close(self) -> None:
        """Give back connections."""
        self._provider.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _once(self, call: Callable[[], T], *, idempotent: bool = True, timeout: float | None = None) -> T:
        """Make one call, repeated as the policy allows until the time for all attempts together is over."""
        retry = self._policy.retry
        if retry is None:
            return self._admitted(call)
        seconds = (self._policy.timeout if timeout is None else timeout) * retry.attempts
        loop = self._attempts(retry, idempotent, Deadline(seconds, self._tools.clock))
        answer: T = loop(self._admitted, call)
        return answer

    def _admitted(self, call: Callable[[], T]) -> T:
        self._admit()
        try:
            answer = call()
        except HodeiError as error:
            self._record(error)
            raise
        self._record(None)
        return answer

    def _bulk(
        self, call: Callable[[Sequence[Item]], Iterable[Outcome]], items: Sequence[Item], *, idempotent: bool
    ) -> Iterator[Outcome]:
        """Yield each outcome once, when it is final: a retry covers only the items that failed for a reason that may pass.

        How long a pass takes depends on when workers become healthy, so only the number of attempts bounds it here.
        """
        work = _Work(items)
        retry = self._policy.retry
        if retry is None:
            yield from self._pass(call, work, lambda error: False)
        else:
            loop = self._attempts(retry, idempotent, Deadline(math.inf, self._tools.clock))
            with suppress(HodeiError):  # tenacity raises the last problem; ``work`` knows which items it belongs to
                for attempt in loop:
                    yield from self._pass(call, work, lambda error: may_retry(error, idempotent=idempotent))
                    with attempt:
                        work.raise_problem()
        yield from work.failed
        if work.broken is not None:
            raise work.broken

    def _pass(
        self,
        call: Callable[[Sequence[Item]], Iterable[Outcome]],
        work: _Work[Item],
        may_pass: Callable[[HodeiError], bool],
    ) -> Iterator[Outcome]:
        """Call once with the items that are not final; yield what became final, note the rest in ``work``."""
        work.failed, work.broken, answered = [], None, False
        try:
            self._admit()
        except HodeiError as error:
            work.broken = error
            return
        try:
            for outcome in call(tuple(work.pending.values())):
                if outcome.error is not None and may_pass(outcome.error):
                    work.failed.append(outcome)
                else:
                    answered = True
                    work.pending.pop((outcome.address, outcome.generation), None)
                    yield outcome
        except HodeiError as error:
            work.broken = error
        self._record(None if answered else work.problem)

    def _admit(self) -> None:
        if self._breaker is not None:
            self._breaker.admit()
        if self._calls is not None:
            self._calls.acquire()

    def _record(self, error: HodeiError | None) -> None:
        if self._breaker is not None:
            self._breaker.record(error)

    def _attempts(self, retry: RetryPolicy, idempotent: bool, deadline: Deadline) -> Retrying:
        return attempts(
            retry, idempotent=idempotent, deadline=deadline, sleep=self._tools.sleep, uniform=self._tools.uniform
        )


class _Work(Generic[Item]):
    """The items of a bulk call that are not final: those that ``failed`` for a reason that may pass, and what broke the call."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.pending: dict[tuple[Address, int], Item] = {(item.address, item.generation): item for item in items}
        self.failed: list[Outcome] = []
        self.broken: HodeiError | None = None

    @property
    def problem(self) -> HodeiError | None:
        """The error to decide by: what broke the call, else that of an item, the one that asks for the longest wait."""
        errors = [outcome.error for outcome in self.failed if outcome.error is not None]
        return self.broken or max(errors, key=lambda error: error.retry_after or 0.0, default=None)

    def raise_problem(self) -> None:
        """Raise it, if there is one."""
        problem = self.problem
        if problem is not None:
            raise problem


class _Incomplete(HodeiError):
    """A listing whose reason for being incomplete may pass."""

    def __init__(self, listing: Listing, reason: HodeiError) -> None:
        super().__init__(reason.kind, reason.message, hint=reason.hint, retryable=True, retry_after=reason.retry_after)
        self.listing = listing


def _limit(count: int | None, seconds: float, tools: Tools) -> RateLimit | None:
    return None if count is None else RateLimit(count, seconds, tools.clock, tools.sleep)

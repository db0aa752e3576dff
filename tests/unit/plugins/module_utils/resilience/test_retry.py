# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import POLICY, HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.resilience.deadline import Deadline
from ansible_collections.hodei.workers.plugins.module_utils.resilience.retry import (
    RetryPolicy,
    backoff,
    may_retry,
    retried,
)
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.resilience.fakes import (
    INVALID,
    REFUSED,
    THROTTLED,
    TIMEOUT,
    Time,
)


class Calls:
    """Fails with each error in turn, then answers."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def run(calls: Calls, time: Time, seconds: float = 1000.0, idempotent: bool = True, **policy: Any) -> str:
    return retried(
        calls,
        RetryPolicy(**policy),
        idempotent=idempotent,
        deadline=Deadline(seconds, time.clock),
        sleep=time.sleep,
        uniform=lambda low, high: high,
    )


def test_waits_double_up_to_the_longest() -> None:
    calls, time = Calls(*[TIMEOUT] * 5), Time()
    assert run(calls, time, attempts=6, initial=1.0, maximum=5.0) == "answer"
    assert time.slept == [1, 2, 4, 5, 5]


def test_attempts_are_bounded_and_the_last_error_comes_out_as_it_is() -> None:
    last = HodeiError(Kind.NETWORK, "last")
    calls = Calls(TIMEOUT, TIMEOUT, last, TIMEOUT)
    with pytest.raises(HodeiError) as caught:
        run(calls, Time(), attempts=3)
    assert caught.value is last
    assert calls.made == 3


def test_deadline_bounds_waits_and_attempts() -> None:
    calls, time = Calls(*[TIMEOUT] * 99), Time()
    with pytest.raises(HodeiError):
        run(calls, time, seconds=10.0, attempts=99, initial=4.0)
    assert sum(time.slept) <= 10.0


def test_what_was_asked_for_is_waited_and_not_when_there_is_no_time() -> None:
    calls, time = Calls(THROTTLED), Time()
    assert run(calls, time, initial=0.1) == "answer"
    assert time.slept == [7.0]
    calls = Calls(THROTTLED)
    with pytest.raises(HodeiError):
        run(calls, Time(), seconds=6.0)
    assert calls.made == 1


@pytest.mark.parametrize(
    ("error", "idempotent", "made"),
    [
        (TIMEOUT, True, 2),
        (TIMEOUT, False, 1),
        (REFUSED, False, 2),
        (INVALID, True, 1),
        (HodeiError(Kind.CONFLICT, "held", retryable=True), True, 2),
        (HodeiError(Kind.TIMEOUT, "unhealthy", retryable=False), True, 1),
        (ValueError("a bug"), True, 1),
    ],
)
def test_what_is_tried_again(error: Exception, idempotent: bool, made: int) -> None:
    calls = Calls(error)
    if made == 1:
        with pytest.raises(type(error)):
            run(calls, Time(), idempotent=idempotent)
    else:
        assert run(calls, Time(), idempotent=idempotent) == "answer"
    assert calls.made == made


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_follows_its_policy(kind: Kind) -> None:
    error = HodeiError(kind, "x")
    assert may_retry(error, idempotent=True) is POLICY[kind][2]
    assert not may_retry(error, idempotent=False)


def test_jitter_is_full_and_quotas_get_more_patience() -> None:
    asked = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    assert backoff(RetryPolicy(3, 1.0, 30.0), TIMEOUT, 3, uniform) == 0.0
    assert backoff(RetryPolicy(3, 1.0, 30.0), THROTTLED, 2, uniform) == 7.0
    assert asked == [(0.0, 4.0), (0.0, 8.0)]


def test_without_tenacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named: else every call of a provider that retries is a bug of that provider."""
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(HodeiError, match=r"library tenacity is missing .* pip install tenacity") as caught:
        retried(Calls(), RetryPolicy(), idempotent=True, deadline=Deadline(1.0, Time().clock))
    assert caught.value.kind is Kind.CONFIGURATION

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.resilience.breaker import Breaker
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.resilience.fakes import (
    INVALID,
    THROTTLED,
    TIMEOUT,
    Time,
)


def opened(time: Time, failures: int = 3) -> Breaker:
    breaker = Breaker("build", failures, 30.0, time.clock)
    for _unused in range(failures):
        breaker.admit()
        breaker.record(TIMEOUT)
    return breaker


def test_opens_after_failures_in_a_row_and_says_for_how_long() -> None:
    time = Time()
    breaker = opened(time)
    time.sleep(10)
    with pytest.raises(HodeiError) as caught:
        breaker.admit()
    error = caught.value
    assert (error.kind, error.retryable, error.untouched, error.retry_after) == (Kind.NETWORK, False, True, 20.0)
    for part in ("'build'", "3 times", "20 s", "no reply"):
        assert part in error.message


@pytest.mark.parametrize("answer", [None, INVALID])
def test_any_answer_breaks_the_row(answer: HodeiError | None) -> None:
    breaker = Breaker("build", 2, 30.0, Time().clock)
    for error in (TIMEOUT, answer, THROTTLED):
        breaker.admit()
        breaker.record(error)
    breaker.admit()


def test_errors_of_the_asker_never_open_it() -> None:
    breaker = Breaker("build", 1, 30.0, Time().clock)
    for _unused in range(5):
        breaker.admit()
        breaker.record(INVALID)


def test_half_open_lets_one_trial_pass_and_closes_when_it_succeeds() -> None:
    time = Time()
    breaker = opened(time)
    time.sleep(30)
    breaker.admit()
    with pytest.raises(HodeiError):
        breaker.admit()
    breaker.record(None)
    breaker.admit()
    breaker.admit()


def test_failed_trial_opens_it_again() -> None:
    time = Time()
    breaker = opened(time)
    time.sleep(30)
    breaker.admit()
    time.sleep(5)
    breaker.record(THROTTLED)
    time.sleep(29)
    with pytest.raises(HodeiError):
        breaker.admit()
    time.sleep(1)
    breaker.admit()


def test_trial_that_never_reports_makes_room_for_another() -> None:
    time = Time()
    breaker = opened(time)
    time.sleep(30)
    breaker.admit()
    time.sleep(30)
    breaker.admit()

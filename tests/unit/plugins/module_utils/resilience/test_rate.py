# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.resilience.rate import RateLimit
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.resilience.fakes import Time


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=20),
)
def test_never_more_than_count_in_any_window(count: int, demand: list[tuple[float, int]]) -> None:
    time, granted = Time(), []
    limit = RateLimit(count, 10.0, time.clock, time.sleep)
    for pause, amount in demand:
        time.now += pause
        amount = min(amount, count)
        limit.acquire(amount)
        granted += [time.now] * amount
    for first, beyond in zip(granted, granted[count:], strict=False):
        assert beyond - first >= 10.0 - 1e-6


def test_no_wait_below_the_limit() -> None:
    time = Time()
    limit = RateLimit(3, 60.0, time.clock, time.sleep)
    limit.acquire(3)
    assert time.slept == []
    limit.acquire()
    assert time.slept == [60.0]


def test_threads_share_one_queue() -> None:
    slept: list[float] = []
    limit = RateLimit(2, 10.0, clock=lambda: 0.0, sleep=slept.append)
    threads = [threading.Thread(target=limit.acquire) for _unused in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(slept) == [10.0, 10.0, 20.0, 20.0]

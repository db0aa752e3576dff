# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.lease import LeaseKeeper, acquire_waiting, held_lease
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.tests.conformance.state.builders import LINEAGE, OWNER, T0


class Time:
    """A clock that goes on when somebody sleeps; ``on_sleep`` is called each time."""

    def __init__(self, on_sleep: Callable[[], None] = lambda: None) -> None:
        self.now = T0
        self.slept: list[float] = []
        self.on_sleep = on_sleep

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds
        self.on_sleep()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "state.db")
    state.initialise(OWNER, LINEAGE, T0)
    yield state
    state.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come true within 30 s"
        time.sleep(0.005)


class TestAcquireWaiting:
    def wait(self, store: Any, clock: Time, timeout: float, told: list[str] | None = None, **options: Any) -> Any:
        on_wait = (told if told is not None else []).append
        return acquire_waiting(store, "bob", 60.0, timeout, clock, clock.sleep, on_wait, **options)

    def test_free_lease_is_had_without_waiting(self, store: SqliteState) -> None:
        clock, told = Time(), list[str]()
        assert self.wait(store, clock, 0.0, told).holder == "bob"
        assert (clock.slept, told) == ([], [])

    def test_waits_until_it_is_given_back_and_tells_once(self, store: SqliteState) -> None:
        lease = store.acquire("alice", 60.0, T0)
        clock, told = Time(lambda: store.release(lease) if clock.now > T0 + 5 else None), list[str]()
        assert self.wait(store, clock, 30.0, told).holder == "bob"
        assert len(told) == 1
        assert "waiting up to 30 s" in told[0]
        assert "alice" in told[0]
        assert max(clock.slept) <= 1.0

    def test_waits_until_it_runs_out(self, store: SqliteState) -> None:
        store.acquire("alice", 10.0, T0)
        clock = Time()
        assert self.wait(store, clock, 30.0).fence == 2
        assert clock.now < T0 + 12

    def test_time_is_bounded_and_the_holder_named(self, store: SqliteState) -> None:
        store.acquire("alice", 600.0, T0)
        clock = Time()
        with pytest.raises(HodeiError, match="alice"):
            self.wait(store, clock, 7.0)
        assert clock.now == pytest.approx(T0 + 7)

    def test_gives_up_when_told(self, store: SqliteState) -> None:
        store.acquire("alice", 600.0, T0)
        clock = Time()
        with pytest.raises(HodeiError, match="alice"):
            self.wait(store, clock, 500.0, give_up=lambda: clock.now > T0 + 2)
        assert clock.now < T0 + 5

    def test_breaking_does_not_wait(self, store: SqliteState) -> None:
        store.acquire("alice", 600.0, T0)
        clock = Time()
        assert self.wait(store, clock, 30.0, break_lease=True).holder == "bob"
        assert clock.slept == []

    def test_other_errors_are_not_waited_for(self, tmp_path: Path) -> None:
        clock = Time()
        with pytest.raises(HodeiError) as caught:
            self.wait(SqliteState(tmp_path / "none.db"), clock, 30.0)
        assert caught.value.kind is Kind.NOT_FOUND
        assert clock.slept == []


class TestKeeper:
    def test_invariant_6_the_lease_is_renewed_every_third_of_its_ttl(self, store: SqliteState) -> None:
        clock, waits = Time(), list[float]()

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            clock.now += seconds
            return len(waits) > 9

        keeper = LeaseKeeper(store, store.acquire("ana", 60.0, T0), clock, wait=wait)
        with keeper:
            until(lambda: len(waits) > 9)
            held = store.lease()
            assert held is not None
            assert held.expires_at == T0 + 9 * 20 + 60
            assert keeper.lease == held
            keeper.check()
        assert waits == [20.0] * 10
        assert store.lease() is None

    def test_invariant_6_on_loss_nothing_new_starts(self, store: SqliteState) -> None:
        clock = Time()
        keeper = LeaseKeeper(store, store.acquire("ana", 60.0, T0), clock)
        keeper.check()
        new = store.acquire("bob", 60.0, T0, break_lease=True)
        keeper.renew()
        assert keeper.lost
        for _unused in range(2):
            with pytest.raises(HodeiError, match="bob") as caught:
                keeper.check()
            assert caught.value.kind is Kind.CONFLICT
        assert store.lease() == new

    def test_invariant_6_after_a_sleep_past_its_end_the_lease_is_renewed_or_found_lost_before_anything_starts(
        self, store: SqliteState
    ) -> None:
        clock = Time()
        keeper = LeaseKeeper(store, store.acquire("ana", 60.0, T0), clock)
        clock.now += 600
        keeper.check()
        assert keeper.lease.expires_at == clock.now + 60
        clock.now += 600
        store.acquire("bob", 60.0, clock.now)
        with pytest.raises(HodeiError, match="bob"):
            keeper.check()

    def test_thread_notices_the_loss_by_itself(self, store: SqliteState) -> None:
        lease = store.acquire("ana", 0.06, time.time())
        with LeaseKeeper(store, lease, time.time) as keeper:
            new = store.acquire("bob", 60.0, time.time(), break_lease=True)
            until(lambda: keeper.lost)
        assert store.lease() == new

    def test_trouble_that_passes_before_the_end_loses_nothing(self, store: SqliteState) -> None:
        clock = Time()
        flaky = Flaky(store)
        keeper = LeaseKeeper(flaky, store.acquire("ana", 60.0, T0), clock)  # type: ignore[arg-type]
        flaky.error = HodeiError(Kind.RESOURCE_EXHAUSTED, "the disk is full")
        clock.now += 20
        keeper.renew()
        keeper.check()
        flaky.error = None
        clock.now += 20
        keeper.renew()
        assert keeper.lease.expires_at == clock.now + 60

    def test_trouble_that_lasts_until_the_end_loses_the_lease(self, store: SqliteState) -> None:
        clock = Time()
        flaky = Flaky(store)
        keeper = LeaseKeeper(flaky, store.acquire("ana", 60.0, T0), clock)  # type: ignore[arg-type]
        flaky.error = HodeiError(Kind.RESOURCE_EXHAUSTED, "the disk is full")
        clock.now += 60
        with pytest.raises(HodeiError, match="the disk is full"):
            keeper.check()
        assert keeper.lost

    def test_what_the_run_raised_is_not_hidden_by_trouble_with_giving_back(self, store: SqliteState) -> None:
        def run() -> None:
            flaky = Flaky(store)
            with LeaseKeeper(flaky, store.acquire("ana", 60.0, T0), Time()):  # type: ignore[arg-type]
                flaky.error = HodeiError(Kind.RESOURCE_EXHAUSTED, "the disk is full")
                raise ValueError("the cause")

        with pytest.raises(ValueError, match="the cause"):
            run()


class Flaky:
    """A store whose renewals and releases fail while ``error`` is set."""

    def __init__(self, store: SqliteState) -> None:
        self.store = store
        self.error: HodeiError | None = None

    def renew(self, lease: Any, now: float) -> Any:
        if self.error:
            raise self.error
        return self.store.renew(lease, now)

    def release(self, lease: Any) -> None:
        if self.error:
            raise self.error
        self.store.release(lease)


def test_held_lease_is_given_back_at_the_end(store: SqliteState) -> None:
    with held_lease(
        store, "ana", ttl=60.0, timeout=0.0, break_lease=False, clock=time.time, on_wait=lambda message: None
    ) as keeper:
        assert store.lease() == keeper.lease
    assert store.lease() is None

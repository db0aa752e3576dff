# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Comparison,
    ExecRequest,
    Listing,
    LogRequest,
    News,
    Verb,
    Volume,
)
from ansible_collections.hodei.workers.plugins.module_utils.resilience.guard import (
    BreakerPolicy,
    Policy,
    Resilient,
    Tools,
    guarded,
    policy_of,
)
from ansible_collections.hodei.workers.plugins.module_utils.resilience.retry import RetryPolicy
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.resilience.fakes import (
    INVALID,
    REFUSED,
    THROTTLED,
    TIMEOUT,
    Scripted,
    Time,
    request,
    target,
)

RATES = {"wpm": 100, "ops": 50}


def guard(provider: Scripted, time: Time | None = None, **policy: Any) -> Resilient:
    time = time or Time()
    values = {"retry": RetryPolicy(3, 1.0, 30.0), **policy}
    return Resilient(provider, Policy("build", **values), Tools(time.clock, time.sleep, lambda low, high: high))


def summary(outcomes: Any) -> list[tuple[int, str]]:
    return [(item.address.key, item.error.message if item.error else "ok") for item in outcomes]


class TestSingleCalls:
    @pytest.mark.parametrize("call", ["fingerprint", "list", "capacity", "validate", "events", "logs"])
    def test_reading_is_tried_again(self, call: str) -> None:
        provider = Scripted(TIMEOUT)
        arguments = {"validate": ((),), "events": (target(0), 5), "logs": (LogRequest(target(0)),)}.get(call, ())
        getattr(guard(provider), call)(*arguments)
        assert provider.calls == [call, call]

    def test_a_watch_is_begun_again_but_not_taken_up_again(self) -> None:
        provider = Scripted(TIMEOUT, [News(), News(revision=7)])
        assert [news.revision for news in guard(provider).watch(1.0)] == [0, 7]
        assert provider.calls == ["watch", "watch"]

        def cut() -> Iterator[News]:
            yield News()
            raise TIMEOUT

        provider = Scripted(cut())
        with pytest.raises(HodeiError, match="no reply"):
            list(guard(provider).watch(1.0))
        assert provider.calls == ["watch"]

    def test_exec_is_repeated_only_when_nothing_was_done(self) -> None:
        provider = Scripted(REFUSED)
        assert guard(provider).exec(ExecRequest(target(0), ("true",))).exit_code == 0
        provider = Scripted(TIMEOUT)
        with pytest.raises(HodeiError, match="no reply"):
            guard(provider).exec(ExecRequest(target(0), ("true",)))
        assert provider.calls == ["exec"]

    def test_time_for_all_attempts_together_is_bounded(self) -> None:
        time = Time()
        provider = Scripted(*[TIMEOUT] * 99)
        with pytest.raises(HodeiError):
            guard(provider, time, timeout=2.0, retry=RetryPolicy(5, 8.0, 30.0)).capacity()
        assert time.now - 1000.0 <= 10.0

    def test_incomplete_listing_is_tried_again_and_returned_at_last(self) -> None:
        partial = Listing((), complete=False, problem=TIMEOUT)
        provider = Scripted(partial)
        assert guard(provider).list().complete
        provider = Scripted(*[partial] * 3)
        assert guard(provider).list() is partial
        assert provider.calls == ["list"] * 3

    def test_listing_that_waiting_does_not_complete_is_returned_at_once(self) -> None:
        forbidden = Listing((), complete=False, problem=INVALID)
        provider = Scripted(forbidden)
        assert guard(provider).list() is forbidden
        assert provider.calls == ["list"]

    def test_max_parallel_takes_the_place_of_the_providers_limit(self) -> None:
        assert guard(Scripted()).fingerprint().limits.parallel == 4
        limits = guard(Scripted(), max_parallel=9).fingerprint().limits
        assert (limits.parallel, limits.bulk) == (9, 10)

    def test_close_reaches_the_provider(self) -> None:
        provider = Scripted()
        guard(provider).close()
        assert provider.calls == ["close"]


class TestBulkCalls:
    def test_retry_covers_only_what_is_not_final(self) -> None:
        provider = Scripted({1: TIMEOUT, 2: INVALID})
        outcomes = summary(guard(provider).create([request(index) for index in range(4)]))
        assert outcomes == [(0, "ok"), (2, "no such image"), (3, "ok"), (1, "ok")]
        assert provider.calls == [("create", [0, 1, 2, 3]), ("create", [1])]

    def test_call_that_breaks_off_goes_on_with_the_rest(self) -> None:
        provider = Scripted({1: "silent", 2: "silent", "break": TIMEOUT})
        outcomes = summary(guard(provider).update([request(index) for index in range(3)]))
        assert outcomes == [(0, "ok"), (1, "ok"), (2, "ok")]
        assert provider.calls[1] == ("update", [1, 2])

    def test_outcomes_come_as_soon_as_they_are_final(self) -> None:
        provider = Scripted({1: TIMEOUT})
        outcomes = iter(guard(provider).create([request(0), request(1)]))
        assert next(outcomes).address.key == 0
        assert len(provider.calls) == 1

    def test_last_errors_are_told_when_attempts_are_used_up(self) -> None:
        provider = Scripted(*[{0: TIMEOUT}] * 3)
        assert summary(guard(provider).create([request(0), request(1)])) == [(1, "ok"), (0, "no reply")]
        assert len(provider.calls) == 3

    def test_broken_call_is_raised_after_what_is_known(self) -> None:
        provider = Scripted({1: "silent", "break": TIMEOUT}, TIMEOUT, TIMEOUT)
        outcomes = iter(guard(provider).create([request(0), request(1)]))
        assert next(outcomes).address.key == 0
        with pytest.raises(HodeiError, match="no reply"):
            next(outcomes)

    def test_silence_about_an_item_is_not_repeated(self) -> None:
        provider = Scripted({0: "silent"})
        assert summary(guard(provider).create([request(0)])) == []
        assert len(provider.calls) == 1

    def test_longest_wait_that_was_asked_for_is_kept(self) -> None:
        time = Time()
        list(guard(Scripted({0: TIMEOUT, 1: THROTTLED}), time).create([request(0), request(1)]))
        assert time.slept == [7.0]

    @pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.RESTART])
    def test_idempotent_verbs_are_tried_again(self, verb: Verb) -> None:
        provider = Scripted(TIMEOUT)
        assert summary(guard(provider).act(verb, [target(0)])) == [(0, "ok")]

    def test_restart_is_repeated_only_when_nothing_was_done(self) -> None:
        provider = Scripted({0: TIMEOUT, 1: REFUSED})
        outcomes = summary(guard(provider).act(Verb.RESTART, [target(0), target(1)]))
        assert outcomes == [(0, "no reply"), (1, "ok")]
        assert provider.calls == [("restart", [0, 1]), ("restart", [1])]

    def test_without_retry_everything_is_final(self) -> None:
        provider = Scripted({0: TIMEOUT})
        assert summary(guard(provider, retry=None).create([request(0)])) == [(0, "no reply")]
        assert len(provider.calls) == 1

    def test_leaving_early_is_no_error(self) -> None:
        outcomes = guard(Scripted()).create([request(0), request(1)])
        next(iter(outcomes))
        outcomes.close()  # type: ignore[attr-defined]


class TestBreakerAndRates:
    def test_open_breaker_spares_the_provider(self) -> None:
        provider = Scripted(*[TIMEOUT] * 9)
        careful = guard(provider, retry=None, breaker=BreakerPolicy(2, 30.0))
        for _unused in range(2):
            with pytest.raises(HodeiError, match="no reply"):
                careful.capacity()
        with pytest.raises(HodeiError, match="left alone"):
            careful.capacity()
        with pytest.raises(HodeiError, match="left alone"):
            list(careful.create([request(0)]))
        assert len(provider.calls) == 2

    def test_refusals_of_the_breaker_do_not_keep_it_open(self) -> None:
        time = Time()
        careful = guard(Scripted(TIMEOUT), time, retry=None, breaker=BreakerPolicy(1, 30.0))
        with pytest.raises(HodeiError, match="no reply"):
            careful.capacity()
        time.sleep(29)
        with pytest.raises(HodeiError, match="left alone"):
            list(careful.create([request(0)]))
        time.sleep(1)
        assert summary(careful.create([request(0)])) == [(0, "ok")]

    def test_one_good_outcome_of_a_bulk_call_is_an_answer(self) -> None:
        provider = Scripted({0: TIMEOUT}, {0: TIMEOUT})
        careful = guard(provider, retry=None, breaker=BreakerPolicy(1, 30.0))
        for _unused in range(2):
            list(careful.create([request(0), request(1)]))
        assert len(provider.calls) == 2

    def test_workers_created_per_minute_are_bounded(self) -> None:
        time, provider = Time(), Scripted()
        list(guard(provider, time, creates_per_minute=2).create([request(index) for index in range(5)]))
        assert [items for _verb, items in provider.calls] == [[0, 1], [2, 3], [4]]
        assert time.now == 1000.0 + 120.0

    def test_calls_per_second_are_bounded(self) -> None:
        time = Time()
        careful = guard(Scripted(), time, calls_per_second=2)
        for _unused in range(5):
            careful.capacity()
        assert time.now == 1002.0


VOLUME = Volume("data", since=0.0, used=False, wanted=False)


class Resident(Scripted):
    """A provider that can take over what runs already, and keeps something on this machine."""

    def compare(self, requests: Any) -> Any:
        """Look at native objects."""
        return self._next("compare") or [Comparison(one.native_id) for one in requests]

    def leave(self) -> None:
        """Leave this machine."""
        self._next("leave")

    def volumes(self, specs: Any) -> Any:
        """List named volumes."""
        return self._next("volumes") or [VOLUME]

    def remove_volume(self, volume: Any) -> None:
        """Remove one."""
        self._next(f"remove {volume.name}")


class TestWhatAProviderMayHaveBeyondItsPort:
    def test_comparing_is_tried_again(self) -> None:
        provider = Resident(TIMEOUT)
        asked = [replace(request(index), native_id=f"i-{index}") for index in range(2)]
        assert [one.native_id for one in guard(provider).compare(asked)] == ["i-0", "i-1"]
        assert provider.calls == ["compare", "compare"]

    def test_comparing_counts_for_the_breaker_and_within_the_rate(self) -> None:
        time, provider = Time(), Resident(INVALID, REFUSED)
        careful = guard(provider, time, retry=None, breaker=BreakerPolicy(1, 30.0), calls_per_second=1)
        with pytest.raises(HodeiError, match="no such image"):
            careful.compare([])
        with pytest.raises(HodeiError, match="connection refused"):
            careful.compare([])
        assert time.now == 1001.0
        with pytest.raises(HodeiError, match="build"):
            careful.compare([])
        assert provider.calls == ["compare", "compare"]

    def test_comparing_needs_a_provider_that_can(self) -> None:
        provider = Scripted()
        with pytest.raises(HodeiError, match="cannot take over") as caught:
            guard(provider).compare([request(0)])
        assert (caught.value.kind, provider.calls) == (Kind.COMPATIBILITY, [])

    def test_leaving_is_done_once_and_its_error_is_told(self) -> None:
        provider = Resident(TIMEOUT)
        with pytest.raises(HodeiError, match="no reply"):
            guard(provider).leave()
        guard(provider).leave()
        assert provider.calls == ["leave", "leave"]

    def test_volumes_are_listed_again_and_removed_once(self) -> None:
        provider = Resident(TIMEOUT, None, TIMEOUT)
        assert guard(provider).volumes([]) == [VOLUME]
        with pytest.raises(HodeiError, match="no reply"):
            guard(provider).remove_volume(VOLUME)
        assert provider.calls == ["volumes", "volumes", "remove data"]

    def test_where_there_are_no_volumes_nobody_is_asked(self) -> None:
        provider = Scripted()
        assert guard(provider).volumes([]) == ()
        guard(provider).remove_volume(VOLUME)
        assert provider.calls == []

    def test_leaving_is_nothing_where_nothing_is_kept(self) -> None:
        provider = Scripted()
        guard(provider).leave()
        assert provider.calls == []


class TestPolicy:
    def test_defaults_of_a_remote_provider(self) -> None:
        policy = policy_of({"type": "docker"}, local=False, default_timeout=30.0, default_rates=RATES)
        assert policy == Policy("docker", None, 100, 50, 30.0, RetryPolicy(3, 1.0, 30.0), BreakerPolicy(5, 30.0))

    def test_configuration_wins(self) -> None:
        config = {
            "type": "docker",
            "max_parallel": 3,
            "rate_limits": {"wpm": 7},
            "timeout": 5.0,
            "retry": {"attempts": 9, "initial": 0.5, "max": 4.0},
            "breaker": {"failures": 2, "reset": 3.0},
        }
        policy = policy_of(config, local=False, default_timeout=30.0, default_rates=RATES, name="build")
        assert policy == Policy("build", 3, 7, 50, 5.0, RetryPolicy(9, 0.5, 4.0), BreakerPolicy(2, 3.0))

    def test_local_provider_is_left_as_it_is(self) -> None:
        provider = Scripted()
        config = {"type": "process", "retry": {"attempts": 3}, "breaker": {"failures": 5}}
        assert guarded(provider, config, local=True, default_timeout=30.0, default_rates=RATES) is provider
        limited = guarded(provider, {"max_parallel": 2}, local=True, default_timeout=30.0, default_rates=RATES)
        assert limited.fingerprint().limits.parallel == 2

    def test_local_provider_imports_no_library(self) -> None:
        program = """
import sys
from ansible_collections.hodei.workers.plugins.module_utils.resilience.guard import guarded
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.resilience.fakes import Scripted, request
provider = guarded(Scripted(), {"max_parallel": 2}, local=True, default_timeout=30.0, default_rates={})
assert len(list(provider.create([request(0)]))) == 1
assert provider.list().complete
print("tenacity" in sys.modules)
"""
        answer = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        assert answer.stdout.strip() == "False"

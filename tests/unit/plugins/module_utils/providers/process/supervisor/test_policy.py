# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided about a worker, by data."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.policy import (
    Exit,
    after_exit,
    back_off,
    describe,
    read_status,
    start_deadline,
    was_good,
)

NEVER: dict[str, Any] = {"policy": "never", "max_retries": None, "initial": 1.0, "max": 60.0}
ON_FAILURE = {**NEVER, "policy": "on_failure"}
TWICE = {**ON_FAILURE, "max_retries": 2}
ALWAYS = {**NEVER, "policy": "always", "max_retries": 2}
HEALTH = {"interval": 5.0, "timeout": 1.0, "failures": 3, "successes": 1, "start_period": 10.0}


@pytest.mark.parametrize(
    ("ended", "cause", "failures", "restart", "state", "delay"),
    [
        (Exit(0), "", 0, NEVER, "completed", None),
        (Exit(0), "", 0, ON_FAILURE, "completed", None),
        (Exit(0), "", 0, ALWAYS, "recovering", 1.0),
        (Exit(0), "", 9, ALWAYS, "recovering", 60.0),
        (Exit(1), "", 0, NEVER, "failed", None),
        (Exit(1), "", 0, ON_FAILURE, "recovering", 1.0),
        (Exit(1), "", 3, ON_FAILURE, "recovering", 8.0),
        (Exit(1), "", 1, TWICE, "recovering", 2.0),
        (Exit(1), "", 2, TWICE, "failed", None),
        (Exit(1), "", 2, ALWAYS, "failed", None),
        (Exit(None), "", 0, NEVER, "failed", None),
        (Exit(None), "", 0, ON_FAILURE, "recovering", 1.0),
        (Exit(0), "unhealthy: no answer", 0, ON_FAILURE, "recovering", 1.0),
        (Exit(0), "unhealthy: no answer", 0, NEVER, "failed", None),
    ],
)
def test_after_exit(
    ended: Exit, cause: str, failures: int, restart: dict[str, Any], state: str, delay: float | None
) -> None:
    """The table of what follows the end of a run."""
    verdict = after_exit(ended, cause, failures, restart)
    assert (verdict.state, verdict.delay) == (state, delay)
    if cause:
        assert verdict.reason.startswith(cause)


def test_giving_up_is_told() -> None:
    """With the number of restarts."""
    assert "after 2 restarts" in after_exit(Exit(3), "", 2, TWICE).reason
    assert "after 1 restart" in after_exit(Exit(3), "", 1, {**TWICE, "max_retries": 1}).reason
    assert "after 0 restarts" in after_exit(Exit(3), "", 0, {**TWICE, "max_retries": 0}).reason


def test_back_off_doubles_to_its_limit_however_often() -> None:
    """It never overflows."""
    assert [back_off(failures, 0.5, 3.0) for failures in (0, 1, 2, 3, 10_000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_status_of_wait() -> None:
    """Exit codes as they are, signals as a shell shows them."""
    assert read_status(7 << 8) == Exit(7)
    assert read_status(9) == Exit(137, 9)
    assert os.waitstatus_to_exitcode(9) == -9


@pytest.mark.parametrize(
    ("ended", "words"),
    [(Exit(3), "code 3"), (Exit(137, 9), "SIGKILL"), (Exit(None), "unknown"), (Exit(128 + 40, 40), "40")],
)
def test_an_end_in_words(ended: Exit, words: str) -> None:
    """As people read it."""
    assert words in describe(ended)


def test_a_long_run_forgets_failures() -> None:
    """Longer than the longest pause, and than ten seconds."""
    assert not was_good(9.0, {"max": 1.0})
    assert was_good(11.0, {"max": 1.0})
    assert not was_good(59.0, {"max": 60.0})


def test_how_long_a_start_may_take() -> None:
    """As long as the health check allows, and never for ever."""
    assert start_deadline(None, 0.5) > 0.5
    assert start_deadline(HEALTH, 0.0) >= 10.0 + 3 * 5.0
    assert start_deadline({**HEALTH, "start_period": 1e9}, 0.0) == 900.0

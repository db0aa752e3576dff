# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided about a worker: pure functions of its record, an event and the policy in its document."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import record as states

#: A start is given up for the caller after this many seconds, whatever the health check says.
LONGEST_START = 900.0
#: To tell a worker to finish, or to ask whether it works, may take so many seconds; so many are asked at the same time.
DRAIN_TIMEOUT = 5.0
DRAIN_AT_ONCE = 128


class Exit(NamedTuple):
    """How a run ended: ``code`` as a shell shows it (128 + signal), None when nobody was there to see it."""

    code: int | None
    signal: int = 0


class Verdict(NamedTuple):
    """What follows an exit: the state, the sentence for the user, and in how many seconds to start again (or None)."""

    state: str
    reason: str
    delay: float | None = None


def read_status(status: int) -> Exit:
    """Turn what wait(2) gives into an Exit."""
    code = os.waitstatus_to_exitcode(status)
    return Exit(128 - code, -code) if code < 0 else Exit(code)


def describe(ended: Exit) -> str:
    """Say how a run ended."""
    if ended.code is None:
        return "it ended while no supervisor watched; its exit code is unknown"
    if ended.signal:
        try:
            name = signal.Signals(ended.signal).name
        except ValueError:
            name = f"signal {ended.signal}"
        return f"killed by {name}"
    return f"exited with code {ended.code}"


def after_exit(ended: Exit, cause: str, failures: int, restart: Mapping[str, Any]) -> Verdict:
    """Decide what follows the end of a run that nobody asked for.

    ``cause`` is our own reason for having killed it (memory, health), else empty; ``failures`` counts the runs that
    ended so since the last good one, this one not included.
    """
    reason = cause or describe(ended)
    good = ended.code == 0 and not cause
    policy = restart["policy"]
    if good and policy != "always":
        return Verdict(states.COMPLETED, "")
    if policy == "never":
        return Verdict(states.FAILED, reason)
    most = restart["max_retries"]
    if not good and most is not None and failures >= most:
        return Verdict(states.FAILED, f"{reason}; given up after {_times(failures, 'restart')}")
    return Verdict(states.RECOVERING, reason, back_off(failures, restart["initial"], restart["max"]))


def back_off(failures: int, initial: float, longest: float) -> float:
    """Return the pause before a restart in seconds: doubled with each failure, never above ``longest``."""
    return float(min(longest, initial * 2.0 ** min(failures, 32)))


def was_good(ran_for: float, restart: Mapping[str, Any]) -> bool:
    """Whether a run lasted long enough to forget the failures before it: longer than the longest pause, at least 10 s."""
    return ran_for > max(10.0, float(restart["max"]))


def over_time(since: float | None, timeout: float, now: float) -> bool:
    """Whether what began at ``since`` has lasted ``timeout`` seconds; a clock that was set back begins it anew."""
    return since is not None and now - since >= timeout


def start_deadline(health: Mapping[str, Any] | None, settle: float) -> float:
    """Return the seconds after which a start that is still not healthy counts as failed."""
    if health is None:
        return settle + 60.0
    patience = health["start_period"] + (health["failures"] + health["successes"]) * (
        health["interval"] + health["timeout"]
    )
    return float(min(LONGEST_START, settle + patience + health["timeout"]))


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

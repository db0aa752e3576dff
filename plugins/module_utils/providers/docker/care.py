# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container needs that no Engine does, and when. Pure: no Engine, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from ...model.states import WorkerState
from .records import TTL, Record
from .seeing import is_ending, seconds, worker_state

_GOES_ON = frozenset((*(one for one in WorkerState if one.alive), WorkerState.RECOVERING))
#: A run that was shorter counts as failed, whatever the longest pause is.
_GOOD = 10.0
_NEVER = float("inf")
_NANO = 1_000_000_000


class Need(Enum):
    """What is to be done."""

    WATCH = "watch"
    SETTLE = "settle"
    EXPIRE = "expire"
    PROLONG = "prolong"
    HEAL = "heal"
    END = "end"


class Duty(NamedTuple):
    """What is to be done next, and when, in the Engine's time."""

    need: Need
    due: float = _NEVER


def duty(container: Mapping[str, Any], record: Record, now: float, asked: float = 0.0) -> Duty | None:
    """Return what a container needs next; None when it needs nobody. ``asked`` is when it was last asked whether it works."""
    then = record.draining.then
    if worker_state(container, record)[0] not in _GOES_ON:
        return Duty(Need.SETTLE, 0.0) if then and then != TTL else None
    if is_ending(container, record):
        return Duty(Need.END, 0.0)
    duties = [Duty(Need.WATCH)] if record.cared_for else []
    if then:
        duties.append(Duty(Need.SETTLE, asked + float((record.drain or {}).get("interval", 2.0))))
    over = (record.began or _started(container)) + (_NEVER if record.ttl is None else record.ttl)
    if then == TTL and now < over:
        duties.append(Duty(Need.PROLONG, 0.0))  # it was given more time
    elif not then and record.ttl is not None:
        duties.append(Duty(Need.EXPIRE, over))
    if record.heals and worker_state(container, record)[0] is WorkerState.DEGRADED:
        duties.append(Duty(Need.HEAL, _started(container) + back_off(record)))
    return min(duties, key=lambda one: one.due, default=None)


def _started(container: Mapping[str, Any]) -> float:
    return seconds(container["State"]["StartedAt"]) or 0.0


def back_off(record: Record) -> float:
    """Return the least time between two starts of an unhealthy container: doubled with each failure."""
    first, longest = record.backoff
    return float(min(longest, first * 2.0 ** min(record.failures, 32)))


def failures(container: Mapping[str, Any], record: Record, now: float) -> int:
    """Return how many runs have failed in a row before this one: a run that was well for long makes them forgotten."""
    return 0 if _well(container, now) > max(_GOOD, record.backoff[1]) else record.failures


def _well(container: Mapping[str, Any], now: float) -> float:
    """Return for how long a run has been well for certain: not before its check began to count, nor since it fails."""
    check, health = container["Config"].get("Healthcheck"), container["State"].get("Health")
    if not check or not health:
        return now - _started(container)
    rounds = health["FailingStreak"] + 1  # and one that may be under way
    unsure: int = check.get("StartPeriod", 0) + rounds * (check.get("Interval", 0) + check.get("Timeout", 0))
    return now - _started(container) - unsure / _NANO


def given_up(container: Mapping[str, Any], record: Record, now: float) -> bool:
    """Tell whether it was restarted as often as its document allows."""
    most = record.wanted.get("RestartPolicy", {}).get("MaximumRetryCount", 0)
    return bool(most) and failures(container, record, now) >= most

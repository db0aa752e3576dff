# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unified states of a worker, and what a user can want of one."""

from __future__ import annotations

from enum import Enum


class WorkerState(str, Enum):
    """What a worker is seen to be: f(intent, observation, timers).

    The native states that each provider maps to these stand in docs/providers/.
    """

    CREATING = "creating"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    RECOVERING = "recovering"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    ABSENT = "absent"
    UNKNOWN = "unknown"

    @property
    def alive(self) -> bool:
        """Whether something of it runs now."""
        return self in _ALIVE

    @property
    def settled(self) -> bool:
        """Whether waiting longer will not change it by itself."""
        return self not in _MOVING


_MOVING = frozenset((WorkerState.CREATING, WorkerState.STARTING, WorkerState.STOPPING, WorkerState.RECOVERING))
_ALIVE = frozenset(
    (WorkerState.STARTING, WorkerState.RUNNING, WorkerState.DEGRADED, WorkerState.PAUSED, WorkerState.STOPPING)
)


class Intent(str, Enum):
    """The run state that somebody asked for last; kept in state and in the native record."""

    STARTED = "started"
    STOPPED = "stopped"
    PAUSED = "paused"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a worker how it is, again and again, and tells it when the answer changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from . import procfs
from . import record as states
from .beside import run_beside
from .health import Judge, probe
from .record import Record
from .world import World

#: A starting worker is asked this soon, and then less and less often up to its interval.
_FIRST_PAUSE = 0.05
_STRETCH = 1.5


class Patient(Protocol):
    """What a monitor needs of a worker."""

    record: Record
    problem: str

    def healthy(self) -> None:
        """Hear that it is well."""

    def unhealthy(self, problem: str) -> None:
        """Hear that it is not."""


async def watch(patient: Patient, check: Mapping[str, Any], world: World) -> None:
    """Probe until cancelled. A paused worker is not asked."""
    record = patient.record
    judge = Judge(check, True if record.state == states.RUNNING else None)
    began = procfs.boottime()
    pause = check["interval"] if judge.healthy else min(_FIRST_PAUSE, check["interval"])

    async def run(command: list[str], timeout: float) -> int | None:
        return await run_beside(record, world, command, timeout)

    while True:
        if record.state not in (states.PAUSED, states.STOPPING):
            problem = await probe(check, run)
            patient.problem = problem or patient.problem
            verdict = judge.hear(not problem, procfs.boottime() - began)
            if verdict is True:
                patient.healthy()
            elif verdict is False:
                patient.unhealthy(problem)
        if judge.healthy is None:
            pause = min(pause * _STRETCH, check["interval"])
        else:
            pause = check["interval"]
        await asyncio.sleep(pause)

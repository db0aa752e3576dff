# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that run beside a worker, in its environment and place: exec, and probes that are commands."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from typing import Any

from .launching import side_launch
from .policy import Exit
from .record import Record
from .world import World, disk_problem

_numbers = itertools.count(1)


async def run_beside(
    record: Record,
    world: World,
    command: list[str],
    timeout: float,
    fds: tuple[int, ...] = (),
    request: dict[str, Any] | None = None,
) -> int | None:
    """Run a command in a worker's environment; its exit code, or None when it took too long and was killed.

    ``fds`` are its standard streams (nothing by default); ``request`` may name env, cwd and user. A cancelled call kills
    the command and all that it started. Raises RefusedError when it cannot be started.
    """
    suffix = f"x{next(_numbers)}"
    run: list[asyncio.Future[Exit]] = []
    leader = 0

    def recorded(pid: int) -> None:
        nonlocal leader
        leader = pid
        run.append(world.expect(pid, f"{record.token}.{suffix}"))

    try:
        await world.spawner.spawn(side_launch(record, world, command, suffix, request or {}), fds, recorded)
        await asyncio.wait(run, timeout=timeout)
        if run[0].done():
            return run[0].result().code
        await world.reaper.kill(f"{record.token}.{suffix}")
        return None
    except OSError as error:
        raise disk_problem(error, world.directories.path) from error
    finally:
        if run and not run[0].done():
            _kill_group(leader)
        world.leaders.pop(leader, None)


def _kill_group(pid: int) -> None:
    """Kill a child of ours that is not reaped yet, with its process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

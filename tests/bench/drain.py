# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks many workers in one bulk pass whether they work: real processes, asked by a command each."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Activity, DrainRequest
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Lifecycle
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig


def measure(place: Path, count: int, runs: int) -> list[float]:
    """Return the seconds of each pass over so many workers. Raises RuntimeError when an answer is wrong."""
    rig = ProcessRig(place)
    try:
        fleet = Fleet(rig)
        lifecycle = Lifecycle(grace=0.0, drain=Drain(busy={"command": ["/bin/false"]}))
        spec = rig.shell("exec sleep infinity")
        made = [fleet.request("asked", spec, key=key, lifecycle=lifecycle) for key in range(count)]
        if any(outcome.error for outcome in fleet.provider.create(made)):
            raise RuntimeError("not all workers could be made")
        return [_ask(fleet, lifecycle, count) for _unused in range(runs)]
    finally:
        rig.close()


def _ask(fleet: Fleet, lifecycle: Lifecycle, count: int) -> float:
    requests = [DrainRequest(replace(fleet.target("asked", key=key), lifecycle=lifecycle)) for key in range(count)]
    began = time.perf_counter()
    answers = [outcome.activity for outcome in fleet.provider.drain(requests)]
    seconds = time.perf_counter() - began
    if answers != [Activity.IDLE] * count:
        raise RuntimeError("a worker that is idle was not told so")
    return seconds

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates and plans a large document in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import NamedTuple


class Measured(NamedTuple):
    """Seconds to validate and plan, and the peak memory of the process."""

    seconds: float
    mebibytes: float


def measure(count: int) -> Measured:
    """Run the measurement in a fresh process."""
    ended = subprocess.run([sys.executable, __file__, str(count)], capture_output=True, text=True, check=True)
    return Measured(**json.loads(ended.stdout))


def validate_and_plan(count: int) -> Measured:
    """Build a document with so many entries of different content; half of the workers are there already."""
    from ansible_collections.hodei.workers.plugins.module_utils.engine.inputs import Inputs
    from ansible_collections.hodei.workers.plugins.module_utils.engine.plan import make_plan
    from ansible_collections.hodei.workers.plugins.module_utils.engine.world import assemble
    from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
    from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
    from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing, Observation
    from ansible_collections.hodei.workers.plugins.module_utils.model.records import Resource, State
    from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
    from ansible_collections.hodei.workers.plugins.module_utils.providers.registry import config_schemas, provider_type

    lineage = "0c6f1f0e-6c1e-4d0a-9a51-4f6d4f2f0b11"
    entries = [
        {
            "name": f"worker-{n}",
            "command": ["/opt/ci/run", "--queue", f"queue-{n % 20}"],
            "env": {"LOG_LEVEL": "info", "INDEX": n},
            "resources": {"cpu": "500m", "memory": "512Mi"},
            "ports": [{"name": "http"}],
            "health": {"http": {"path": "/healthz", "port": "http"}, "interval": "5s"},
            "labels": {"team": f"team-{n % 7}"},
        }
        for n in range(count)
    ]
    started = time.perf_counter()
    document = parse(
        RawDocument("bench", lineage, [Fragment(entries)], {"local": {"type": "process"}}),
        key=bytes(32),
        provider_schemas=config_schemas(),
    )
    validated = time.perf_counter() - started
    there = document.instances[: count // 2]
    listing = Listing(
        tuple(
            Observation(one.address, 1, lineage, WorkerState.RUNNING, str(one.address), one.digest, "e")
            for one in there
        )
    )
    resources = tuple(
        Resource(one.address, 1, "local", str(one.address), one.recorded, one.digest, source=one.fragment)
        for one in there
    )
    started = time.perf_counter()
    state = State("bench", lineage, 1, resources)
    world = assemble({"local": listing}, lineage)
    plan = make_plan(Inputs(document, state, world, {"local": provider_type("process").column}, "key", 0.0))
    planned = time.perf_counter() - started
    if len(plan.pending) != count - count // 2:
        raise SystemExit(f"expected {count - count // 2} changes, got {len(plan.pending)}")
    return Measured(validated + planned, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    print(json.dumps(validate_and_plan(int(sys.argv[1]))._asdict()))

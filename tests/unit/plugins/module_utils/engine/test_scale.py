# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that a plan takes grows with the number of workers, not with its square.

`make bench` measures; here only a mistake that makes something quadratic shall be noticed, whatever the machine does meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.graph import Graph
from ansible_collections.hodei.workers.plugins.module_utils.engine.inputs import Inputs
from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.plan import make_plan
from ansible_collections.hodei.workers.plugins.module_utils.engine.plantext import plan_text
from ansible_collections.hodei.workers.plugins.module_utils.engine.world import assemble
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action, Plan
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing
from ansible_collections.hodei.workers.plugins.module_utils.model.records import State
from ansible_collections.hodei.workers.tests.support.fleets import KEY_ID, LINEAGE, NOW, OWNER, document
from ansible_collections.hodei.workers.tests.support.model_cloud import COLUMN
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import observed, recorded

SMALL, LARGE = 800, 6_400
#: A factor of 8 in size; the square of that would be 64.
TOO_MUCH = 24.0


def inputs(wanted: list[dict[str, Any]], made: list[dict[str, Any]]) -> Inputs:
    before = document(made).instances
    listing = Listing(tuple(observed(one) for one in before))
    return Inputs(
        document=document(wanted),
        state=State(OWNER, LINEAGE, 1, tuple(recorded(one) for one in before)),
        world=assemble({"cloud": listing}, LINEAGE),
        columns={"cloud": COLUMN},
        key_id=KEY_ID,
        now=NOW,
        options=Options(prune=True, max_deletes=LARGE),
    )


def named(count: int, image: str = "app:1") -> list[dict[str, Any]]:
    """Workers with names of their own, each with its own environment, all depending on one."""
    shared = {"image": image, "depends_on": ["db"], "resources": {"memory": "512Mi"}}
    return [{"name": "db"}, *({"name": f"w{n}", "env": {"N": str(n)}, **shared} for n in range(count))]


def counted(count: int, image: str = "app:1") -> list[dict[str, Any]]:
    return [{"name": "db"}, {"name": "w", "count": count, "image": image, "depends_on": ["db"]}]


SITUATIONS: dict[str, Callable[[int], Inputs]] = {
    "create": lambda count: inputs(named(count), []),
    "create a count": lambda count: inputs(counted(count), []),
    "nothing to do": lambda count: inputs(named(count), named(count)),
    "replace": lambda count: inputs(named(count, "app:2"), named(count)),
    "prune": lambda count: inputs([{"name": "db"}], named(count)),
    "prune a count": lambda count: inputs([{"name": "db"}], counted(count)),
}


def cost(given: Inputs) -> tuple[float, Plan]:
    """CPU seconds of planning, ordering and telling."""
    started = time.process_time()
    plan = make_plan(given)
    Graph(plan.changes)
    plan_text(plan)
    return time.process_time() - started, plan


@pytest.mark.no_cover
@pytest.mark.parametrize("situation", SITUATIONS)
def test_growth_is_linear(situation: str) -> None:
    small = min(cost(SITUATIONS[situation](SMALL))[0] for _unused in range(3))
    large, plan = cost(SITUATIONS[situation](LARGE))
    assert len(plan.pending) >= LARGE or all(change.action is Action.NOOP for change in plan.changes)
    assert large / small < TOO_MUCH, f"{small:.3f} s for {SMALL}, {large:.3f} s for {LARGE}"

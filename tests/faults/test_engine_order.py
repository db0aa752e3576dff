# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order and selection, at random: dependencies hold whatever fails, and nobody touches what was not asked for."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Report
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Limits
from ansible_collections.hodei.workers.tests.support.drawn import (
    NAMES,
    PROVIDERS,
    Workers,
    fleets,
    graphs,
    needed,
)
from ansible_collections.hodei.workers.tests.support.fleets import Fleet, document
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory

EXAMPLES = 2000 if os.environ.get("HODEI_SOAK") else 60
random = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def _statuses(report: Report) -> dict[str, str]:
    return {one.change.address.name: one.status for one in report.results}


def _descendants(graph: dict[str, list[str]], of: set[str]) -> set[str]:
    """Whoever needs one of these, directly or not."""
    found: set[str] = set()
    while more := {name for name, needs in graph.items() if (found | of) & set(needs)} - found:
        found |= more
    return found


@random
@given(graph=graphs(), data=st.data(), bulk=st.integers(1, 4), reorder=st.booleans())
def test_invariant_9_order_holds_and_a_failure_blocks_its_descendants_only(
    graph: dict[str, list[str]], data: st.DataObject, bulk: int, reorder: bool
) -> None:
    workers = [{"name": name, "depends_on": needs} for name, needs in graph.items()]
    with quick_directory() as directory:
        cloud = Cloud()
        provider = ModelProvider(cloud, limits=Limits(bulk=bulk, parallel=3), reorder=reorder)
        fleet = Fleet(directory, cloud=cloud, providers=[provider])

        refused = data.draw(st.sets(st.sampled_from(list(graph))))
        for name in refused:
            cloud.fail("create", "refuse", name)
        done = _statuses(fleet.converge(workers))
        _check(done, refused, graph)
        made = [one["address"].removeprefix("worker.") for one in cloud.log()]
        assert all(made.index(need) < made.index(name) for name in made for need in graph[name])
        cloud.faults.clear()
        fleet.converge(workers)
        assert len(cloud.objects()) == len(graph)

        backwards = {name: [other for other, needs in graph.items() if name in needs] for name in graph}
        refused = data.draw(st.sets(st.sampled_from(list(graph))))
        for name in refused:
            cloud.fail("delete", "refuse", name)
        before = len(cloud.log())
        done = _statuses(fleet.destroy([]))
        _check(done, refused, backwards)
        gone = [one["address"].removeprefix("worker.") for one in cloud.log()[before:]]
        assert all(gone.index(need) < gone.index(name) for name in gone for need in backwards[name])
        cloud.faults.clear()
        fleet.destroy([])
        assert cloud.objects() == []
        fleet.store.close()


def _check(statuses: dict[str, str], refused: set[str], graph: dict[str, list[str]]) -> None:
    """What waits for something that failed is skipped, be it refused itself or not; all others have had their turn."""
    skipped = _descendants(graph, refused)
    for name, status in statuses.items():
        expected = "skipped" if name in skipped else "failed" if name in refused else "done"
        assert (name, status) == (name, expected)


@random
@given(
    before=fleets(),
    after=fleets(),
    targets=st.sets(st.sampled_from(NAMES), min_size=1),
    excludes=st.sets(st.sampled_from(NAMES)),
)
def test_targets_and_excludes_never_touch_others(
    before: Workers, after: Workers, targets: set[str], excludes: set[str]
) -> None:
    with quick_directory() as directory:
        cloud = Cloud()
        fleet = Fleet(directory, cloud=cloud, providers=[ModelProvider(cloud, name) for name in PROVIDERS])
        fleet.converge(document(before, providers=PROVIDERS))
        wanted = document(after, providers=PROVIDERS)
        plan = fleet.preview(wanted, targets=list(targets), excludes=list(excludes), max_deletes=100).plan
        touched = {change.address.name for change in plan.pending} | {
            address.removeprefix("worker.").partition("[")[0] for address in plan.blocked
        }
        allowed = set[str]().union(*(needed(after, name) for name in targets)) - excludes
        assert touched <= allowed
        fleet.store.close()


@random
@given(before=fleets(), after=fleets(), data=st.data())
def test_invariant_8_what_was_converged_needs_no_second_converge(
    before: Workers, after: Workers, data: st.DataObject
) -> None:
    for worker in before:
        worker["lifecycle"]["prevent_destroy"] = False
    for worker in after:
        worker["lifecycle"]["prevent_destroy"] = False
    with quick_directory() as directory:
        cloud = Cloud()
        fleet = Fleet(directory, cloud=cloud, providers=[ModelProvider(cloud, name) for name in PROVIDERS])
        fleet.converge(document(before, providers=PROVIDERS))
        for one in cloud.objects():
            state = data.draw(
                st.sampled_from([one["state"], "running", "stopped", "paused", "failed", "completed", "degraded"])
            )
            cloud.alter(one["address"], state=state)
        wanted = document(after, providers=PROVIDERS)
        report = fleet.converge(wanted, max_deletes=100, allow_empty=True)
        assert not report.failed
        assert fleet.preview(wanted, max_deletes=100, allow_empty=True).plan.pending == ()
        fleet.store.close()

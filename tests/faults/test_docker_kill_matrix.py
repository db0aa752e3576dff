# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill matrix on a real Engine: killed at failpoints and around its calls, then a fresh process makes it right.

HODEI_SOAK=1 dies everywhere; else at some places of each kind, spread over the run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import this_process
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.tests.support.docker_fleets import (
    DockerFleet,
    containers,
    fail_around_calls,
    records,
    there,
)
from ansible_collections.hodei.workers.tests.support.fleets import OWNER, errors
from ansible_collections.hodei.workers.tests.support.forks import KILLED, die_at, in_child

pytestmark = pytest.mark.xdist_group("docker")
SOAK = bool(os.environ.get("HODEI_SOAK"))

ONE = """
- {name: keeper, lifecycle: {prevent_destroy: true}}
- {name: early, labels: {v: one}, lifecycle: {replace: create_before_destroy}}
- {name: late, labels: {v: one}, depends_on: [early]}
- {name: told, restart: {max_retries: 2}}
- {name: rests}
- {name: leaves}
"""
TWO = """
- {name: keeper, lifecycle: {prevent_destroy: true}}
- {name: early, labels: {v: two}, lifecycle: {replace: create_before_destroy}}
- {name: late, labels: {v: two}, depends_on: [early]}
- {name: told, restart: {max_retries: 3}}
- {name: rests, state: stopped}
- {name: comes}
"""


def run(place: Path, engine: Any, wanted: Document, **options: Any) -> None:
    """Converge as a process of its own does, and once more: nothing is left to do."""
    fleet = DockerFleet(place, engine.url)
    report = fleet.converge(wanted, holder=str(this_process()), lease_timeout=0.0, **options)
    assert errors(report) == []
    again = fleet.preview(wanted, **options)
    assert not again.plan.pending, again.plan.pending
    fleet.close()


def settled(place: Path, engine: Any, wanted: Document) -> None:
    """Check that the Engine has one container for each worker, in its state, and that no record outlives its container.

    A version that gave way to a later one goes with the next look of a converge.
    """
    fleet = DockerFleet(place, engine.url)
    found = there(engine.api)
    names = Counter(name.rpartition(".")[0] for name in found)
    assert names == Counter(f"{OWNER}.{one.address.slug}" for one in wanted.instances)
    remembered = {f"{OWNER}.{one.address.slug}.{one.generation}": one.external_id for one in fleet.state.resources}
    assert remembered == found
    assert fleet.state.pending == ()
    running = {one["Id"] for one in engine.api.containers() if one["Id"] in found.values()}
    assert len(running) == sum(one.state == "started" for one in wanted.instances)
    kept = Counter(records(engine.api))
    assert kept.keys() <= set(found.values())
    assert set(kept.values()) <= {1, 2}
    fleet.close()


def points(place: Path, work: Callable[[], None]) -> list[str]:
    """Do something, and return the failpoints that it passed."""
    told = place / "points"

    def counted() -> None:
        fail_around_calls()
        with open(told, "w", buffering=1) as file:
            failpoints.install(lambda name: print(name, file=file))
            work()

    assert in_child(counted) == 0
    return told.read_text().split()


def chosen(names: list[str]) -> list[int]:
    """Choose where to die: everywhere, or mostly around calls of the Engine, spread over the run."""
    if SOAK:
        return list(range(1, len(names) + 1))
    around = [number for number, name in enumerate(names, 1) if name.startswith("engine")]
    others = [number for number, name in enumerate(names, 1) if not name.startswith("engine")]
    return _spread(around, 5) + _spread(others, 2)


def _spread(numbers: list[int], count: int) -> list[int]:
    return [numbers[(len(numbers) - 1) * turn // (count - 1)] for turn in range(count)]


def killed(work: Callable[[], None], number: int) -> bool:
    """Do something in a process that is killed at its ``number``-th point; False when it ended before."""

    def doomed() -> None:
        fail_around_calls()
        die_at(number)
        work()

    code = in_child(doomed)
    assert code in (0, KILLED)
    return code == KILLED


@pytest.mark.parametrize("amnesia", [False, True], ids=["", "state-lost"])
def test_converge_killed(place: Path, engine: Any, amnesia: bool) -> None:
    """From one document to the other and back, killed on each way."""
    documents = [containers(ONE, engine.image), containers(TWO, engine.image)]
    run(place, engine, documents[0])
    keeper = there(engine.api)[f"{OWNER}.keeper.1"]
    ways = [points(place, lambda way=way: run(place, engine, documents[way])) for way in (1, 0)]  # type: ignore[misc]
    deaths = 0
    for turn, number in enumerate(chosen(min(ways, key=len))):
        wanted = documents[(turn + 1) % 2]
        if amnesia:
            fleet = DockerFleet(place, engine.url)
            fleet.lose_state()
            fleet.close()
        deaths += killed(lambda wanted=wanted: run(place, engine, wanted), number)  # type: ignore[misc]
        assert there(engine.api)[f"{OWNER}.keeper.1"] == keeper
        assert [name for name in there(engine.api) if ".early." in name], "create_before_destroy is never without it"
        assert in_child(lambda wanted=wanted: run(place, engine, wanted)) == 0, f"after death {number}"  # type: ignore[misc]
        settled(place, engine, wanted)
    assert deaths


def test_destroy_killed(place: Path, engine: Any) -> None:
    """Nothing is left, not even a record."""
    wanted, none = containers("[{name: a}, {name: b, depends_on: [a]}]", engine.image), containers("[]", engine.image)

    def destroy() -> None:
        run(place, engine, wanted, destroy=True)

    run(place, engine, wanted)
    deaths = 0
    for number in chosen(points(place, destroy)):
        run(place, engine, wanted)
        deaths += killed(destroy, number)
        assert in_child(destroy) == 0, f"after death {number}"
        settled(place, engine, none)
    assert deaths

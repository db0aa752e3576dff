# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Engine that hangs, dies, is stopped, or hangs up in the middle: an answer by a deadline, and nothing lost or doubled after it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Report
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.tests.support.cutting import Cutting, standing
from ansible_collections.hodei.workers.tests.support.docker_fleets import DockerFleet, containers, records, there
from ansible_collections.hodei.workers.tests.support.fleets import OWNER, actions, errors
from ansible_collections.hodei.workers.tests.testbed.dockerd import OwnEngine
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

pytestmark = pytest.mark.xdist_group("docker")
SOAK = bool(os.environ.get("HODEI_SOAK"))
#: What an Engine may take to answer in these tests, and the longest that a whole run takes when it does not.
TIMEOUT, DEADLINE = 2.0, 60.0
COUNT = 24 if SOAK else 5
#: What is done to the Engine while the run does what; the rest where there is time.
HURT = {"hangs": signal.SIGSTOP, "dies": signal.SIGKILL, "stops": signal.SIGTERM}
BOTH = [(name, verb) for name in HURT for verb in ("create", "delete")]
MIDDLE = BOTH if SOAK else [("hangs", "create"), ("dies", "create"), ("stops", "delete")]


@pytest.fixture
def engine(engine: Any) -> Iterator[OwnEngine]:
    """One that may be hurt."""
    if not isinstance(engine, OwnEngine):
        pytest.skip("this Engine belongs to somebody else")
    yield engine
    heal(engine)


def heal(engine: OwnEngine) -> None:
    """Have it answer again."""
    if engine.pid:
        engine.send(signal.SIGCONT)
    else:
        engine.start()


def all_is_well(place: Path, engine: OwnEngine, wanted: Document) -> None:
    """Converge; then there is one container for each worker, and nothing is left to do."""
    fleet = DockerFleet(place, engine.url)
    assert errors(fleet.converge(wanted, max_deletes=100)) == []
    assert actions(fleet.preview(wanted)) == {}
    found = there(engine.api)
    assert sorted(name.rpartition(".")[0] for name in found) == sorted(
        f"{OWNER}.{one.address.slug}" for one in wanted.instances
    )
    assert {one.external_id for one in fleet.state.resources} == {*found.values()}
    assert {*records(engine.api)} <= {*found.values()}
    fleet.close()


@pytest.mark.parametrize("hurt", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "gone"])
def test_unknown_is_never_absent(place: Path, engine: OwnEngine, hurt: signal.Signals) -> None:
    """Nothing is planned for what cannot be seen, neither with state nor without."""
    wanted = containers("[{name: a}, {name: b, state: stopped}]", engine.image)
    all_is_well(place, engine, wanted)
    before = there(engine.api)
    engine.send(signal.SIGSTOP) if hurt is signal.SIGSTOP else engine.end(hurt)
    for forget in (False, True):
        fleet = DockerFleet(place, engine.url, timeout=0.5)
        if forget:
            fleet.lose_state()
        began = time.monotonic()
        report = fleet.converge(containers("[{name: a}, {name: c}]", engine.image))
        assert time.monotonic() - began < DEADLINE
        assert report.failed
        assert not report.changed
        fleet.close()
    heal(engine)
    assert there(engine.api) == before
    all_is_well(place, engine, wanted)


@pytest.mark.parametrize(("how", "verb"), MIDDLE)
def test_in_the_middle(place: Path, engine: OwnEngine, verb: str, how: str) -> None:
    """The run ends by a deadline, and the next one makes it right."""
    some, none = containers(f"[{{name: keeper}}, {{name: web, count: {COUNT}}}]", engine.image), "[{name: keeper}]"
    before, after = (none, some) if verb == "create" else (some, none)
    documents = [one if isinstance(one, Document) else containers(one, engine.image) for one in (before, after)]
    all_is_well(place, engine, documents[0])
    began_with = len(there(engine.api))
    fleet, told = DockerFleet(place, engine.url, timeout=TIMEOUT), []

    def run() -> None:
        told.append(fleet.converge(documents[1], max_deletes=100))

    thread = threading.Thread(target=run)
    began = time.monotonic()
    thread.start()
    wait_for(lambda: len(there(engine.api)) != began_with or not thread.is_alive(), "the first change")
    if how == "hangs":
        engine.send(HURT[how])
    else:
        engine.end(HURT[how])
    thread.join(DEADLINE)
    assert not thread.is_alive(), f"it still waits after {time.monotonic() - began:.0f} s"
    fleet.close()
    heal(engine)
    (report,) = told
    assert isinstance(report, Report)
    all_is_well(place, engine, documents[1])


def test_who_ends_well_with_its_engine_runs_again(place: Path, engine: OwnEngine) -> None:
    """The Engine leaves it as it is, though it starts all others; who had done its work before the last converge does not do it again."""
    server = "[sh, -c, \"trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done\"]"
    wanted = containers(
        f"[{{name: server, init: false, command: {server}}}, {{name: sleeper}}, {{name: job, command: ['true']}}, "
        "{name: once, command: ['true'], restart: never}]",
        engine.image,
    )
    fleet = DockerFleet(place, engine.url)
    assert errors(fleet.converge(wanted)) == []
    wait_for(lambda: b"ready" in engine.api.logs(f"{OWNER}.server.1"), "the server to listen")
    wait_for(lambda: len(engine.api.containers(filters={"exited": 0}, all=True)) == 2, "the jobs to be done")
    assert actions(fleet.converge(wanted)) == {}
    engine.end()
    engine.start()
    plan = fleet.preview(wanted)
    assert actions(plan) == {"worker.server": "start"}
    assert "before its Engine was started anew" in plan.plan.pending[0].reason
    assert errors(fleet.converge(wanted)) == []
    assert actions(fleet.preview(wanted)) == {}
    running = {one["Names"][0][1:] for one in engine.api.containers()}
    assert running == {f"{OWNER}.server.1", f"{OWNER}.sleeper.1"}
    fleet.close()


@pytest.mark.parametrize("after", [False, True], ids=["unheard", "unanswered"])
def test_hung_up(place: Path, engine: OwnEngine, after: bool) -> None:
    """A call that was cut off, before the Engine heard of it or after it did it: the run says so, or mends it itself."""
    one = containers("[{name: a, restart: {max_retries: 1}}, {name: b, labels: {v: one}}, {name: c}]", engine.image)
    two = containers("[{name: a, restart: {max_retries: 2}}, {name: b, labels: {v: two}}]", engine.image)
    for number in range(1, 100):
        wanted = (one, two)[number % 2]
        cut = Cutting(engine.url, number if SOAK else number * 3, after=after)
        with standing(cut, local=True) as url:
            fleet = DockerFleet(place, url)
            fleet.converge(wanted)
            fleet.close()
        all_is_well(place, engine, wanted)
        if cut.calls < (number if SOAK else number * 3):
            break
    assert number > 2

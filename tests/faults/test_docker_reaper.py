# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who looks after containers is killed, has no place, is not wanted, or sees its Engine go and come; another owner is at work beside."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.watching import follow
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Labels, Listing, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.provider import DockerProvider
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import LINEAGE, OWNER, DockerRig, Fleet
from ansible_collections.hodei.workers.tests.testbed.dockerd import OwnEngine
from ansible_collections.hodei.workers.tests.testbed.wait import PATIENCE, wait_for

pytestmark = pytest.mark.xdist_group("docker")
LONG = Lifecycle(grace=0.5, ttl=3600.0)
#: Well until somebody removes a file; each run begins well.
WELL = "touch well; exec sleep 600"
CHECK = {"command": ["test", "-e", "well"], "interval": 0.2, "failures": 1, "start_period": 30.0}
QUICK = {"policy": "always", "backoff": {"initial": 0.1, "max": 0.5}}


class Rig(DockerRig):
    """One whose provider is configured in another way."""

    def __init__(self, place: Path, engine: Any, **config: Any) -> None:
        super().__init__(place, engine)
        self.api = engine.api
        self._config = {"url": engine.url, "pull": "never", "settle": 0.1, "directory": str(place), **config}

    def open(self, settle: float = 0.1) -> DockerProvider:
        """Return a provider."""
        self._opened.append(self.another(OWNER))
        return self._opened[-1]

    def another(self, owner: str) -> DockerProvider:
        """Return a provider of any owner."""
        return DockerProvider("local", self._config, owner)


@pytest.fixture
def engine(shared_testbed: Any) -> Iterator[OwnEngine]:
    """An Engine that may be stopped; it answers again afterwards."""
    found = shared_testbed.need("docker")
    if not isinstance(found, OwnEngine):
        pytest.skip("this Engine belongs to somebody else")
    yield found
    if not found.pid:
        found.start()


@pytest.fixture
def make_fleet(tmp_path: Path, engine: OwnEngine) -> Iterator[Callable[..., Fleet]]:
    """Return short words for a provider as configured."""
    rigs: list[Rig] = []

    def make(**config: Any) -> Fleet:
        rigs.append(Rig(tmp_path, engine, **config))
        return Fleet(rigs[-1])

    yield make
    for rig in rigs:
        rig.close()


def reaper(place: Path) -> int:
    """Return the pid of the one that runs."""
    return int((place / OWNER / "docker" / "local" / "lock").read_text().split()[0])


def restart(engine: OwnEngine) -> None:
    """Stop it as a service manager does, with its containers, and start it again."""
    engine.end()
    engine.start()


def test_a_killed_one_is_started_again_by_the_next_run(make_fleet: Callable[..., Fleet], tmp_path: Path) -> None:
    """If somebody needs it."""
    fleet = make_fleet()
    fleet.make("aged", fleet.rig.shell("sleep 600"), lifecycle=LONG)
    first = reaper(tmp_path)
    os.kill(first, signal.SIGKILL)
    own = fleet.provider._reaper  # type: ignore[attr-defined]
    wait_for(lambda: not own.runs(), "the reaper to be gone")
    fleet.provider.attend()
    assert own.runs()
    assert reaper(tmp_path) != first
    fleet.do(Verb.DELETE, "aged")
    wait_for(lambda: not own.runs(), "it to leave, since nobody needs it")
    fleet.provider.attend()
    assert not own.runs()


def test_without_one_each_run_does_what_is_due(make_fleet: Callable[..., Fleet], tmp_path: Path) -> None:
    """And in between nobody does."""
    fleet = make_fleet(reaper=False)
    made = fleet.make("short", fleet.rig.shell("sleep 600"), lifecycle=Lifecycle(grace=0.5, ttl=0.5))
    sick = fleet.make("sick", {**fleet.rig.shell(WELL), "health": CHECK, "restart": QUICK})
    fleet.rig.api.exec_start(fleet.rig.api.exec_create(sick.external_id, ["rm", "well"])["Id"])  # type: ignore[attr-defined]
    fleet.wait("sick", WorkerState.DEGRADED)
    wait_for(lambda: time.time() > (made.started_at or 0.0) + 0.5, "its time to be over")
    assert fleet.state("short") is WorkerState.RUNNING
    fleet.provider.attend()
    assert "time to live" in fleet.wait("short", WorkerState.STOPPED).reason
    healed = fleet.wait("sick", WorkerState.RUNNING)
    assert healed.restarts == 1
    assert not (tmp_path / OWNER).exists()


def test_without_a_place_for_it_nothing_is_made_that_needs_it(make_fleet: Callable[..., Fleet], tmp_path: Path) -> None:
    """Or a time to live would be promised that nobody keeps."""
    (tmp_path / "file").touch()
    fleet = make_fleet(directory=str(tmp_path / "file"))
    with pytest.raises(HodeiError, match="reaper: false"):
        fleet.create("aged", fleet.rig.shell("sleep 600"), lifecycle=LONG)
    assert fleet.provider.list().observations == ()
    fleet.make("plain", fleet.rig.shell("sleep 600"))


def test_it_goes_on_when_its_engine_comes_back(
    make_fleet: Callable[..., Fleet], engine: OwnEngine, tmp_path: Path
) -> None:
    """The same one, with the same duties."""
    fleet = make_fleet()
    made = fleet.make("sick", {**fleet.rig.shell(WELL), "health": CHECK, "restart": QUICK})
    pid = reaper(tmp_path)
    restart(engine)
    before = fleet.wait("sick", WorkerState.RUNNING)
    engine.api.exec_start(engine.api.exec_create(made.external_id, ["rm", "well"])["Id"])
    wait_for(
        lambda: (
            (seen := fleet.see("sick")) is not None
            and seen.restarts > before.restarts
            and seen.state is WorkerState.RUNNING
        ),
        "it to be started over",
    )
    assert reaper(tmp_path) == pid


def test_who_follows_goes_on_when_the_engine_comes_back(make_fleet: Callable[..., Fleet], engine: OwnEngine) -> None:
    """What happens after that is told too."""
    fleet = make_fleet()
    made = fleet.make("seen", {**fleet.rig.shell("sleep 600"), "restart": {"policy": "always"}})
    shown, over = [Listing(())], threading.Event()

    def run() -> None:
        for listing in follow("local", fleet.provider, PATIENCE):
            shown[0] = listing
            if over.is_set():
                return

    def state() -> WorkerState | None:
        return next((one.state for one in shown[0].observations), None)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: state() is WorkerState.RUNNING, "it to be seen")
    engine.end()
    wait_for(lambda: not shown[0].complete, "it to be seen that nothing can be seen")
    engine.start()
    wait_for(lambda: shown[0].complete and state() is WorkerState.RUNNING, "it to be seen again")
    engine.api.pause(made.external_id)
    wait_for(lambda: state() is WorkerState.PAUSED, "what happens to be told")
    over.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_another_owner_at_work_is_not_heard_of(make_fleet: Callable[..., Fleet]) -> None:
    """Whose record an event is about, the Engine does not tell; and both call their provider the same."""
    fleet = make_fleet()
    with closing(fleet.rig.another("neighbour")) as neighbour, closing(fleet.provider.watch(PATIENCE)) as watch:  # type: ignore[attr-defined]
        next(watch)
        request = replace(
            fleet.request("theirs", fleet.rig.shell("sleep 600")), labels=Labels("neighbour", LINEAGE, "key-1")
        )
        (made,) = neighbour.create([request])
        assert made.error is None
        for verb in (Verb.STOP, Verb.START, Verb.DELETE):  # a record is written by each
            (done,) = neighbour.act(verb, [fleet.target("theirs", grace=0.1)])
            assert done.error is None
        fleet.make("ours", fleet.rig.shell("sleep 600"))
        told: set[str] = set()
        for news in watch:
            told |= {one.address.name for one in news.seen}
            if "ours" in told:
                break
        assert told == {"ours"}

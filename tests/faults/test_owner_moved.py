# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that gets another owner, and whatever may happen meanwhile: no process is touched, none lost, none doubled, and one
supervisor looks after them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_fleet, run_plan
from ansible_collections.hodei.workers.plugins.module_utils.ansible.session import open_session
from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Ports, Request, Tools, converge
from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import this_process
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.address import parse_address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, Target, Verb
from ansible_collections.hodei.workers.plugins.module_utils.providers import relocating
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.failpoint import (
    OWNER_NAMES,
    VARIABLE,
)
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, OTHER_LINEAGE
from ansible_collections.hodei.workers.tests.support.forks import KILLED, die_at, in_child
from ansible_collections.hodei.workers.tests.support.owners import Owners, moved
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


@pytest.fixture
def owners() -> Iterator[Owners]:
    with quick_directory() as place:
        made = Owners(place)
        yield made
        made.close()


def born(owners: Owners, owner: str = "old", **arguments: Any) -> dict[int, dict[str, str]]:
    """Make a fleet, and return its processes."""
    owners.initialise(owner)
    assert not owners.converge(owner, **arguments).get("refused")
    return owners.processes()


def is_moved(owners: Owners, processes: dict[int, dict[str, str]], owner: str = "new") -> None:
    """Check that all is as if it had always been so, but for what the processes were told at their start."""
    assert set(owners.processes()) == set(processes), "no process was touched"
    for variables in processes.values():
        assert Path(variables["HOME"]).is_dir()
    wait_for(lambda: len(owners.supervisors()) == 1, "one supervisor")  # its forker has its name for a moment
    directory = owners.place / owner / "providers" / "local" / owner / "process"
    records = [json.loads(path.read_bytes()[4096:]) for path in (directory / "records").glob("*.json")]
    assert {one["owner"] for one in records} == {owner}
    assert len(records) == len(processes)
    store = SqliteState(owners.place / owner / "state.db", read_only=True)
    assert store.read().owner == owner
    assert not (owners.place / owner / "moving-from").exists()


def test_planned_moved_and_moved_already(owners: Owners) -> None:
    processes = born(owners)
    planned = owners.converge("new", check=True, moved=moved("old", "new"))
    assert planned["changed"]
    assert "  =>  owner old -> new, 3 workers move\n" in planned["diff"]["prepared"]
    assert not (owners.place / "new").exists()
    done = owners.converge("new", moved=moved("old", "new"))
    assert done["changed"]
    is_moved(owners, processes)
    again = owners.converge("new", moved=moved("old", "new"))
    assert not again["changed"]
    assert "owner 'old' was moved to 'new'" in owners.converge("old")["refused"]


@pytest.mark.parametrize("number", range(1, 7))
def test_killed_at_every_failpoint(owners: Owners, number: int) -> None:
    """The next converge finishes what was begun, also where state is lost on top of that; then nothing is left to do."""
    processes, supervisors = born(owners), owners.supervisors()
    given: dict[str, Any] = {"moved": moved("old", "new")}

    def doomed() -> None:
        os.environ["HODEI_STATE_DIR"] = str(owners.place)
        die_at(number)
        run_fleet(owners.module("new", **given))

    assert in_child(doomed) == KILLED
    assert set(owners.processes()) == set(processes)
    for variables in processes.values():
        assert Path(variables["HOME"]).is_dir()
    if number % 2:
        for path in owners.place.glob("*/state.db*"):
            path.unlink(missing_ok=True)
    planned = owners.converge("new", check=True, **given)
    assert not planned.get("refused")
    assert {one["action"] for one in planned["plan"]["changes"]} <= {"adopt"}
    done = owners.converge("new", **given)
    assert {one["action"] for one in done["results"]} <= {"adopt"}, "state that was lost is written down again"
    is_moved(owners, processes)
    assert owners.supervisors() == supervisors, "it became the new owner's in place"
    assert not owners.converge("new", **given)["changed"]


@pytest.mark.parametrize("name", OWNER_NAMES)
def test_a_supervisor_killed_at_its_failpoints(
    owners: Owners, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it writes the new owner into records, and while a worker comes to its new place."""
    armed = tmp_path / "armed"
    monkeypatch.setenv(VARIABLE, f"{name}@{armed}")
    processes = born(owners)
    for pid in owners.supervisors():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not owners.supervisors(), "the supervisor to be gone")
    armed.touch()
    owners.converge("new", moved=moved("old", "new"))
    is_moved(owners, processes)
    provider = owners.provider("new")
    targets = [Target(one.address, one.generation) for one in provider.list().observations]
    assert [one.error for one in provider.act(Verb.RESTART, targets)] == [None] * 3
    assert not armed.exists(), f"nothing passes {name}"
    now = owners.processes().values()
    assert len(now) == 3
    assert {one["HODEI_OWNER"] for one in now} == {"new"}
    assert all(one["HOME"].startswith(f"{provider.directory}/workers/") for one in now)


def test_no_supervisor_and_no_state(owners: Owners) -> None:
    processes = born(owners)
    for pid in owners.supervisors():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not owners.supervisors(), "the supervisor to be gone")
    for path in (owners.place / "old").glob("state.db*"):
        path.unlink()
    done = owners.converge("new", moved=moved("old", "new"))
    assert {one["action"] for one in done["results"]} == {"adopt"}, "that is only written down"
    is_moved(owners, processes)


def test_chains_are_followed(owners: Owners) -> None:
    """To the end at once, and one step after another: what was told first stays true."""
    processes = born(owners)
    owners.converge("c", moved=moved("older", "old", "c"))
    is_moved(owners, processes, "c")
    owners.converge("d", moved=moved("older", "old", "c", "d"))
    is_moved(owners, processes, "d")
    assert "owner 'old' was moved to 'c'" in owners.converge("old")["refused"]
    owners.converge("d", state="absent", confirm="d", moved=moved("older", "old", "c", "d"))
    assert sorted(path.name for path in owners.place.iterdir()) == ["d", "told.json"], "no link is left"


def test_links_stay_as_long_as_somebody_needs_them(owners: Owners) -> None:
    """A worker comes to its new place with its next start; one that was let go is known by its environment."""
    owners.workers = [
        {
            "name": "a",
            "command": ["sleep", "infinity"],
            "volumes": [{"name": "data", "path": "in/data", "type": "named"}],
        },
        {"name": "b", "command": ["sleep", "infinity"]},
    ]
    born(owners)
    arguments: dict[str, Any] = {"moved": moved("old", "new")}
    owners.converge("new", **arguments)
    provider = owners.provider("new")
    seen = {one.address.name: one for one in provider.list().observations}
    targets = {name: Target(one.address, one.generation) for name, one in seen.items()}
    assert [one.error for one in provider.act(Verb.RESTART, [targets["a"]])] == [None]
    owners.converge("new", **arguments)
    assert (owners.place / "old").is_symlink()
    a, b = sorted(owners.processes().values(), key=lambda one: one["WORKER_NAME"])
    assert (a["HODEI_OWNER"], b["HODEI_OWNER"]) == ("new", "old")
    assert a["HOME"].startswith(f"{owners.place}/new/providers/local/new/process/workers/")
    assert os.readlink(Path(a["HODEI_VOLUME_DATA"])).startswith(f"{owners.place}/new/providers/local/new/")
    assert [one.error for one in provider.act(Verb.RELEASE, [targets["b"]])] == [None]
    owners.workers = owners.workers[:1]
    owners.converge("new", **arguments)
    assert (owners.place / "old").is_symlink()
    for pid, variables in owners.processes().items():
        if variables["WORKER_NAME"] == "b":
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(owners.processes()) == 1, "it to end")
    owners.converge("new", **arguments)
    assert not os.path.lexists(owners.place / "old")
    assert not os.path.lexists(owners.place / "new" / "providers" / "local" / "old")

    # The name is free again; the entry is not about the fleet that has it now.
    owners.initialise("old", OTHER_LINEAGE)
    assert not owners.converge("new", **arguments)["changed"]
    assert not owners.converge("old", lineage=OTHER_LINEAGE).get("refused")


@pytest.mark.parametrize("custom", ["directory", "backend"])
def test_places_of_their_own(owners: Owners, custom: str, tmp_path: Path) -> None:
    """A provider's `directory` is beside the state; a backend's path stays what it is."""
    elsewhere = owners.place / "elsewhere"
    arguments: dict[str, Any] = {"providers": {"local": {"type": "process", "directory": str(elsewhere)}}}
    if custom == "backend":
        arguments = {"backend": {"path": str(elsewhere)}}
        owners.initialise("x")
        (owners.place / "x").rename(elsewhere)
        (elsewhere / "state.db").unlink()
        store = SqliteState(elsewhere / "state.db")
        store.initialise("old", LINEAGE, 0.0)
        store.close()
        owners.converge("old", **dict(arguments))
    else:
        born(owners, **arguments)
    processes = owners.processes()
    assert len(processes) == 3
    if custom == "backend":
        assert "the state here is 'old''s" in owners.converge("new", **dict(arguments))["refused"]
    else:
        assert "never initialised" in owners.converge("new", **dict(arguments))["refused"]
    planned = owners.converge("new", check=True, moved=moved("old", "new"), **dict(arguments))
    assert "3 workers move" in planned["diff"]["prepared"]
    assert owners.converge("new", moved=moved("old", "new"), **dict(arguments))["results"] == []
    assert set(owners.processes()) == set(processes)
    assert not owners.converge("new", moved=moved("old", "new"), **dict(arguments))["changed"]
    if custom == "directory":
        assert owners.provider("new", elsewhere).list().observations
        assert "owner 'old' was moved to 'new'" in owners.converge("old", **dict(arguments))["refused"]
        owners.initialise("other")
        (owners.place / "old").unlink()
        (owners.place / "other").rename(owners.place / "old")
        said = owners.converge("old", **dict(arguments))["refused"]
        assert (
            f"the workers of owner 'old' in {elsewhere} were moved to owner 'new'" in said
            or "the state here is" in said
        )


def test_what_is_refused(owners: Owners) -> None:
    """Both there, a stranger's workers, somebody at work, and a document with a mistake: nothing is moved."""
    born(owners)
    given: dict[str, Any] = {"moved": moved("old", "new")}
    state = SqliteState(owners.place / "old" / "state.db")
    lease = state.acquire(str(this_process()), 30.0, time.time())
    assert "fleet 'old' is being changed by" in owners.converge("new", **given)["refused"]
    state.release(lease)
    state.close()
    assert (
        "moved[0]: owner.old moves to owner.new, but the owner of the document is still 'old'"
        in owners.converge("old", **given)["refused"]
    )
    circle = moved("a", "b", "a")
    assert "owners move in a circle: owner.a -> owner.b -> owner.a" in owners.converge("old", moved=circle)["refused"]
    mixed = [{"from": "owner.old", "to": "worker.a"}]
    assert "owner.old cannot become worker.a" in owners.converge("old", moved=mixed)["refused"]
    workers, owners.workers = owners.workers, [{"name": "a", "commnd": ["x"]}]
    assert "commnd" in owners.converge("new", **given)["refused"]
    owners.workers = workers
    assert (
        "fail_on names what was found; change: owner 'old' becomes 'new'"
        in owners.converge("new", fail_on=["change"], **given)["refused"]
    )
    owners.initialise("new")
    assert "owner 'old' is to become 'new', but both exist here" in owners.converge("new", **given)["refused"]
    shutil.rmtree(owners.place / "new")
    assert (owners.place / "old" / "state.db").exists()
    assert owners.initialised("new", **given)["made"] == []
    assert not owners.converge("new", **given).get("refused")


def test_a_fleet_of_another_lineage_is_not_moved_along(owners: Owners) -> None:
    born(owners)
    (owners.place / "old").rename(owners.place / "kept")
    owners.initialise("old", OTHER_LINEAGE)
    shutil.copytree(
        owners.place / "kept" / "providers", owners.place / "old" / "providers", symlinks=True, ignore=_sockets
    )
    said = owners.converge("new", lineage=OTHER_LINEAGE, moved=moved("old", "new"))["refused"]
    assert f"belongs to lineage {LINEAGE} of owner 'old'" in said


def _sockets(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(directory, name).is_socket()]


def test_a_backup_of_before(owners: Owners) -> None:
    """State that still says the old owner, in the new place: the entry covers it."""
    processes = born(owners)
    shutil.copy(owners.place / "old" / "state.db", owners.place / "backup")
    owners.converge("new", moved=moved("old", "new"))
    for path in (owners.place / "new").glob("state.db*"):
        path.unlink()
    shutil.copy(owners.place / "backup", owners.place / "new" / "state.db")
    assert "the state here is 'old''s" in owners.converge("new")["refused"]
    assert owners.converge("new", moved=moved("old", "new"))["results"] == []
    is_moved(owners, processes)


def test_a_file_system_that_cannot_exchange(owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = born(owners)
    monkeypatch.setattr(relocating, "_exchange", lambda old, new: False)
    owners.converge("new", moved=moved("old", "new"))
    is_moved(owners, processes)


def test_who_was_there_before_the_move_changes_nothing(owners: Owners, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converge that waited meanwhile for its lease is refused; a command in a worker leaves the supervisor to the new owner."""
    processes = born(owners)
    monkeypatch.setenv("HODEI_STATE_DIR", str(owners.place))
    former = owners.provider("old")
    module = owners.module("old")
    with open_session(module.params, write=True) as session:
        session.store.release(session.store.acquire(session.holder, 30.0, time.time()))
        owners.converge("new", moved=moved("old", "new"))
        with pytest.raises(HodeiError, match="the document is owner 'old''s, but the state here is 'new''s"):
            converge(
                Request(session.document, Options(), session.key.id, holder=session.holder),
                Ports(session.store, session.providers),
                Tools(new_id=lambda: "run"),
            )
    request = ExecRequest(Target(parse_address("a"), 1), ("true",), timeout=60.0)
    assert former.exec(request).exit_code == 0
    is_moved(owners, processes)


def test_a_saved_plan_says_that_the_owner_moves(owners: Owners) -> None:
    """What was reviewed is what is applied; one from before the entry was written is stale."""
    processes = born(owners)
    path = str(owners.place / "a.plan")
    given: dict[str, Any] = {"moved": moved("old", "new")}
    saving: dict[str, Any] = {"path": path, "expires": "1h", "markdown": True, "markdown_limit": 10_000}
    planned = owners.converge("new", run=run_plan, **saving, **given)
    assert "owner old -> new, 3 workers move" in planned["markdown"]
    assert (planned["pending"], planned["summary"]) == (1, "Plan for new: owner old to move; 3 unchanged.")
    assert not owners.converge("new", plan=path, **given).get("refused")
    is_moved(owners, processes)

    kept = json.loads(Path(path).read_text())
    assert kept["plan"]["owner_from"] == "old"
    given = {"moved": moved("old", "new", "newer")}
    assert "the plan is for owner 'new'" in owners.converge("newer", plan=path, **given)["refused"]
    assert not (owners.place / "newer").exists()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill matrix: converge and destroy are killed at the hits of every failpoint; then a fresh process converges.

Afterwards each address has one object, none is lost, none doubled, and a further converge has nothing to do. What was counted
stands in tests/output/kill_matrix.json.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.importing import Import
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import this_process
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address, parse_address
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Limits
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, Fleet, document
from ansible_collections.hodei.workers.tests.support.forks import in_child, kill_points
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory

PROVIDERS = ("cloud", "attic")
MOST_HITS = 2000
OUTPUT = Path(__file__).resolve().parent.parent / "output" / "kill_matrix.json"
#: These are killed everywhere in each run of the suite; the others at each STEP-th failpoint, and everywhere in `make soak`.
WHOLE = ("create", "converge", "destroy", "drain")
STEP = 1 if os.environ.get("HODEI_SOAK") else 5

BEFORE = """
- {name: web, count: 2}
- {name: api, depends_on: [db], lifecycle: {replace: create_before_destroy}}
- {name: db, env: {MODE: slow}, lifecycle: {prevent_destroy: true}}
- {name: cache, state: paused}
- {name: failed}
- {name: vanished}
- {name: moving}
- {name: keeper}
- {name: told, files: [{path: app.toml, content: one}]}
- {name: reloaded, files: [{path: app.toml, content: one}], reload: {signal: SIGHUP}}
- {name: old}
- {name: older, depends_on: [old]}
- {name: leaves, lifecycle: {on_remove: forget}}
"""
AFTER = """
- {name: web, count: 2, image: "app:2"}
- {name: api, image: "app:2", depends_on: [db], lifecycle: {replace: create_before_destroy}}
- {name: db, env: {MODE: fast}, lifecycle: {prevent_destroy: true}}
- {name: cache, env: {MODE: fast}, state: stopped}
- {name: failed}
- {name: vanished}
- {name: moving, provider: attic}
- {name: keeper}
- {name: told, files: [{path: app.toml, content: two}]}
- {name: reloaded, files: [{path: app.toml, content: two}], reload: {signal: SIGHUP}}
- {name: new, depends_on: [api, newer]}
- {name: newer, provider: attic, count: 2}
"""


#: They are at work when the change comes: told or only asked, replaced in both orders, stopped, and gone.
WORKING = """
- {name: told, lifecycle: {drain: {signal: SIGQUIT, busy: {command: [busy]}, interval: 5ms}}}
- {name: asked, lifecycle: {drain: {busy: {command: [busy]}, interval: 5ms}, replace: create_before_destroy}}
- {name: stops, depends_on: [told], lifecycle: {drain: {busy: {command: [busy]}, interval: 5ms}}}
- {name: gone, lifecycle: {drain: {busy: {command: [busy]}, interval: 5ms}}}
- {name: keeper}
"""
FINISHED = """
- {name: told, image: "app:2", lifecycle: {drain: {signal: SIGQUIT, busy: {command: [busy]}, interval: 5ms}}}
- {name: asked, image: "app:2", lifecycle: {drain: {busy: {command: [busy]}, interval: 5ms}, replace: create_before_destroy}}
- {name: stops, state: stopped, depends_on: [told], lifecycle: {drain: {busy: {command: [busy]}, interval: 5ms}}}
- {name: keeper}
"""


@dataclass(frozen=True)
class Scenario:
    """What was converged before, what happened since, and the run that is killed."""

    before: str = ""
    after: str = ""
    meanwhile: Callable[[Fleet], None] = lambda fleet: None
    options: dict[str, Any] = field(default_factory=dict)
    never_without: tuple[str, ...] = ()
    moved: tuple[dict[str, str], ...] = ()

    @property
    def wanted(self) -> Document:
        """The document of the run that is killed."""
        return document(self.after, providers=PROVIDERS, moved=list(self.moved))


def _bad_night(fleet: Fleet) -> None:
    fleet.cloud.alter("failed", state="failed", exit_code=1)
    fleet.cloud.remove("vanished")


def _at_work(fleet: Fleet) -> None:
    for one in fleet.cloud.objects():
        if one["drain"]:
            fleet.cloud.alter(one["address"], busy=2)


def _at_work_and_forgotten(fleet: Fleet) -> None:
    _at_work(fleet)
    fleet.lose_state()


def _amnesia(fleet: Fleet) -> None:
    _bad_night(fleet)
    fleet.lose_state()


MOVED_BEFORE = """
- {name: plain}
- {name: several, count: 2}
- {name: listed, count: 2}
- {name: changing, env: {MODE: slow}}
- {name: making, depends_on: [plain]}
- {name: first, lifecycle: {replace: create_before_destroy, prevent_destroy: false}}
- {name: sleeping}
- {name: locked, lifecycle: {prevent_destroy: true}}
"""
MOVED_AFTER = """
- {name: renamed}
- {name: many, count: 2}
- {name: one}
- {name: two, depends_on: [renamed]}
- {name: changed, env: {MODE: fast}}
- {name: made, image: "app:2", depends_on: [renamed]}
- {name: early, image: "app:2", lifecycle: {replace: create_before_destroy}}
- {name: asleep, state: stopped}
- {name: kept, lifecycle: {prevent_destroy: true}}
"""
MOVED = (
    {"from": "plain", "to": "renamed"},
    {"from": "several", "to": "many"},
    {"from": "listed[0]", "to": "one"},
    {"from": "listed[1]", "to": "two"},
    {"from": "changing", "to": "changed"},
    {"from": "making", "to": "made"},
    {"from": "first", "to": "early"},
    {"from": "sleeping", "to": "between"},
    {"from": "between", "to": "asleep"},
    {"from": "locked", "to": "kept"},
)

IMPORTED = "[{name: a}, {name: b, count: 2}, {name: c, provider: attic}, {name: d, lifecycle: {prevent_destroy: true}}]"
IMPORTS = tuple(
    Import(parse_address(address), f"i-{number}", f"imports[{number - 1}]")
    for number, address in enumerate(("a", "b[0]", "b[1]", "c", "d"), 1)
)


def _all_released(fleet: Fleet) -> None:
    report = fleet.converge(document(IMPORTED, providers=PROVIDERS), state="forgotten", targets=("*",))
    assert not report.failed
    assert fleet.cloud.objects() == []


SCENARIOS = {
    "create": Scenario(after=AFTER),
    "converge": Scenario(BEFORE, AFTER, _bad_night, never_without=("api", "db", "keeper")),
    # Without state nobody knows that only the environment differs, so what is protected may not differ.
    "converge after state was lost": Scenario(
        BEFORE,
        AFTER.replace("MODE: fast}, lifecycle", "MODE: slow}, lifecycle"),
        _amnesia,
        never_without=("api", "db", "keeper"),
    ),
    "move": Scenario(MOVED_BEFORE, MOVED_AFTER, moved=MOVED),
    "move after state was lost": Scenario(MOVED_BEFORE, MOVED_AFTER, lambda fleet: fleet.lose_state(), moved=MOVED),
    "import": Scenario(IMPORTED, IMPORTED, _all_released, options={"imports": IMPORTS}),
    "drain": Scenario(WORKING, FINISHED, _at_work, never_without=("asked", "keeper")),
    "drain after state was lost": Scenario(
        WORKING, FINISHED, _at_work_and_forgotten, never_without=("asked", "keeper")
    ),
    "drain and destroy": Scenario(WORKING, meanwhile=_at_work, options={"destroy": True}),
    "destroy": Scenario(BEFORE.replace("prevent_destroy: true", "prevent_destroy: false"), options={"destroy": True}),
}


def fleet_in(directory: Path) -> Fleet:
    """Open the fleet of a directory, as a fresh process does."""
    cloud = Cloud(directory / "cloud.json")
    limits = Limits(bulk=2, parallel=2)
    return Fleet(directory, cloud=cloud, providers=[ModelProvider(cloud, name, limits=limits) for name in PROVIDERS])


def prepare(scenario: Scenario, directory: Path) -> None:
    fleet = fleet_in(directory)
    if scenario.before:
        assert not fleet.converge(document(scenario.before, providers=PROVIDERS)).failed
    scenario.meanwhile(fleet)
    with fleet.cloud.change() as data:
        data["log"].clear()
    fleet.store.close()


def run(scenario: Scenario, directory: Path) -> None:
    """Do the run of a scenario as a process of its own does."""
    fleet = fleet_in(directory)
    wanted = scenario.wanted
    report = fleet.converge(wanted, holder=str(this_process()), lease_timeout=0.0, **scenario.options)
    assert not report.failed, [one.reason for one in report.results]
    again = fleet.preview(wanted, **{name: one for name, one in scenario.options.items() if name != "imports"})
    assert not again.plan.pending, again.plan.pending
    fleet.store.close()


def settled(scenario: Scenario, directory: Path) -> None:
    """Check that the world is what the document says, that state knows it, and that nobody touched the keeper."""
    fleet = fleet_in(directory)
    wanted = {} if scenario.options.get("destroy") else {one.address: one for one in scenario.wanted.instances}
    objects = fleet.cloud.objects()
    assert Counter(one["address"] for one in objects) == Counter(map(str, wanted))
    state = fleet.state
    assert verify(state) == []
    assert state.pending == ()
    remembered = {(str(one.address), one.generation, one.provider) for one in state.resources}
    assert remembered == {(one["address"], one["generation"], one["provider"]) for one in objects}
    for one in objects:
        instance = next(wanted[address] for address in wanted if str(address) == one["address"])
        born = {"started": "running", "stopped": "stopped", "paused": "paused"}
        assert (one["digest"], one["provider"]) == (instance.digest, instance.provider)
        # What somebody restarted is on its way, and nothing is to be done about it.
        now = {"starting": "running"}.get(one["state"], one["state"])
        assert (now, one["lineage"]) == (born[instance.state], LINEAGE)
        assert not one["stale"]
    fleet.store.close()


def begun_before_done(directory: Path) -> None:
    """Invariant 1: whatever was made or updated carries the id of an operation whose begin is durable."""
    with sqlite3.connect(directory / "state.db") as connection:
        begun = {row[0] for row in connection.execute("SELECT op_id FROM operation")}
    log = Cloud(directory / "cloud.json").log()
    assert {entry["operation"] for entry in log if entry["operation"]} <= begun


def nothing_is_made_anew(scenario: Scenario, directory: Path) -> None:
    """What moves and need not be replaced is the object that it was before."""
    log = Cloud(directory / "cloud.json").log()
    touched = {entry["address"] for entry in log if entry["verb"] in ("create", "delete")}
    assert "imports" not in scenario.options or touched == set()
    assert not scenario.moved or touched <= {
        "worker.making",
        "worker.made",
        "worker.first",
        "worker.early",
        "worker.changed",
    }


def nobody_stopped_at_work(directory: Path) -> None:
    """A job that had begun has come to its end."""
    log = Cloud(directory / "cloud.json").log()
    assert not [one for one in log if one["verb"] in ("delete", "stop", "restart") and one["drain"] and one["busy"]]


def let_go_not_deleted(scenario: Scenario, directory: Path) -> None:
    """What its document said should run on when it leaves, does, also where only its own label remembers that."""
    gone = [one for one in Cloud(directory / "cloud.json").log() if one["address"] == "worker.leaves"]
    assert {one["verb"] for one in gone} <= ({"delete"} if scenario.options.get("destroy") else {"release"})


def never_without(scenario: Scenario, directory: Path) -> None:
    """Invariant 12: what is replaced by create_before_destroy is there at each edge, and what is protected anyway."""
    running = {one["address"] for one in Cloud(directory / "cloud.json").objects() if one["state"] == "running"}
    assert {str(Address("worker", name)) for name in scenario.never_without} <= running


@pytest.fixture
def directory() -> Iterator[Path]:
    with quick_directory() as path:
        yield path


@pytest.mark.parametrize("name", SCENARIOS)
def test_invariant_1_invariant_2_invariant_12_killed_at_every_failpoint(name: str, directory: Path) -> None:
    scenario = SCENARIOS[name]
    template, work = directory / "template", directory / "work"
    template.mkdir()
    assert in_child(lambda: prepare(scenario, template)) == 0
    if scenario.options.get("destroy"):
        scenario = Scenario(scenario.before, scenario.before, scenario.meanwhile, options=scenario.options)
    count = 0
    for count in kill_points(
        template, work, partial(run, scenario, work), step=1 if name in WHOLE else STEP, most=MOST_HITS
    ):
        begun_before_done(work)
        nobody_stopped_at_work(work)
        never_without(scenario, work)
        assert in_child(lambda: run(scenario, work)) == 0, f"converge after death {count} failed"
        settled(scenario, work)
        nothing_is_made_anew(scenario, work)
        let_go_not_deleted(scenario, work)
        nobody_stopped_at_work(work)
    settled(scenario, work)
    _write_down(name, count)
    assert count > 10


@pytest.mark.parametrize("seed", range(60 if os.environ.get("HODEI_SOAK") else 2))
def test_invariant_1_invariant_2_invariant_12_random_fleets_killed_at_every_failpoint(
    seed: int, directory: Path
) -> None:
    scenario = _random_scenario(random.Random(seed))
    template, work = directory / "template", directory / "work"
    template.mkdir()
    assert in_child(lambda: prepare(scenario, template)) == 0
    count = 0
    for count in kill_points(template, work, partial(run, scenario, work), step=STEP, most=MOST_HITS):
        begun_before_done(work)
        assert in_child(lambda: run(scenario, work)) == 0, f"converge after death {count} failed"
        settled(scenario, work)
    _write_down(f"random {seed}", count)


def _random_scenario(chance: random.Random) -> Scenario:
    def workers() -> str:
        lines = []
        names = chance.sample("abcdefgh", chance.randint(2, 7))
        for index, name in enumerate(sorted(names)):
            fields: dict[str, Any] = {"name": name, "image": f"app:{chance.randint(1, 2)}"}
            if chance.random() < 0.3:
                fields["count"] = chance.randint(1, 3)
            if index and chance.random() < 0.5:
                fields["depends_on"] = [sorted(names)[chance.randrange(index)]]
            fields["provider"] = chance.choice(PROVIDERS)
            fields["state"] = chance.choice(["started", "started", "stopped", "paused"])
            fields["env"] = {"MODE": chance.choice(["slow", "fast"])}
            fields["lifecycle"] = {"replace": chance.choice(["create_before_destroy", "destroy_before_create"])}
            lines.append("- " + json.dumps(fields))
        return "\n".join(lines)

    before = workers()

    def meanwhile(fleet: Fleet) -> None:
        for one in fleet.cloud.objects():
            if chance.random() < 0.2:
                fleet.cloud.alter(one["address"], state=chance.choice(["failed", "stopped", "starting"]))
            elif chance.random() < 0.2:
                fleet.cloud.remove(one["address"])
        if chance.random() < 0.3:
            fleet.lose_state()

    return Scenario(before, workers(), meanwhile, options={"max_deletes": 100})


def _write_down(name: str, count: int) -> None:
    """Keep the counts, so that they can be quoted."""
    print(f"kill matrix, {name}: {count} kill points")
    OUTPUT.parent.mkdir(exist_ok=True)
    with open(OUTPUT, "a+") as output:
        fcntl.flock(output, fcntl.LOCK_EX)  # another process of the suite counts, too
        output.seek(0)
        known = json.loads(output.read() or "{}")
        output.truncate(0)
        output.write(json.dumps({**known, name: count}, indent=2, sort_keys=True) + "\n")

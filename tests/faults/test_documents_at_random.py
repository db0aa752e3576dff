# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random documents over the whole schema: what was converged is converged, and a changed field is that change and no other.

Each field of the schema has its turn, by name: none can be left out; and there are whole documents. The provider is a model
cloud that carries everything, some fields by an update and some by a new object.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, Column, OnChange, Support, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action, Cause
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import ENGINE_FIELDS, WORKER
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.tests.support.expected import differing, hold_to, wanted_changes
from ansible_collections.hodei.workers.tests.support.fleets import KEY, LINEAGE, OWNER, PROVIDER_SCHEMA, Fleet, actions
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.support.random_documents import Workers, mended, one_changed, workers
from ansible_collections.hodei.workers.tests.support.schema_values import field_paths, with_field

#: What means something only beside other workers, providers and stores, or is worked out before a document is read.
ELSEWHERE = ("name", "provider", "depends_on", "files[].template", "instances[].files[].template")
FIELDS = [
    path
    for path in field_paths(WORKER)
    if path not in ELSEWHERE and not path.removeprefix("instances[].").startswith("secrets")
]
#: Each field has so many turns: together more than 300.
TURNS = -(-320 // len(FIELDS))
#: So many whole documents, with one field changed in each.
SOAK = bool(os.environ.get("HODEI_SOAK"))
WHOLE = 3000 if SOAK else 150
PROVIDERS = ("cloud", "attic")
#: Who draws a value that means the same, or one that does not go with the rest, draws again, so often at the most.
DRAWS = 60
#: What the other fields may not say, so that the one that changes can show: each is a turn of its own.
APART = ("count", "depends_on", "provider", "degrade", "instances", "state")
#: What a document says of the engine's work and of no object: converged it must be, but it need not be a change.
UNSEEN = {"count", "depends_on", "provider", "degrade", "instances", "state", "env_visible", "lifecycle.ignore_changes"}

#: What a field needs beside itself to be worth anything.
COMPANIONS: dict[str, dict[str, Any]] = {
    "volumes[].source": {"type": "host", "name": "data", "path": "data"},
    "volumes[].relabel": {"type": "host", "name": "data", "path": "data", "source": "/srv/data"},
    "network.allow": {"isolation": "strict"},
    "reload": {"files": [{"path": "app.conf", "content": "x"}]},
    "lifecycle.drain.interval": {"busy": {"command": ["busy"]}},
    "lifecycle.drain.timeout": {"busy": {"command": ["busy"]}},
    "lifecycle.drain.on_timeout": {"busy": {"command": ["busy"]}},
}

QUICK = settings(
    max_examples=1, deadline=None, derandomize=not SOAK, suppress_health_check=list(HealthCheck), database=None
)


def column() -> Column:
    """A provider that carries everything: every third top-level field by an update, the others by a new object."""
    names = [name for name in WORKER["properties"] if name not in ENGINE_FIELDS]
    return {
        name: Carry(Support.NATIVE, OnChange.UPDATE if index % 3 == 0 else OnChange.REPLACE)
        for index, name in enumerate(names)
    } | {"labels": Carry(Support.NATIVE, OnChange.RECORD), "lifecycle.drain": Carry(Support.NATIVE, OnChange.UPDATE)}


COLUMN = column()


def read(*workers: dict[str, Any]) -> Document | None:
    """Parse a document; None when what was drawn does not go together."""
    raw = RawDocument(OWNER, LINEAGE, [Fragment(copy.deepcopy(list(workers)))], {"cloud": {"type": "model"}})
    try:
        return parse(raw, key=KEY, provider_schemas=PROVIDER_SCHEMA)
    except InvalidDocument:
        return None


def runnable(worker: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a drawn worker its name, something to run, and nothing that keeps a change from showing."""
    found = {
        "name": name,
        **{key: value for key, value in worker.items() if key not in ("name", "provider", "depends_on")},
    }
    if not {"image", "program", "command"} & found.keys() or not (
        found.get("command") or found.keys() & {"image", "program"}
    ):
        found["command"] = ["serve"]
    return found


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with quick_directory() as directory:
        yield directory


class World:
    """A fleet of its own for each example."""

    made = 0

    def __init__(self, place: Path, providers: tuple[str, ...] = ("cloud",)) -> None:
        World.made += 1
        directory = place / str(World.made)
        directory.mkdir()
        cloud = Cloud()
        self.fleet = Fleet(
            directory, cloud=cloud, providers=[ModelProvider(cloud, name, column=COLUMN) for name in providers]
        )

    def converge(self, document: Document) -> None:
        """Converge; doing it again plans nothing and does nothing."""
        report = self.fleet.converge(document, allow_empty=True, max_deletes=1000)
        assert not [one.error for one in report.results if one.error], "it converges"
        log = len(self.fleet.cloud.log())
        assert actions(self.fleet.preview(document)) == {}, "converged is converged"
        self.fleet.converge(document)
        assert len(self.fleet.cloud.log()) == log


def drawn(data: st.DataObject, path: str) -> dict[str, Any]:
    """Draw a worker that has a field."""
    worker = runnable(data.draw(with_field(WORKER, path)), "a")
    top = path.partition(".")[0].partition("[")[0]
    worker = {key: value for key, value in worker.items() if key not in APART or key == top}
    for field, beside in COMPANIONS.items():
        own = path.removeprefix("instances[].")
        if own.startswith(field):
            accompany(worker["instances"][0] if own != path else worker, field, beside)
    if top == "instances":
        worker["count"] = 2
    if top == "count":
        worker["count"] %= 4
    if top != "lifecycle":
        worker.pop("lifecycle", None)
    else:
        worker["lifecycle"] = {
            key: value for key, value in worker["lifecycle"].items() if key != "ignore_changes" or key in path
        }
    return worker


def accompany(worker: dict[str, Any], field: str, beside: dict[str, Any]) -> None:
    """Put something beside a field of a worker."""
    holder: Any = worker
    for step in field.split(".")[:-1]:
        holder = holder[step.removesuffix("[]")]
        holder = holder[0] if isinstance(holder, list) else holder
    holder |= beside


def put(worker: dict[str, Any], path: str, other: dict[str, Any]) -> dict[str, Any]:
    """Take one field from another worker, and all others from the first."""
    head, dot, rest = path.partition(".")
    name = head.removesuffix("[]")
    if head.endswith("[]"):
        inner: Any = [put(worker[name][0], rest, other[name][0])]
    else:
        inner = put(worker[name], rest, other[name]) if dot else other[name]
    return {**worker, name: inner}


def reached(worker: dict[str, Any], path: str) -> bool:
    """Whether a worker has the field in its long form."""
    value: Any = worker
    for step in path.split("."):
        name = step.removesuffix("[]")
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name][0] if step.endswith("[]") else value[name]
    return True


@pytest.mark.parametrize("path", FIELDS)
def test_one_field_is_that_change(place: Path, path: str) -> None:
    """Every field of the schema: drawn, converged, changed, converged."""
    turns = 0

    @settings(QUICK, max_examples=DRAWS)
    @given(data=st.data())
    def turn(data: st.DataObject) -> None:
        nonlocal turns
        first, second = drawn(data, path), drawn(data, path)
        if turns >= TURNS or not (reached(first, path) and reached(second, path)):
            return
        changed = put(first, path, second)
        bystander = {"name": "b", "command": ["stand"]}
        before, after = read(first, bystander), read(changed, bystander)
        unseen = path in UNSEEN or path.startswith("instances")
        if before is None or after is None or (before.instances == after.instances and not unseen):
            return
        turns += 1
        world = World(place)
        world.converge(before)
        if unseen:
            world.converge(after)
        else:
            changes(world, before, after, path)
        world.fleet.store.close()

    turn()
    assert turns, f"{path} was never drawn with two values that go with the rest"


def changes(world: World, before: Document, after: Document, path: str) -> None:
    """Hold the plan to the field that was changed."""
    report = world.fleet.preview(after)
    found = [one for one in report.plan.pending if not one.deposed]
    assert {str(one.address) for one in found} <= {"worker.a"}, "its neighbour is left alone"
    if report.plan.problems:
        assert "prevent_destroy" in path or before.instances[0].lifecycle.prevent_destroy
        return
    assert len(found) == 1, (before.instances[0].recorded, after.instances[0].recorded)
    (change,) = found
    assert change.cause is Cause.DOCUMENT
    old, new = before.instances[0], after.instances[0]
    top = path.partition("[")[0].replace("health.https", "health.http")
    for field in change.fields:
        assert field.path.startswith(top) or top.startswith(field.path), (path, field)
    if path.startswith("lifecycle."):
        assert change.action is Action.UPDATE
    else:
        assert {field.path for field in change.fields} == differing(old.recorded, new.recorded)
        replaced = cell(COLUMN, top).on_change is OnChange.REPLACE
        assert change.action is (Action.REPLACE if replaced else Action.UPDATE)
    names = sorted(field.path for field in change.fields)
    assert change.reason.startswith(", ".join(names[:3])), change.reason
    assert " changed" in change.reason
    world.converge(after)


def whole(found: Workers) -> RawDocument:
    """Write a document of several workers on two providers."""
    return RawDocument(OWNER, LINEAGE, [Fragment(found)], {name: {"type": "model"} for name in PROVIDERS})


def test_whole_documents(place: Path) -> None:
    """Several workers with whatever the schema allows, counts and instances: converged, and one field of one of them changed."""
    turns = 0

    @settings(QUICK, max_examples=WHOLE)
    @given(data=st.data())
    def turn(data: st.DataObject) -> None:
        nonlocal turns
        found, before = mended(data.draw(workers("abc", PROVIDERS)), whole, PROVIDER_SCHEMA)
        for changed in data.draw(one_changed(found, PROVIDERS)):
            kept, after = mended(changed, whole, PROVIDER_SCHEMA)
            wanted = wanted_changes(before, after, dict.fromkeys(PROVIDERS, COLUMN))
            if kept == changed and wanted:
                break
        else:
            reject()
        turns += 1
        world = World(place, PROVIDERS)
        world.converge(before)
        hold_to(world.fleet.preview(after, allow_empty=True, max_deletes=1000), wanted)
        if not any(one.protected for one in wanted.values()):
            world.converge(after)
        world.fleet.store.close()

    turn()
    assert turns >= WHOLE

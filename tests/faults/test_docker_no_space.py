# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Engine whose disk is full: one clear message for each worker, nothing doubled or half done, and what makes room still works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Report
from ansible_collections.hodei.workers.tests.support.cutting import Refusing, standing
from ansible_collections.hodei.workers.tests.support.docker_fleets import DockerFleet, clear, containers, records, there
from ansible_collections.hodei.workers.tests.support.fleets import OWNER, actions, errors
from ansible_collections.hodei.workers.tests.testbed.dockerd import OwnEngine
from ansible_collections.hodei.workers.tests.testbed.network import Network
from ansible_collections.hodei.workers.tests.testbed.plugin import PytestBed
from ansible_collections.hodei.workers.tests.testbed.registry import Registry

pytestmark = pytest.mark.xdist_group("docker")
SOAK = bool(os.environ.get("HODEI_SOAK"))
#: So much is left of the disk: nothing, too little for a container or for its file, enough for some of that.
LEFT = range(0, 280_000, 8_000) if SOAK else (0, 100_000)
CURE = "no space left on device. Make room on the Engine's disk: `docker system df`."
SIZE, BIGGER = 200_000, 900_000


@pytest.fixture(scope="module")
def bed() -> Iterator[tuple[OwnEngine, Registry]]:
    """An Engine with a small disk and a registry beside it, in a network of their own."""
    with closing(PytestBed()) as one:
        with Network().entered():
            engine = one.need("small_docker")
            beside = PytestBed({**os.environ, "HODEI_TEST_DOCKER": engine.url})
            registry = beside.need("registry")
        with closing(beside):
            yield engine, registry


@pytest.fixture
def engine(bed: tuple[OwnEngine, Registry]) -> Iterator[OwnEngine]:
    """The Engine with room and nothing of ours on it, before and after."""
    found = bed[0]
    found.fill()
    found.make_room()
    clear(found.api)
    yield found
    found.fill()
    found.make_room()
    clear(found.api)


def converge(place: Path, engine: OwnEngine, wanted: Any, **options: Any) -> Report:
    """Run once, as a process of its own does."""
    with closing(DockerFleet(place, engine.url)) as fleet:
        return fleet.converge(wanted, max_deletes=100, **options)


def all_is_well(place: Path, engine: OwnEngine, wanted: Any) -> None:
    """One run after there is room again makes it right, and each worker is there once."""
    engine.make_room()
    assert errors(converge(place, engine, wanted)) == []
    with closing(DockerFleet(place, engine.url)) as fleet:
        assert actions(fleet.preview(wanted)) == {}
    found = there(engine.api)
    assert sorted(name.rpartition(".")[0] for name in found) == sorted(
        f"{OWNER}.{one.address.slug}" for one in wanted.instances
    )
    assert {*records(engine.api)} <= {*found.values()}


def with_file(engine: OwnEngine, size: int, more: str = "") -> Any:
    """Return workers of which one has a file."""
    return containers(f"[{{name: a, files: [{{path: /etc/x/y, content: {'x' * size}}}]}}{more}]", engine.image)


@pytest.mark.parametrize("left", LEFT)
def test_creating(place: Path, engine: OwnEngine, left: int) -> None:
    """Whatever of a worker does not fit is what its error says."""
    wanted = with_file(engine, SIZE, ", {name: b}, {name: c}")
    engine.fill(left)
    said = errors(converge(place, engine, wanted))
    assert said
    assert all(one.endswith(CURE) for one in said), said
    all_is_well(place, engine, wanted)


@pytest.mark.parametrize("left", LEFT)
def test_changing_a_file(place: Path, engine: OwnEngine, left: int) -> None:
    """What was there stays whole."""
    assert errors(converge(place, engine, with_file(engine, SIZE))) == []
    engine.fill(left)
    said = errors(converge(place, engine, with_file(engine, BIGGER)))
    assert len(said) == 1
    assert said[0].endswith(CURE)
    (container,) = there(engine.api).values()
    assert engine.api.inspect_container(container)["State"]["Status"] == "running", "not frozen either"
    with closing(DockerFleet(place, engine.url)) as fleet:
        plan = fleet.preview(with_file(engine, SIZE))
        assert actions(plan) == {}, plan.plan.pending
    all_is_well(place, engine, with_file(engine, BIGGER))


def test_deleting_makes_room(place: Path, engine: OwnEngine) -> None:
    """So it needs none; also where the Engine's own records find no room, which they do in some places and not in others."""
    some, one = (containers(text, engine.image) for text in ("[{name: a}, {name: d}]", "[{name: d}]"))
    assert errors(converge(place, engine, some)) == []
    engine.fill()
    assert errors(converge(place, engine, some)) == [], "nothing to do needs none either"
    full = Refusing(engine.url, "POST /v1.41/volumes/create", 500, "write metadata.db: no space left on device", 1)
    with standing(full, local=True) as url, closing(DockerFleet(place, url)) as fleet:
        assert errors(fleet.converge(one)) == []
    assert full.calls
    assert [*there(engine.api)] == [f"{OWNER}.d.1"]
    all_is_well(place, engine, one)


def test_pulling(place: Path, bed: tuple[OwnEngine, Registry], engine: OwnEngine) -> None:
    """The image and its workers are named once; a worker that it was to replace goes on."""
    image = f"{bed[1].open}/app:1"
    bed[1].push("app:1", "one")
    before, after = (containers("[{name: a}, {name: b}]", name) for name in (engine.image, image))
    assert errors(converge(place, engine, before)) == []
    running = there(engine.api)
    engine.fill()
    with closing(DockerFleet(place, engine.url, pull="missing")) as fleet:
        said = errors(fleet.converge(after))
    assert len(said) == 2
    assert all(f"image {image} cannot be had: the Engine's disk is full" in one for one in said), said
    assert there(engine.api) == running
    engine.make_room()
    with closing(DockerFleet(place, engine.url, pull="missing")) as fleet:
        assert errors(fleet.converge(after)) == []
        assert actions(fleet.preview(after)) == {}
    assert len(there(engine.api)) == 2

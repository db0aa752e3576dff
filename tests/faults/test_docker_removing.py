# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that somebody removes while we make, start or delete it, and one whose removal has failed half way."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from ansible_collections.hodei.workers.tests.support.cutting import Refusing, standing
from ansible_collections.hodei.workers.tests.support.docker_fleets import DockerFleet, containers, records, there
from ansible_collections.hodei.workers.tests.support.fleets import OWNER, actions, errors
from ansible_collections.hodei.workers.tests.testbed.dockerd import OwnEngine

pytestmark = pytest.mark.xdist_group("docker")
COUNT, ROUNDS = (16, 20) if os.environ.get("HODEI_SOAK") else (4, 1)


@pytest.fixture
def engine(engine: Any) -> OwnEngine:
    """One that may be hurt."""
    if not isinstance(engine, OwnEngine):
        pytest.skip("this Engine belongs to somebody else")
    return engine


@pytest.fixture
def fleet(tmp_path: Path, engine: OwnEngine) -> Iterator[DockerFleet]:
    """A fleet without workers."""
    with closing(DockerFleet(tmp_path, engine.url)) as made:
        yield made


def all_is_well(fleet: DockerFleet, engine: OwnEngine, wanted: Any) -> None:
    """One run more, and each worker is there once."""
    assert errors(fleet.converge(wanted, max_deletes=100)) == []
    assert actions(fleet.preview(wanted)) == {}
    found = there(engine.api)
    assert sorted(name.rpartition(".")[0] for name in found) == sorted(
        f"{OWNER}.{one.address.slug}" for one in wanted.instances
    )
    assert {*records(engine.api)} <= {*found.values()}


def test_its_removal_is_in_progress(fleet: DockerFleet, engine: OwnEngine, tmp_path: Path) -> None:
    """Somebody else has begun it: we wait until it is gone."""
    some, one = (containers(text, engine.image) for text in ("[{name: a}, {name: b}]", "[{name: b}]"))
    assert errors(fleet.converge(some)) == []
    container = there(engine.api)[f"{OWNER}.a.1"]
    busy = Refusing(engine.url, "DELETE /", 409, f"removal of container {container} is already in progress", 2)
    with standing(busy, local=True) as url, closing(DockerFleet(tmp_path, url)) as theirs:
        assert errors(theirs.converge(one)) == []
    assert busy.calls > 2
    all_is_well(fleet, engine, one)


def test_a_removal_that_failed(fleet: DockerFleet, engine: OwnEngine) -> None:
    """What the Engine calls dead never runs again. It says why until it can be removed; then another takes its place."""
    some, one = (containers(text, engine.image) for text in ("[{name: a}, {name: b}]", "[{name: b}]"))
    assert errors(fleet.converge(some)) == []
    container = there(engine.api)[f"{OWNER}.a.1"]
    file = engine.data / "containers" / container / "hostname"
    if subprocess.run(["chattr", "+i", file], capture_output=True, check=False).returncode:
        pytest.skip("the file system of this Engine has no files that nobody may remove")
    try:
        with suppress(APIError):
            engine.api.remove_container(container, force=True)
        assert engine.api.inspect_container(container)["State"]["Status"] == "dead"
        for wanted in (some, one):
            (said,) = errors(fleet.converge(wanted))
            assert "unable to remove filesystem" in said
        assert actions(fleet.preview(some)) == {"worker.a": "replace"}
    finally:
        subprocess.run(["chattr", "-i", file], check=True)
    all_is_well(fleet, engine, some)
    assert container not in there(engine.api).values()


@pytest.mark.parametrize("verb", ["create", "start", "replace", "delete"])
def test_somebody_removes_what_we_work_on(fleet: DockerFleet, engine: OwnEngine, verb: str) -> None:
    """Whoever is first: the run ends, whatever is missing then is made by the next one, and a delete is done in any case."""
    some = containers(f"[{{name: web, count: {COUNT}}}]", engine.image)
    none = containers("[]", engine.image)
    for number in range(ROUNDS):
        if verb != "create":
            all_is_well(fleet, engine, some)
        if verb == "start":
            for container in there(engine.api).values():
                engine.api.stop(container, timeout=0)
        if verb == "replace":
            some = containers(f'[{{name: web, count: {COUNT}, env: {{N: "{number}"}}}}]', engine.image)
        over = threading.Event()

        def remove(over: threading.Event = over) -> None:
            gone: set[str] = set()
            while not over.is_set():
                for container in there(engine.api).values():
                    if container not in gone:
                        gone.add(container)
                        with suppress(APIError):
                            engine.api.remove_container(container, force=True)

        with ThreadPoolExecutor(1) as pool:
            somebody = pool.submit(remove)
            if verb == "delete":
                assert errors(fleet.converge(none, max_deletes=100, allow_empty=True)) == []
            else:
                fleet.converge(some, max_deletes=100)
            over.set()
            somebody.result()
    all_is_well(fleet, engine, some)

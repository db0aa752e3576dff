# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk below the workers: told in words, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig


@pytest.fixture
def disk(testbed: Any) -> Path:
    """A small disk of our own."""
    found: Path = testbed.need("tmpfs")
    return found


@pytest.fixture
def rig(disk: Path) -> Iterator[ProcessRig]:
    """Processes on it."""
    made = ProcessRig(disk)
    yield made
    made.close()


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    path = disk / "filling"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def test_a_full_disk(rig: ProcessRig, disk: Path) -> None:
    """What runs can be seen, paused, stopped and deleted; what is new is refused."""
    fleet = Fleet(rig)
    fleet.make("before", rig.shell("sleep 600"))
    filling = fill(disk)
    outcome = fleet.create("after", rig.shell("sleep 600"))
    assert outcome.error is not None
    assert outcome.error.kind in (Kind.RESOURCE_EXHAUSTED, Kind.CONFIGURATION)
    assert fleet.state("before") is WorkerState.RUNNING
    fleet.do(Verb.PAUSE, "before")
    fleet.do(Verb.STOP, "before")
    filling.unlink()
    fleet.do(Verb.START, "before")
    if fleet.see("after") is not None:
        fleet.do(Verb.DELETE, "after")
    assert fleet.make("after", rig.shell("sleep 600")).state is WorkerState.RUNNING


def test_a_full_disk_changes_no_file(rig: ProcessRig, disk: Path) -> None:
    """All that changes is written before the first of it counts, the worker's own files as well as what is kept of them."""
    fleet = Fleet(rig)

    def spec(*contents: str) -> dict[str, Any]:
        files = [{"path": f"f{number}", "content": content} for number, content in enumerate(contents)]
        return {**rig.shell("sleep 600"), "files": files, "reload": {"signal": "SIGCONT"}}

    fleet.make("full", spec("one", "one", "one"))
    home = rig.directory / "workers" / "full.1"
    filling = fill(disk)
    larger = fleet.request("full", spec("two", "2" * 50_000), digest="digest-2")
    (outcome,) = fleet.provider.update([larger])
    assert outcome.error is not None
    assert outcome.error.kind is Kind.RESOURCE_EXHAUSTED
    assert {path.name: path.read_text() for path in home.iterdir()} == {"f0": "one", "f1": "one", "f2": "one"}
    seen = fleet.see("full")
    assert seen is not None
    assert (seen.spec_digest, seen.drift, seen.stale) == ("digest-1", {}, False)
    assert not list((rig.directory / "records").glob(".*"))
    filling.unlink()
    (outcome,) = fleet.provider.update([larger])
    assert outcome.error is None
    assert {path.name for path in home.iterdir()} == {"f0", "f1"}


def test_a_full_disk_before_the_first_worker(disk: Path) -> None:
    """The supervisor's own code does not fit: said so, and nothing is left half done."""
    filling = fill(disk)
    rig = ProcessRig(disk)
    with pytest.raises(HodeiError) as caught:
        Fleet(rig).create("first", rig.shell("sleep 600"))
    assert caught.value.kind is Kind.RESOURCE_EXHAUSTED
    filling.unlink()
    Fleet(rig).make("first", rig.shell("sleep 600"))
    rig.close()

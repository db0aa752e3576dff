# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else cleans up: what `docker container prune` and `docker volume prune` take of ours is mended, and nothing is doubled.

We clean up, too: what is left of our own records, and nothing of anybody else's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.docker_fleets import DockerFleet, containers, records, there
from ansible_collections.hodei.workers.tests.support.fleets import OWNER, actions, errors

pytestmark = pytest.mark.xdist_group("docker")

ONE = "[{name: runs}, {name: rests}, {name: told, restart: {max_retries: 1}}, {name: moving}, {name: sleeps}]"
TWO = """
- {name: runs}
- {name: rests, state: stopped}
- {name: told, restart: {max_retries: 2}}
- {name: moved}
- {name: sleeps, state: paused}
"""


@pytest.fixture
def fleet(tmp_path: Path, engine: Any) -> Iterator[DockerFleet]:
    """A fleet that was converged, changed in each way that an Engine's labels cannot remember, and converged again."""
    made = DockerFleet(tmp_path, engine.url)
    assert errors(made.converge(containers(ONE, engine.image))) == []
    assert errors(made.converge(containers(TWO, engine.image, [{"from": "moving", "to": "moved"}]))) == []
    yield made
    made.close()


@pytest.mark.parametrize("amnesia", [False, True], ids=["", "state-lost"])
@pytest.mark.parametrize("pruned", [("volumes",), ("containers",), ("containers", "volumes")], ids=" and ".join)
def test_pruned(fleet: DockerFleet, engine: Any, pruned: tuple[str, ...], amnesia: bool) -> None:
    """One converge makes it right; what still looks as it should is the container that it was."""
    wanted = containers(TWO, engine.image)
    before = there(engine.api)
    if "containers" in pruned:
        engine.api.prune_containers()
    if "volumes" in pruned:
        engine.api.prune_volumes()
    if amnesia:
        fleet.lose_state()
    assert errors(fleet.converge(wanted)) == []
    assert actions(fleet.preview(wanted)) == {}
    after = there(engine.api)
    assert sorted(name.rpartition(".")[0] for name in after) == sorted(
        f"{OWNER}.{one.address.slug}" for one in wanted.instances
    )
    kept = {"runs", "sleeps"} if "volumes" in pruned else {"runs", "sleeps", "told", "moved"}
    for name in kept:
        assert after[f"{OWNER}.{name}.1"] == before[f"{OWNER}.{name}.1"]
    assert {*records(engine.api)} <= {*after.values()}


def test_we_clean_up_after_ourselves_only(fleet: DockerFleet, engine: Any) -> None:
    """A record without its container goes with the next converge; volumes of others stay, whatever they are called."""
    api, wanted = engine.api, containers(TWO, engine.image)
    gone, others = there(api)[f"{OWNER}.rests.1"], ["hodei-record-of-mine", "data-of-mine"]
    assert gone in records(api)
    try:
        api.create_volume(others[0], labels={"hodei.owner": "another", "hodei.record-of": gone, "hodei.revision": "1"})
        api.create_volume(others[1], labels={"hodei.owner": OWNER})
        api.remove_container(gone)
        assert actions(fleet.preview(wanted)) == {"worker.rests": "create"}
        assert gone in records(api), "a plan changes nothing"
        assert errors(fleet.converge(wanted)) == []
        assert gone not in records(api)
        assert {*others} <= {one["Name"] for one in api.volumes()["Volumes"]}
    finally:
        for name in others:
            api.remove_volume(name)

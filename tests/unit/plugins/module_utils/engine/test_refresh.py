# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refresh: state follows the world, and no worker is touched, but for the labels of a lineage that is adopted by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.refresh import Found, Refresh, refresh
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.support.fleets import (
    KEY_ID,
    OTHER_LINEAGE,
    Fleet,
    actions,
    document,
)
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory

WANTED = "[{name: a, count: 3}, {name: b}]"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with quick_directory() as directory:
        cloud = Cloud()
        fleet = Fleet(directory, cloud=cloud, providers=[ModelProvider(cloud), ModelProvider(cloud, "attic")])
        fleet.converge(WANTED)
        yield fleet
        fleet.store.close()


def refreshed(fleet: Fleet, wanted: str = WANTED, **fields: Any) -> Found:
    request = Refresh(document(wanted, providers=("cloud", "attic")), KEY_ID, "tester", **fields)
    log = len(fleet.cloud.log())
    found = refresh(request, fleet.ports, fleet.tools, fleet.state)
    assert verify(fleet.state) == []
    touched = {entry["verb"] for entry in fleet.cloud.log()[log:]}
    assert touched <= ({"update"} if fields.get("adopt_lineages") else set())
    return found


def names(addresses: list[Any]) -> list[str]:
    return [str(address) for address in addresses]


def test_nothing_has_changed(fleet: Fleet) -> None:
    serial = fleet.state.serial
    assert refreshed(fleet) == Found()
    assert fleet.state.serial == serial
    assert fleet.store.history(1)[0].kind == "refresh"


def test_what_is_gone_is_forgotten(fleet: Fleet) -> None:
    fleet.cloud.remove("b")
    assert names(refreshed(fleet).forgotten) == ["worker.b"]
    assert "b" not in {one.address.name for one in fleet.state.resources}
    assert actions(fleet.converge(WANTED)) == {"worker.b": "create"}


def test_what_state_does_not_know_is_adopted(fleet: Fleet) -> None:
    fleet.lose_state()
    assert len(refreshed(fleet).adopted) == 4
    assert actions(fleet.preview(WANTED)) == {}


def test_another_status_is_written_down(fleet: Fleet) -> None:
    fleet.cloud.alter("b", state="failed")
    assert names(refreshed(fleet).updated) == ["worker.b"]
    assert refreshed(fleet) == Found()


def test_what_could_not_be_seen_is_not_forgotten(fleet: Fleet) -> None:
    fleet.cloud.fail("list", "partial", times=2)
    found = refreshed(fleet)
    assert (found.forgotten, list(found.unseen)) == ([], ["cloud"])
    assert len(fleet.state.resources) == 4


def test_a_successor_that_state_does_not_know_takes_its_place(fleet: Fleet) -> None:
    cbd = "[{name: c, lifecycle: {replace: create_before_destroy}}]"
    fleet.converge(cbd, state="present")
    old = fleet.state
    changed = cbd.replace("name: c", "name: c, image: 'app:2'")
    fleet.cloud.fail("create", "lose_reply")
    fleet.converge(changed, state="present")
    assert len(fleet.state.resources) == len(old.resources)
    assert names(refreshed(fleet, changed).adopted) == ["worker.c"]
    known = {one.generation: one.deposed for one in fleet.state.resources if one.address.name == "c"}
    assert known == {1: True, 2: False}


def test_check_mode_tells_and_writes_nothing(fleet: Fleet) -> None:
    fleet.cloud.remove("b")
    before = (fleet.state, fleet.store.history(9))
    assert names(refreshed(fleet, check=True).forgotten) == ["worker.b"]
    assert (fleet.state, fleet.store.history(9)) == before


def test_targets_and_excludes(fleet: Fleet) -> None:
    for name in ("a[0]", "a[1]", "b"):
        fleet.cloud.remove(name)
    assert names(refreshed(fleet, targets=("a",), excludes=("a[1]",)).forgotten) == ["worker.a[0]"]


def test_a_foreign_lineage_is_reported_and_adopted_only_by_name(fleet: Fleet) -> None:
    for one in fleet.cloud.objects():
        fleet.cloud.alter(one["address"], lineage=OTHER_LINEAGE)
    fleet.lose_state()
    assert len(refreshed(fleet).foreign) == 4
    fleet.providers["cloud"].limits = fleet.providers["cloud"].limits.__class__(bulk=3, parallel=1)
    assert len(refreshed(fleet, adopt_lineages=(OTHER_LINEAGE,), check=True).adopted) == 4
    found = refreshed(fleet, adopt_lineages=(OTHER_LINEAGE,))
    assert (len(found.adopted), found.failed, found.foreign) == (4, [], [])
    assert fleet.providers["cloud"].largest_call <= 10
    assert set(actions(fleet.preview(WANTED)).values()) <= {"adopt"}
    assert len(fleet.addresses()) == 4


@pytest.mark.parametrize("kind", ["refuse", "break_call", "silent"])
def test_an_adoption_that_fails_is_told(fleet: Fleet, kind: str) -> None:
    fleet.cloud.alter("b", lineage=OTHER_LINEAGE)
    fleet.lose_state()
    fleet.cloud.fail("update", kind)
    found = refreshed(fleet, adopt_lineages=(OTHER_LINEAGE,))
    assert len(found.failed) == 1
    assert fleet.state.pending == ()


def test_a_lease_that_is_held_is_respected(fleet: Fleet) -> None:
    fleet.store.acquire("somebody else", 30.0, fleet.cloud.now)
    with pytest.raises(HodeiError, match="is being changed by somebody else"):
        refreshed(fleet, lease_timeout=0.0)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orphans: what nobody remembers goes when it is named, old enough, and nobody's lease lives; everything else stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.orphans import Collect, Collection, collect, look
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Lease
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, OTHER_LINEAGE, Fleet, document
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory

HOUR = 3600.0
WANTED = "[{name: mine}]"
PLANTED = "[{name: mine}, {name: old}, {name: young}, {name: safe}, {name: ageless}, {name: stranger}, {name: unknown}]"
THIRD = "33333333-3333-4333-8333-333333333333"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """One worker of ours, and six objects that were planted; state knows the first only."""
    with quick_directory() as directory:
        cloud = Cloud()
        fleet = Fleet(directory, cloud=cloud)
        fleet.converge(PLANTED)
        for name in ("old", "young", "safe", "ageless", "stranger"):
            cloud.alter(name, lineage=OTHER_LINEAGE, created_at=cloud.now - 2 * HOUR)
        cloud.alter("young", created_at=cloud.now - HOUR / 2)
        cloud.alter("safe", protected=True)
        cloud.alter("ageless", created_at=None)
        cloud.alter("stranger", owner="others")
        cloud.alter("unknown", created_at=cloud.now - 2 * HOUR)
        fleet.lose_state()
        fleet.converge(WANTED, prune=False)
        yield fleet
        fleet.store.close()


def request(fleet: Fleet, *lineages: str, **fields: Any) -> Collect:
    full: dict[str, Any] = {"older_than": HOUR, "max_deletes": 10, **fields}
    return Collect(document(WANTED), "tester", lineages, **full)


def kept(found: Collection) -> dict[str, str]:
    return {one.seen.address.name: one.kept for one in found.orphans}


def names(fleet: Fleet) -> list[str]:
    return sorted(one["address"].removeprefix("worker.") for one in fleet.cloud.objects())


def gone(fleet: Fleet, *lineages: str, **fields: Any) -> list[str]:
    """Collect, and return what is not there any more; a dry run said the same."""
    asked = request(fleet, *lineages, **fields)
    before = names(fleet)
    said = [one.seen.address.name for one in look(asked, fleet.ports, fleet.tools, fleet.state).going]
    assert names(fleet) == before, "looking deletes nothing"
    collect(asked, fleet.ports, fleet.tools)
    assert verify(fleet.state) == []
    assert not fleet.state.pending
    assert sorted(said) == sorted(set(before) - set(names(fleet)))
    return sorted(said)


def test_nothing_goes_that_is_not_named(fleet: Fleet) -> None:
    assert gone(fleet) == []
    assert gone(fleet, THIRD) == []
    found = look(request(fleet), fleet.ports, fleet.tools, fleet.state)
    assert kept(found).keys() == {"old", "young", "safe", "ageless", "unknown"}
    assert all("is not among `lineages`" in why for why in kept(found).values())


def test_what_is_old_and_named_goes(fleet: Fleet) -> None:
    found = look(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools, fleet.state)
    assert kept(found) == {
        "old": "",
        "young": "it is 30 min old, not yet 60 min",
        "safe": "it is protected by prevent_destroy",
        "ageless": "its age is unknown",
        "unknown": f"lineage {LINEAGE} is not among `lineages`",
    }
    assert gone(fleet, OTHER_LINEAGE) == ["old"]
    assert {"stranger", "mine"} <= set(names(fleet))
    assert fleet.store.history(1)[0].summary == {"deleted": 1, "failed": 0}


def test_our_own_that_nobody_knows(fleet: Fleet) -> None:
    """As a lost state leaves it; what the document or state names stays."""
    assert gone(fleet, LINEAGE) == ["unknown"]
    assert "mine" in names(fleet)


def test_a_living_lease_keeps_its_lineage(fleet: Fleet) -> None:
    now = fleet.cloud.now
    lease = Lease("somebody", 1, now - 10, now + 20, 30.0, OTHER_LINEAGE)
    assert gone(fleet, OTHER_LINEAGE, leases=(lease,)) == []
    found = look(request(fleet, OTHER_LINEAGE, leases=(lease,)), fleet.ports, fleet.tools, fleet.state)
    assert f"a run of lineage {OTHER_LINEAGE} holds its lease" in kept(found)["old"]
    fleet.cloud.now += 21
    assert gone(fleet, OTHER_LINEAGE, leases=(lease,)) == ["old"]


def test_our_lease_is_held_by_another(fleet: Fleet) -> None:
    fleet.store.acquire("somebody", 300.0, fleet.cloud.now)
    with pytest.raises(HodeiError, match="somebody"):
        collect(request(fleet, OTHER_LINEAGE, lease_timeout=0.0), fleet.ports, fleet.tools)
    assert "old" in names(fleet)


def test_more_than_is_allowed(fleet: Fleet) -> None:
    fleet.cloud.alter("young", created_at=fleet.cloud.now - 3 * HOUR)
    with pytest.raises(HodeiError, match="2 objects would be deleted, and max_deletes is 1"):
        collect(request(fleet, OTHER_LINEAGE, max_deletes=1), fleet.ports, fleet.tools)
    assert gone(fleet, OTHER_LINEAGE, max_deletes=2) == ["old", "young"]


def test_a_provider_that_cannot_be_seen_whole(fleet: Fleet) -> None:
    """Its world may be larger than it looks; nothing of it goes."""
    fleet.cloud.fail("list", "partial", "mine")
    found = collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools)
    assert found.orphans == ()
    assert list(found.unseen) == ["cloud"]
    fleet.cloud.fail("list", "unknown", "old")
    found = collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools)
    assert kept(found)["old"] == "its state is unknown: 403 from the cloud"


@pytest.mark.parametrize("fault", ["refuse", "throttle", "break_call", "bug", "lose_reply", "silent"])
def test_a_delete_that_fails_is_told_and_done_the_next_time(fleet: Fleet, fault: str) -> None:
    fleet.cloud.fail("delete", fault, "old", detail="hunter22")
    (one,) = collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools).going
    assert one.error is not None
    assert "hunter22" not in str(one.error)
    assert not fleet.state.pending
    collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools)
    assert "old" not in names(fleet)


def test_what_works_is_told_to_finish_and_kept(fleet: Fleet) -> None:
    """A runner of a lost fleet may be in the middle of a job; the next collection takes it when it is idle."""
    fleet.cloud.alter("old", drain={"busy": {"command": ["busy"]}}, busy=1)
    found = collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools)
    assert "it was told to finish its work" in kept(found)["old"]
    assert found.going == []
    fleet.cloud.alter("old", busy=0)
    assert gone(fleet, OTHER_LINEAGE) == ["old"]


def test_a_run_that_is_stopped_begins_nothing(fleet: Fleet) -> None:
    fleet.stop.request("asked to stop")
    found = collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools)
    assert kept(found)["old"] == "the run was interrupted before it"
    assert "old" in names(fleet)


def test_what_somebody_changed_meanwhile_stays(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adopted between the look and the delete, say: the version that was looked at is not there any more."""
    listing = ModelProvider.list

    def then_changed(self: ModelProvider) -> Any:
        seen = listing(self)
        self.cloud.alter("old", lineage=LINEAGE)
        return seen

    monkeypatch.setattr(ModelProvider, "list", then_changed)
    (one,) = collect(request(fleet, OTHER_LINEAGE), fleet.ports, fleet.tools).going
    assert one.error is not None
    assert "old" in names(fleet)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world as lists show it, and what providers may do to the looking."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.engine.survey import survey
from ansible_collections.hodei.workers.plugins.module_utils.engine.world import assemble
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, document
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import observed

(A,) = document("[{name: a}]").instances


def test_generations_of_an_address_are_in_order() -> None:
    world = assemble({"cloud": Listing((observed(A, 3), observed(A, 1)))}, LINEAGE)
    assert [one.generation for one in world.at(A.address)] == [1, 3]
    assert world.provider_of == {(A.address, 1): "cloud", (A.address, 3): "cloud"}


def test_an_object_on_two_pages_counts_once() -> None:
    world = assemble({"cloud": Listing((observed(A), observed(A)))}, LINEAGE)
    assert len(world.at(A.address)) == 1
    assert world.twins == {}


def test_two_objects_of_one_generation_are_told_apart() -> None:
    seen = observed(A), observed(A, external_id="other")
    assert "exists twice" in assemble({"cloud": Listing(seen)}, LINEAGE).twins[A.address]


def test_what_is_absent_is_not_there_and_another_lineage_is_foreign() -> None:
    listing = Listing((observed(A, state="absent"), observed(A, 2, lineage="other")))
    world = assemble({"cloud": listing}, LINEAGE)
    assert world.at(A.address) == ()
    assert [(name, one.generation) for name, one in world.foreign] == [("cloud", 2)]


def test_an_incomplete_list_says_why() -> None:
    problem = HodeiError(Kind.TIMEOUT, "no answer")
    listings = {"a": Listing((), complete=False, problem=problem), "b": Listing((), complete=False), "c": Listing(())}
    world = assemble(listings, LINEAGE)
    assert world.unseen == {"a": "no answer", "b": "its answer was incomplete"}
    assert world.seen == {"c"}


def test_a_provider_that_breaks_its_port_hides_only_its_own_workers() -> None:
    class Broken(ModelProvider):
        def list(self) -> Listing:
            raise KeyError("c4nary")

    cloud = Cloud()
    found = survey({"good": ModelProvider(cloud, "good"), "bad": Broken(cloud, "bad")}, LINEAGE)
    assert found.world.seen == {"good"}
    assert set(found.fingerprints) == {"good", "bad"}
    assert found.world.unseen["bad"].startswith("provider 'bad' failed with KeyError in list")
    assert "c4nary" not in str(found.world.unseen)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls run at once and what goes into one; pure queueing (invariant 17)."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.engine.admission import Admission, Batch
from ansible_collections.hodei.workers.plugins.module_utils.engine.graph import Graph
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action, Cause, Change
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Limits


def queue(admission: Admission, count: int, action: Action = Action.CREATE, provider: str = "cloud") -> None:
    name = f"{action.value}-{provider}".replace("_", "-")
    changes = [Change(Address("worker", name, key), action, Cause.DOCUMENT, "", provider) for key in range(count)]
    admission.add(Graph(changes).ready())


def shape(batches: list[Batch]) -> list[tuple[str, str, int]]:
    return [(batch.provider, batch.verb, len(batch.steps)) for batch in batches]


def test_calls_are_as_large_as_allowed_and_no_more_than_allowed() -> None:
    admission = Admission({"cloud": Limits(bulk=4, parallel=2)}, parallel=64)
    queue(admission, 10)
    first = admission.admit()
    assert shape(first) == [("cloud", "create", 4), ("cloud", "create", 4)]
    assert admission.admit() == []
    admission.release(first[0])
    assert shape(admission.admit()) == [("cloud", "create", 2)]


def test_verbs_share_their_providers_limit() -> None:
    admission = Admission({"cloud": Limits(bulk=9, parallel=1)}, parallel=64)
    queue(admission, 2, Action.DELETE)
    queue(admission, 2)
    (batch,) = admission.admit()
    admission.release(batch)
    assert shape([batch, *admission.admit()]) == [("cloud", "delete", 2), ("cloud", "create", 2)]


def test_providers_share_the_limit_over_all() -> None:
    admission = Admission({}, parallel=3)
    queue(admission, 5, provider="one")
    queue(admission, 5, provider="two")
    assert len(admission.admit()) == 3


def test_bookkeeping_needs_no_room() -> None:
    admission = Admission({"cloud": Limits(parallel=1)}, parallel=1)
    queue(admission, 2)
    assert len(admission.admit()) == 1
    queue(admission, 500, Action.FORGET)
    (batch,) = admission.admit()
    assert (batch.verb, len(batch.steps)) == ("forget", 500)
    admission.release(batch)
    assert admission.admit() == []


def test_limits_of_nothing_still_let_one_call_through() -> None:
    admission = Admission({"cloud": Limits(bulk=0, parallel=0)}, parallel=0)
    queue(admission, 2)
    assert shape(admission.admit()) == [("cloud", "create", 1)]

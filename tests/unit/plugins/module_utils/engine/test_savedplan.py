# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved plans: applied exactly as reviewed, or refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.savedplan import SavedPlan, seal, unseal
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.tests.support.fleets import (
    LINEAGE,
    NOW,
    OTHER_LINEAGE,
    OWNER,
    Fleet,
    statuses,
)
from ansible_collections.hodei.workers.tests.support.places import quick_directory

SECRET = b"s" * 32
BEFORE = "[{name: a}, {name: b, depends_on: [a]}, {name: late, lifecycle: {ttl: 60s}}]"
AFTER = "[{name: a, image: 'app:2', env: {X: '1'}}, {name: b, depends_on: [a]}, {name: late, lifecycle: {ttl: 60s}}]"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with quick_directory() as directory:
        fleet = Fleet(directory)
        fleet.converge(BEFORE)
        yield fleet
        fleet.store.close()


def sealed(fleet: Fleet, wanted: str = AFTER, **options: Any) -> str:
    request = fleet.request(wanted, **options)
    plan = fleet.preview(wanted, **options).plan
    return seal(plan, request.options, secret=SECRET, plan_id="p-1", now=NOW, ttl=3600.0)


def opened(text: str, **fields: Any) -> SavedPlan:
    return unseal(text, **{"secret": SECRET, "owner": OWNER, "lineage": LINEAGE, "now": NOW + 60, **fields})


def refused(call: Callable[[], object]) -> HodeiError:
    with pytest.raises(HodeiError) as caught:
        call()
    assert caught.value.hint
    return caught.value


def test_a_saved_plan_is_applied_exactly(fleet: Fleet) -> None:
    saved = opened(sealed(fleet, targets=["a"], max_deletes=3))
    assert (saved.id, saved.expires_at) == ("p-1", NOW + 3600.0)
    assert saved.options == Options(prune=True, targets=("a",), max_deletes=3)
    report = fleet.converge(AFTER, saved=saved)
    assert statuses(report) == {"worker.a": "done"}


def test_time_that_passes_makes_no_plan_stale(fleet: Fleet) -> None:
    fleet.cloud.now += 120
    saved = opened(sealed(fleet))
    fleet.cloud.now += 60
    assert not fleet.converge(AFTER, saved=saved).failed


def test_a_restart_meanwhile_makes_no_plan_stale(fleet: Fleet) -> None:
    saved = opened(sealed(fleet))
    fleet.cloud.alter("a", started_at=NOW + 30)
    assert not fleet.converge(AFTER, saved=saved).failed


def test_it_holds_no_spec_and_no_secret(fleet: Fleet) -> None:
    text = sealed(fleet, "[{name: a, env: {TOKEN: c4nary}}]", max_deletes=5)
    assert "TOKEN" in text
    assert "c4nary" not in text


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"plan": 1}', '{"plan": {}, "signature": ""}', "null"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    assert refused(lambda: opened(text)).message == "this is not a saved plan"


def _path(body: dict[str, Any]) -> None:
    body["plan"]["changes"][0]["address"] = "worker.b"


def _option(body: dict[str, Any]) -> None:
    body["options"]["max_deletes"] = 100


def _expiry(body: dict[str, Any]) -> None:
    body["expires_at"] += 10**9


def _signature(body: dict[str, Any]) -> None:
    body["signature"] = None


@pytest.mark.parametrize("edit", [_path, _option, _expiry, _signature])
def test_an_edited_plan_is_refused(fleet: Fleet, edit: Callable[[dict[str, Any]], None]) -> None:
    body = json.loads(sealed(fleet))
    edit(body)
    error = refused(lambda: opened(json.dumps(body)))
    assert (error.kind, "edited" in error.message) == (Kind.VALIDATION, True)


def test_a_plan_that_was_only_laid_out_anew_is_not_edited(fleet: Fleet) -> None:
    assert opened(json.dumps(json.loads(sealed(fleet)))).id == "p-1"


def test_a_plan_of_another_key_is_refused(fleet: Fleet) -> None:
    assert "another key" in refused(lambda: opened(sealed(fleet), secret=b"t" * 32)).message


def test_a_plan_of_another_fleet_is_refused(fleet: Fleet) -> None:
    text = sealed(fleet)
    for error in refused(lambda: opened(text, owner="others")), refused(lambda: opened(text, lineage=OTHER_LINEAGE)):
        assert (error.kind, OWNER in error.message) == (Kind.CONFLICT, True)


def test_an_expired_plan_is_refused(fleet: Fleet) -> None:
    error = refused(lambda: opened(sealed(fleet), now=NOW + 3661))
    assert (error.kind, "expired 61 s ago" in error.message) == (Kind.CONFLICT, True)


def test_a_plan_of_another_format_is_refused(fleet: Fleet) -> None:
    body = {**json.loads(sealed(fleet)), "format": 99}
    assert refused(lambda: opened(json.dumps(body))).kind is Kind.COMPATIBILITY


def _document(fleet: Fleet) -> str:
    return AFTER.replace("app:2", "app:3")


def _serial(fleet: Fleet) -> str:
    fleet.converge("[{name: new}]", state="present")
    return AFTER


def _world(fleet: Fleet) -> str:
    fleet.cloud.alter("b", state="failed", exit_code=1)
    return AFTER


def _etag(fleet: Fleet) -> str:
    fleet.cloud.alter("a", operation="somebody else's")
    return AFTER


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (_document, "the document has changed since"),
        (_serial, "the fleet has changed since"),
        (_world, "the world has changed since, at worker.b"),
        (_etag, "the world has changed since, at worker.a"),
    ],
)
def test_invariant_10_a_stale_plan_is_refused_before_any_change(
    fleet: Fleet, meanwhile: Callable[[Fleet], str], why: str
) -> None:
    saved = opened(sealed(fleet))
    wanted = meanwhile(fleet)
    log = fleet.cloud.log()
    error = refused(lambda: fleet.converge(wanted, saved=saved))
    assert (error.kind, why in error.message) == (Kind.CONFLICT, True)
    assert fleet.cloud.log() == log


def test_a_plan_is_applied_once(fleet: Fleet) -> None:
    saved = opened(sealed(fleet))
    fleet.converge(AFTER, saved=saved)
    assert "the fleet has changed" in refused(lambda: fleet.converge(AFTER, saved=saved)).message

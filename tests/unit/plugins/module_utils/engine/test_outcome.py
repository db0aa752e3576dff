# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an outcome leaves in state, and how a provider is held to its promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.graph import Graph, Step
from ansible_collections.hodei.workers.plugins.module_utils.engine.outcome import Before, checked, end_of
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action, Cause, Change
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Observation, Outcome
from ansible_collections.hodei.workers.plugins.module_utils.model.records import OperationEnd
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.tests.support.fleets import document
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import observed, recorded

(OLD,) = document("[{name: a, env: {X: '1'}}]").instances
(NEW,) = document("[{name: a, env: {X: '2'}, lifecycle: {ttl: 1h}}]").instances
TIMEOUT = HodeiError(Kind.TIMEOUT, "no reply")


def steps(action: Action, **fields: Any) -> tuple[Step, ...]:
    change = Change(NEW.address, action, Cause.DOCUMENT, "", "cloud", **{"digest": NEW.digest, **fields})
    return Graph([change]).steps


def end(step: Step, seen: Observation | None = None, error: HodeiError | None = None, *known: Any) -> OperationEnd:
    outcome = Outcome(NEW.address, step.generation, seen, error)
    return end_of(step, "op", outcome, Before(NEW, known), now=9.0)


def left(ended: OperationEnd) -> dict[int, str]:
    """What is put, by generation: current, deposed or tainted; and what is dropped."""
    words = {one.generation: " ".join(_words(one)) or "current" for one in ended.put}
    return words | {generation: "dropped" for _unused, generation in ended.drop}


def _words(one: Any) -> list[str]:
    return [word for word in ("deposed", "tainted") if getattr(one, word)]


def test_a_created_object_is_remembered() -> None:
    (step,) = steps(Action.CREATE)
    ended = end(step, observed(NEW, external_id="i-7"))
    (put,) = ended.put
    assert (put.external_id, put.spec, put.digest, put.created_at) == ("i-7", NEW.recorded, NEW.digest, 9.0)
    assert ended.error is None


def test_a_created_object_that_never_became_ready_is_tainted() -> None:
    (step,) = steps(Action.CREATE)
    ended = end(step, observed(NEW, state="failed"), TIMEOUT)
    assert left(ended) == {1: "tainted"}
    assert ended.error is not None
    assert ended.error["message"] == "no reply"


def test_an_object_that_nobody_saw_is_not_remembered() -> None:
    (step,) = steps(Action.CREATE)
    assert left(end(step, None, TIMEOUT)) == {}


def test_what_was_gone_is_dropped_with_its_successor() -> None:
    (step,) = steps(Action.CREATE, generation=2, old_generation=1)
    assert left(end(step, observed(NEW, 2), None, recorded(OLD))) == {2: "current", 1: "dropped"}
    assert left(end(step, None, TIMEOUT, recorded(OLD))) == {}


@pytest.mark.parametrize("known", [True, False])
def test_a_successor_takes_its_place_only_when_it_is_ready(known: bool) -> None:
    create, delete = steps(Action.REPLACE, generation=2, old_generation=1, create_before_destroy=True)
    old = [recorded(OLD)] if known else []
    assert left(end(create, observed(NEW, 2), None, *old)) == {2: "current"} | ({1: "deposed"} if known else {})
    assert left(end(create, observed(NEW, 2, state="failed"), TIMEOUT, *old)) == {2: "deposed tainted"}
    assert left(end(delete)) == {1: "dropped"}


def test_an_adopted_successor_deposes_what_state_took_for_current() -> None:
    (step,) = steps(Action.ADOPT, generation=2)
    assert left(end(step, observed(NEW, 2), None, recorded(OLD))) == {2: "current", 1: "deposed"}


def test_an_update_brings_the_record_up_to_date_when_it_succeeds() -> None:
    (step,) = steps(Action.UPDATE)
    (put,) = end(step, observed(NEW), None, recorded(OLD)).put
    assert (put.digest, put.spec, put.lifecycle) == (NEW.digest, NEW.recorded, NEW.lifecycle)
    assert left(end(step, None, TIMEOUT, recorded(OLD))) == {}


def test_a_start_leaves_the_spec_alone_and_takes_note_of_the_rest() -> None:
    (step,) = steps(Action.START)
    before = replace(recorded(OLD), intent=Intent.STOPPED, source="elsewhere")
    (put,) = end(step, observed(OLD), None, before).put
    assert (put.digest, put.intent, put.source, put.status) == (
        OLD.digest,
        Intent.STARTED,
        "workers",
        WorkerState.RUNNING,
    )


def test_the_intent_is_reached_with_the_last_step_only() -> None:
    update, stop = steps(Action.UPDATE, then=Action.STOP, intent=Intent.STOPPED)
    assert end(update, observed(NEW), None, recorded(OLD)).put[0].intent is Intent.STARTED
    assert end(stop, observed(NEW, state="stopped"), None, recorded(NEW)).put[0].intent is Intent.STOPPED


def test_what_is_gone_already_counts_as_deleted_and_nothing_else_does() -> None:
    gone = HodeiError(Kind.NOT_FOUND, "there is no such thing")
    (delete,), (start,) = steps(Action.DELETE), steps(Action.START)
    assert left(end(delete, None, gone)) == {1: "dropped"}
    assert checked(start, Outcome(NEW.address, 1, error=gone)) is gone
    assert left(end(delete, None, TIMEOUT)) == {}


def test_a_conflict_says_what_to_do() -> None:
    (delete,) = steps(Action.DELETE)
    error = checked(delete, Outcome(NEW.address, 1, error=HodeiError(Kind.CONFLICT, "somebody changed it")))
    assert str(error) == "worker.a: somebody changed it. The plan is stale for it: converge again."


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (None, "returned nothing for it"),
        (observed(NEW, 5), "returned worker.a generation 5 instead"),
        (observed(OLD), "returned an object of another spec"),
    ],
)
def test_a_provider_is_held_to_its_promises(seen: Observation | None, told: str) -> None:
    (step,) = steps(Action.CREATE)
    error = checked(step, Outcome(NEW.address, 1, seen))
    assert error is not None
    assert error.message == f"provider 'cloud' {told}"

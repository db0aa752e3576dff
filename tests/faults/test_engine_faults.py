# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of the engine, one by one: what providers, people and the lease do to a converge, and what must hold all the same."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.engine import apply, converge
from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Report
from ansible_collections.hodei.workers.plugins.module_utils.engine.options import Options
from ansible_collections.hodei.workers.plugins.module_utils.engine.planjson import plan_to_dict
from ansible_collections.hodei.workers.plugins.module_utils.engine.plantext import plan_text, results_text
from ansible_collections.hodei.workers.plugins.module_utils.engine.savedplan import seal
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Change
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Limits
from ansible_collections.hodei.workers.tests.support.fleets import (
    OTHER_LINEAGE,
    Fleet,
    actions,
    document,
    statuses,
)
from ansible_collections.hodei.workers.tests.support.model_cloud import ITEM_FAULTS, Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.support.places import quick_directory

BEFORE = """
- {name: api, depends_on: [db], lifecycle: {replace: create_before_destroy}}
- {name: db, env: {MODE: slow}}
- {name: cache, state: paused}
- {name: web, count: 3}
- {name: sick}
- {name: old, depends_on: [older]}
- {name: older}
"""
AFTER = """
- {name: api, image: "app:2", depends_on: [db], lifecycle: {replace: create_before_destroy}}
- {name: db, env: {MODE: fast}}
- {name: cache}
- {name: web, count: 3, image: "app:2"}
- {name: sick}
- {name: new, depends_on: [api]}
"""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with quick_directory() as directory:
        fleet = Fleet(directory)
        yield fleet
        fleet.store.close()


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoints.install(lambda name: None)


def at(name: str, do: Callable[[], object], number: int = 1) -> None:
    """Do something in the middle: when a failpoint is passed for the ``number``-th time."""
    passed = Counter[str]()

    def hook(passing: str) -> None:
        passed[passing] += 1
        if passing == name and passed[passing] == number:
            do()

    failpoints.install(hook)


def is_settled(fleet: Fleet, wanted: str) -> None:
    """Check that the world is what the document says, object for object, and that there is nothing more to do."""
    by_address = {str(one.address): one for one in document(wanted).instances}
    objects = fleet.cloud.objects()
    assert Counter(one["address"] for one in objects) == Counter(list(by_address))
    assert {one["address"]: one["digest"] for one in objects} == {a: one.digest for a, one in by_address.items()}
    assert actions(fleet.preview(wanted)) == {}
    assert fleet.state.pending == ()


# ---- providers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reorder", [False, True], ids=["in order", "reordered"])
@pytest.mark.parametrize("kind", ITEM_FAULTS)
@pytest.mark.parametrize("verb", ["create", "update", "delete", "start", "resume", "*"])
def test_invariant_7_invariant_8_whatever_happens_to_one_call_the_next_converge_settles_it(
    fleet: Fleet, verb: str, kind: str, reorder: bool
) -> None:
    fleet.converge(BEFORE)
    fleet.cloud.alter("sick", state="failed", exit_code=1)
    fleet.providers["cloud"].reorder = reorder
    fleet.cloud.fail(verb, kind)
    first = fleet.converge(AFTER)
    second = fleet.converge(AFTER)
    assert not second.failed, statuses(second)
    is_settled(fleet, AFTER)
    if kind == "twice":
        assert not first.failed, "what comes twice counts once, the first time"


@pytest.mark.parametrize("kind", ITEM_FAULTS)
@pytest.mark.parametrize("pattern", ["api", "db", "web[1]", "new", "old", "older"])
def test_invariant_7_invariant_8_whatever_happens_to_one_worker_every_time(
    fleet: Fleet, kind: str, pattern: str
) -> None:
    fleet.converge(BEFORE)
    fleet.cloud.fail("*", kind, pattern, times=1000)
    for _unused in range(3):
        fleet.converge(AFTER)
    assert max(Counter(one["address"] for one in fleet.cloud.objects()).values()) <= 2
    fleet.cloud.faults.clear()
    fleet.converge(AFTER)
    fleet.converge(AFTER)
    is_settled(fleet, AFTER)


def test_invariant_7_a_lost_reply_makes_no_second_object(fleet: Fleet) -> None:
    fleet.cloud.fail("create", "lose_reply", times=3)
    first = fleet.converge("[{name: a, count: 3}]")
    assert first.failed
    assert first.changed
    second = fleet.converge("[{name: a, count: 3}]")
    assert actions(second) == {f"worker.a[{index}]": "adopt" for index in range(3)}
    assert not second.changed
    assert Counter(entry["verb"] for entry in fleet.cloud.log()) == {"create": 3}


def test_a_failure_that_may_pass_is_told_as_such(fleet: Fleet) -> None:
    fleet.cloud.fail("create", "throttle")
    report = fleet.converge("[{name: a}]")
    (result,) = report.results
    assert result.error is not None
    assert (result.status, result.error.kind, result.error.retryable) == ("failed", Kind.RESOURCE_EXHAUSTED, True)


def test_what_is_gone_already_counts_as_deleted(fleet: Fleet) -> None:
    fleet.converge("[{name: a}, {name: b}]")
    at("begin.after", lambda: fleet.cloud.remove("a"))
    report = fleet.converge("[{name: b}]")
    assert statuses(report) == {"worker.a": "done"}
    is_settled(fleet, "[{name: b}]")


def test_invariant_9_a_failure_blocks_its_descendants_only(fleet: Fleet) -> None:
    wanted = (
        "[{name: a}, {name: b, depends_on: [a]}, {name: c, depends_on: [b]}, {name: d}, {name: e, depends_on: [d]}]"
    )
    fleet.cloud.fail("create", "refuse", "a")
    report = fleet.converge(wanted)
    assert statuses(report) == {
        "worker.a": "failed",
        "worker.b": "skipped",
        "worker.c": "skipped",
        "worker.d": "done",
        "worker.e": "done",
    }
    reasons = {str(one.change.address): one.reason for one in report.results}
    assert reasons["worker.a"] == "the cloud does not want to"
    assert reasons["worker.b"] == reasons["worker.c"] == "worker.a failed first"
    assert not fleet.converge(wanted).failed


def test_invariant_9_deletions_reverse_the_order_that_state_remembers(fleet: Fleet) -> None:
    fleet.converge("[{name: a}, {name: b, depends_on: [a]}, {name: c, depends_on: [b]}, {name: d}]")
    fleet.cloud.fail("delete", "refuse", "b")
    report = fleet.converge("[{name: d}]")
    assert statuses(report) == {"worker.a": "skipped", "worker.b": "failed", "worker.c": "done"}
    assert not fleet.converge("[{name: d}]").failed
    deleted = [entry["address"] for entry in fleet.cloud.log() if entry["verb"] == "delete"]
    assert deleted == ["worker.c", "worker.b", "worker.a"]


def test_invariant_12_the_old_one_stays_when_the_new_one_is_not_ready(fleet: Fleet) -> None:
    wanted = "[{name: a, lifecycle: {replace: create_before_destroy}}]"
    fleet.converge(wanted)
    changed = wanted.replace("name: a", 'name: a, image: "app:2"')
    for _unused in range(3):
        fleet.cloud.fail("create", "unready")
        assert statuses(fleet.converge(changed))["worker.a"].startswith("failed")
        old, new = fleet.cloud.objects()
        assert (old["generation"], old["state"], new["state"]) == (1, "running", "failed")
    report = fleet.converge(changed)
    assert not report.failed
    is_settled(fleet, changed)


def test_invariant_12_a_new_one_that_state_does_not_know_of_takes_no_place(fleet: Fleet) -> None:
    wanted = "[{name: a, lifecycle: {replace: create_before_destroy}}]"
    fleet.converge(wanted)
    fleet.lose_state()
    fleet.cloud.fail("create", "unready")
    changed = wanted.replace("name: a", 'name: a, image: "app:2"')
    assert fleet.converge(changed).failed
    assert fleet.cloud.get("a", 1)["state"] == "running"
    fleet.cloud.fail("create", "unready")
    assert fleet.converge(changed).failed
    assert fleet.cloud.get("a", 1)["state"] == "running"
    assert not fleet.converge(changed).failed
    is_settled(fleet, changed)


def test_invariant_17_calls_stay_within_the_limits() -> None:
    with quick_directory() as directory:
        cloud = Cloud()
        one = ModelProvider(cloud, "one", limits=Limits(bulk=3, parallel=2), delay=0.002)
        two = ModelProvider(cloud, "two", limits=Limits(bulk=1, parallel=5), delay=0.002)
        fleet = Fleet(directory, cloud=cloud, providers=[one, two])
        wanted = [{"name": "a", "count": 30, "provider": "one"}, {"name": "b", "count": 30, "provider": "two"}]
        assert not fleet.converge(wanted, parallel=4).failed
        assert (one.largest_call, two.largest_call) == (3, 1)
        assert cloud.gauges["one"].peak <= 2
        assert cloud.gauges["*"].peak <= 4
        cloud.gauges.clear()
        assert not fleet.destroy(wanted, parallel=64).failed
        assert cloud.gauges["one"].peak <= 2
        assert 3 <= cloud.gauges["two"].peak <= 5
        assert cloud.gauges["one"].total == 10


# ---- what is seen -------------------------------------------------------------------------------------------------


def test_invariant_11_invariant_15_a_list_that_fails_stops_what_it_hides_and_nothing_else() -> None:
    with quick_directory() as directory:
        cloud = Cloud()
        fleet = Fleet(directory, cloud=cloud, providers=[ModelProvider(cloud, "one"), ModelProvider(cloud, "two")])
        fleet.converge([{"name": "a", "provider": "one"}, {"name": "b", "provider": "two"}])
        cloud.fail("list:one", "broken_list")
        report = fleet.converge([{"name": "c", "provider": "one"}, {"name": "d", "provider": "two"}])
        assert report.failed
        assert set(report.plan.blocked) == {"worker.a", "worker.c"}
        assert fleet.addresses() == ["worker.a", "worker.d"]


@pytest.mark.parametrize("kind", ["partial", "unknown", "stale"])
def test_invariant_11_invariant_15_an_unknown_object_is_not_absent(fleet: Fleet, kind: str) -> None:
    fleet.converge("[{name: a}, {name: b}]")
    before = fleet.cloud.objects()
    fleet.cloud.fail("list", kind, times=2)
    fleet.converge("[{name: a}, {name: b}]")
    assert [one["external_id"] for one in fleet.cloud.objects()] == [one["external_id"] for one in before]


def test_invariant_11_a_provider_that_does_not_answer_at_all(fleet: Fleet) -> None:
    fleet.converge("[{name: a}]")
    fleet.cloud.fail("fingerprint", "refuse")
    report = fleet.converge("[{name: b}]")
    assert (report.failed, report.changed, actions(report)) == (True, False, {})
    assert fleet.addresses() == ["worker.a"]


def test_invariant_11_foreign_objects_are_never_touched(fleet: Fleet) -> None:
    fleet.converge("[{name: a}, {name: b}]")
    fleet.cloud.alter("a", lineage=OTHER_LINEAGE)
    fleet.lose_state()
    before = fleet.cloud.get("a")
    report = fleet.converge("[{name: a}, {name: b}]")
    assert set(report.plan.blocked) == {"worker.a"}
    assert len(report.plan.foreign) == 1
    fleet.destroy("[{name: a}, {name: b}]")
    assert fleet.cloud.objects() == [before]


@pytest.mark.parametrize("wanted", ["[]", "[{name: e}]"])
def test_invariant_11_a_mass_deletion_is_refused_before_any_change(fleet: Fleet, wanted: str) -> None:
    fleet.converge("[{name: a}, {name: b}, {name: c}, {name: d}]")
    with pytest.raises(InvalidDocument):
        fleet.converge(wanted)
    assert len(fleet.cloud.objects()) == 4
    assert fleet.store.lease() is None


def test_invariant_11_protection_outlives_document_and_state(fleet: Fleet) -> None:
    fleet.converge("[{name: a, lifecycle: {prevent_destroy: true}}, {name: b}]")
    for forget in (lambda: None, fleet.lose_state):
        forget()
        with pytest.raises(InvalidDocument, match="prevent_destroy"):
            fleet.converge("[{name: b}]")
    assert fleet.addresses() == ["worker.a", "worker.b"]
    fleet.converge("[{name: a}, {name: b}]")
    fleet.converge("[{name: b}]")
    assert fleet.addresses() == ["worker.b"]


def test_lost_state_is_rebuilt_from_the_world_without_touching_it(fleet: Fleet) -> None:
    fleet.converge(BEFORE)
    before = fleet.state
    log = len(fleet.cloud.log())
    fleet.lose_state()
    report = fleet.converge(BEFORE)
    assert set(actions(report).values()) == {"adopt"}
    assert (report.changed, report.failed) == (False, False)
    assert len(fleet.cloud.log()) == log

    def essence(state: Any) -> set[Any]:
        return {
            (r.address, r.generation, r.external_id, r.digest, r.intent, r.lifecycle, r.source) for r in state.resources
        }

    assert essence(fleet.state) == essence(before)
    is_settled(fleet, BEFORE)


# ---- between plan and apply ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["delete", "update", "replace", "stop"])
def test_invariant_10_what_changed_since_the_plan_is_left_alone(fleet: Fleet, action: str) -> None:
    fleet.converge("[{name: a}, {name: b}]")
    wanted = {
        "delete": "[{name: b}]",
        "update": "[{name: a, env: {X: '1'}}, {name: b}]",
        "replace": "[{name: a, image: 'app:2'}, {name: b}]",
        "stop": "[{name: a, state: stopped}, {name: b}]",
    }[action]
    at("begin.after", lambda: fleet.cloud.alter("a", operation="somebody else's"))
    report = fleet.converge(wanted)
    (result,) = report.results
    assert result.error is not None
    assert (result.status, result.error.kind) == ("failed", Kind.CONFLICT)
    assert "converge again" in result.reason
    assert fleet.cloud.get("a")["state"] == "running"
    assert not fleet.converge(wanted).failed


def test_invariant_10_a_second_step_does_not_stumble_over_the_first(fleet: Fleet) -> None:
    fleet.converge("[{name: a}, {name: b, state: stopped}]")
    wanted = "[{name: a, env: {X: '1'}, state: stopped}, {name: b, env: {X: '1'}, state: paused}]"
    report = fleet.converge(wanted)
    assert actions(report) == {"worker.a": "update+stop", "worker.b": "update+pause"}
    assert not report.failed
    assert (fleet.cloud.get("a")["state"], fleet.cloud.get("b")["state"]) == ("stopped", "paused")
    is_settled(fleet, wanted)


def test_invariant_10_apply_does_what_the_plan_says_and_no_more(fleet: Fleet) -> None:
    fleet.converge(BEFORE)
    planned = fleet.preview(AFTER).plan
    seen = len(fleet.cloud.log())
    fleet.converge(AFTER)
    done = {(entry["address"], entry["verb"]) for entry in fleet.cloud.log()[seen:]}
    allowed = set()
    for change in planned.pending:
        verbs = ("create", "delete") if change.action.value == "replace" else (change.action.value,)
        allowed |= {(str(change.address), verb) for verb in verbs}
    assert done == allowed


# ---- the lease and the store --------------------------------------------------------------------------------------


def test_a_lease_that_is_lost_in_the_middle_begins_nothing_more(fleet: Fleet) -> None:
    wanted = "[{name: a}, {name: b, depends_on: [a]}]"
    at("call.before", lambda: fleet.store.acquire("somebody else", 30.0, fleet.cloud.now, break_lease=True))
    report = fleet.converge(wanted)
    assert statuses(report) == {"worker.a": "unrecorded", "worker.b": "skipped"}
    assert report.broken is not None
    assert "lost" in report.results[0].reason
    assert (report.failed, report.changed) == (True, True)
    assert fleet.addresses() == ["worker.a"]
    assert len(fleet.state.pending) == 1
    again = fleet.converge(wanted, break_lease=True)
    assert actions(again) == {"worker.a": "adopt", "worker.b": "create"}
    assert any("interrupted" in text for text in again.plan.warnings)
    is_settled(fleet, wanted)


def test_a_lease_that_is_lost_before_the_first_call_begins_nothing(fleet: Fleet) -> None:
    at("run.after", lambda: fleet.store.acquire("somebody else", 30.0, fleet.cloud.now, break_lease=True))
    report = fleet.converge("[{name: a}]")
    assert statuses(report) == {"worker.a": "skipped"}
    assert (report.failed, report.changed) == (True, False)
    assert fleet.cloud.log() == []


def test_a_lease_that_ran_out_and_cannot_be_renewed_begins_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_unused: Any) -> Any:
        raise HodeiError(Kind.NETWORK, "the state cannot be reached")

    def oversleep() -> None:
        monkeypatch.setattr(fleet.store, "renew", unreachable)
        fleet.cloud.now += 3600.0

    at("run.after", oversleep)
    report = fleet.converge("[{name: a}]")
    assert statuses(report) == {"worker.a": "skipped"}
    assert "the state cannot be reached" in report.results[0].reason
    assert fleet.cloud.log() == []


def test_a_lease_that_is_held_is_waited_for_and_then_reported(fleet: Fleet) -> None:
    fleet.store.acquire("somebody else", 30.0, fleet.cloud.now)
    with pytest.raises(HodeiError, match="is being changed by somebody else"):
        fleet.converge("[{name: a}]", lease_timeout=0.0)
    assert fleet.cloud.log() == []


def test_a_store_that_breaks_in_the_middle_keeps_what_was_in_flight_in_the_report(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_unused: Any) -> Any:
        raise HodeiError(Kind.RESOURCE_EXHAUSTED, "the disk is full")

    at("end.before", lambda: monkeypatch.setattr(fleet.store, "end", full))
    report = fleet.converge("[{name: a}, {name: b, depends_on: [a]}]")
    assert statuses(report) == {"worker.a": "unrecorded", "worker.b": "skipped"}
    outcome = report.results[0].outcome
    assert outcome is not None
    assert outcome.observation is not None
    assert "the disk is full" in report.results[1].reason
    monkeypatch.undo()
    assert not fleet.converge("[{name: a}, {name: b, depends_on: [a]}]").failed


def test_a_run_whose_end_cannot_be_written_is_told_all_the_same(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_unused: Any) -> Any:
        raise HodeiError(Kind.RESOURCE_EXHAUSTED, "the disk is full")

    monkeypatch.setattr(fleet.store, "finish_run", full)
    report = fleet.converge("[{name: a}]")
    assert statuses(report) == {"worker.a": "done"}
    assert report.failed
    assert str(report.broken) == "the disk is full"


def test_a_preview_says_whether_a_converge_would_change_anything(fleet: Fleet) -> None:
    assert fleet.preview("[{name: a}]").changed
    assert fleet.cloud.log() == []
    fleet.converge("[{name: a}]")
    assert not fleet.preview("[{name: a}]").changed
    fleet.lose_state()
    again = fleet.preview("[{name: a}]")
    assert (again.changed, actions(again)) == (False, {"worker.a": "adopt"})


def test_history_tells_every_run_also_one_that_changed_nothing(fleet: Fleet) -> None:
    fleet.converge("[{name: a}]", actor="ana")
    fleet.converge("[{name: a}]")
    fleet.cloud.fail("delete", "refuse")
    fleet.destroy("[{name: a}]")
    runs = fleet.store.history(10)
    assert [(run.kind, run.result, run.actor) for run in runs] == [
        ("destroy", "failed", ""),
        ("converge", "ok", ""),
        ("converge", "ok", "ana"),
    ]
    assert (runs[0].summary["delete"], runs[0].summary["failed"], runs[2].summary["done"]) == (1, 1, 1)
    assert fleet.state.last_converge == fleet.cloud.now


# ---- interruption -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 8))
def test_invariant_14_a_stop_records_what_is_in_flight_and_begins_nothing_more(fleet: Fleet, number: int) -> None:
    fleet.converge(BEFORE)
    at("call.outcome", lambda: fleet.stop.request("interrupted by SIGINT"), number)
    report = fleet.converge(AFTER)
    assert set(statuses(report).values()) <= {"done", "skipped", "done, skipped"}
    assert report.interrupted == "interrupted by SIGINT"
    assert fleet.store.lease() is None
    assert fleet.state.pending == ()
    begun = len(fleet.cloud.log())
    fleet.stop.reason = ""
    assert not fleet.converge(AFTER).failed
    assert len(fleet.cloud.log()) > begun
    is_settled(fleet, AFTER)


def test_invariant_14_a_stop_before_the_first_call_changes_nothing(fleet: Fleet) -> None:
    fleet.stop.request("the process that started this task is gone")
    report = fleet.converge("[{name: a}]")
    assert statuses(report) == {"worker.a": "skipped"}
    assert (report.failed, report.changed) == (True, False)
    assert "the process that started this task is gone" in report.results[0].reason
    assert fleet.store.lease() is None


def test_invariant_14_a_stop_when_all_is_done_is_no_failure(fleet: Fleet) -> None:
    at("finish.before", lambda: fleet.stop.request("interrupted by SIGTERM"))
    assert not fleet.converge("[{name: a}]").failed


def test_invariant_14_a_second_stop_does_not_wait_and_is_recovered(fleet: Fleet) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait(30)

    at("call.before", hang)

    def interrupt() -> None:
        hanging.wait(30)
        fleet.stop.request("interrupted by SIGINT")
        fleet.stop.request("interrupted by SIGINT")

    thread = threading.Thread(target=interrupt)
    thread.start()
    report = fleet.converge("[{name: a}]", interrupt_grace=600.0)
    thread.join()
    assert statuses(report) == {"worker.a": "unrecorded"}
    assert fleet.store.lease() is None
    release.set()
    fleet.stop.reason, fleet.stop.hard = "", False
    assert not fleet.converge("[{name: a}]").failed
    is_settled(fleet, "[{name: a}]")


def test_invariant_14_a_stop_waits_no_longer_than_its_grace(fleet: Fleet) -> None:
    release = threading.Event()

    def hang() -> None:
        fleet.stop.request("interrupted by SIGINT")
        release.wait(30)

    at("call.before", hang)
    report = fleet.converge("[{name: a}]", interrupt_grace=0.0)
    release.set()
    assert statuses(report) == {"worker.a": "unrecorded"}
    assert "the next converge settles it" in report.results[0].reason


def test_invariant_14_a_stop_ends_the_wait_for_a_lease(fleet: Fleet) -> None:
    fleet.store.acquire("somebody else", 3600.0, fleet.cloud.now)
    fleet.stop.request("interrupted by SIGINT")
    with pytest.raises(HodeiError, match="is being changed by somebody else"):
        fleet.converge("[{name: a}]", lease_timeout=3600.0)


# ---- secrets ------------------------------------------------------------------------------------------------------


CANARIES = ("c4nary-0ne", "c4nary-tw0", "c4nary-thr33")


@pytest.mark.parametrize("kind", [None, "bug", "refuse", "lose_reply", "liar"])
def test_invariant_13_no_secret_in_state_plan_report_or_exception(
    tmp_path: Path, kind: str | None, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet(tmp_path)
    one, two, three = CANARIES
    fleet.converge([{"name": "a", "env": {"TOKEN": one}}, {"name": "b", "env": {"TOKEN": one}}])
    fleet.cloud.alter("b", drift={"env.TOKEN": three, "env": {"TOKEN": three}})
    if kind:
        fleet.cloud.fail("*", kind, times=3, detail=two)
    wanted = [{"name": "a", "env": {"TOKEN": two}}, {"name": "b", "env": {"TOKEN": one}}]
    told = [*_everything(fleet.preview(wanted)), *_everything(fleet.converge(wanted))]
    fleet.store.close()
    told += [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()]
    captured = capfd.readouterr()
    told += [captured.out, captured.err, caplog.text]
    assert any("TOKEN" in text for text in told)
    for text in told:
        assert not any(canary in text for canary in CANARIES)


def _everything(report: Report) -> Iterator[str]:
    """Everything that a report can be turned into."""
    yield repr(report.plan)
    yield repr(report.state)
    yield repr(plan_to_dict(report.plan))
    yield plan_text(report.plan)
    yield results_text(report.results)
    yield seal(report.plan, Options(), secret=b"s" * 32, plan_id="p", now=0.0, ttl=1.0)
    for result in report.results:
        yield repr((result.status, result.reason, result.change))
        if result.error:
            yield str(result.error) + repr(result.error.as_dict())


# ---- who is told, and who decides -----------------------------------------------------------------------------------


class Diary:
    """A listener that writes everything down."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def preparing(self, done: int, total: int) -> None:
        self.pages.append(f"preparing {done} of {total}")

    def planned(self, total: int) -> None:
        self.pages.append(f"planned {total}")

    def began(self, change: Change) -> None:
        self.pages.append(f"began {change.address}")

    def waiting(self, number: int) -> None:
        self.pages.append(f"waiting {number}")

    def ended(self, change: Change, error: HodeiError | None, seconds: float) -> None:
        self.pages.append(f"ended {change.address} {'badly' if error else 'well'}")


class Nobody:
    """An authorizer that denies whatever touches a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def decide(self, changes: Any) -> list[HodeiError | None]:
        denied = HodeiError(Kind.AUTHORIZATION, f"nobody may touch {self.name}")
        return [denied if change.address.name == self.name else None for change in changes]


def test_a_listener_is_told_everything_in_order(fleet: Fleet) -> None:
    diary = Diary()
    fleet.cloud.fail("create", "refuse", "b")
    ports = converge.Ports(fleet.store, fleet.providers, listener=diary)
    converge.converge(fleet.request("[{name: a}, {name: b, depends_on: [a]}]"), ports, fleet.tools)
    assert diary.pages == [
        "planned 2",
        "began worker.a",
        "ended worker.a well",
        "began worker.b",
        "ended worker.b badly",
    ]


class Pantry(ModelProvider):
    """Gets something ready before it makes an object, but for ``bad``."""

    def __init__(self, inner: ModelProvider, bad: str) -> None:
        self.__dict__.update(inner.__dict__)
        self.bad = bad

    def prepare(self, instances: Any, tell: Callable[[int, int], None]) -> dict[Address, HodeiError]:
        assert not [entry for entry in self.cloud.log() if entry["verb"] != "create"], "nothing has been stopped yet"
        tell(1, 2)
        missing = HodeiError(Kind.NETWORK, "its image cannot be had")
        return {one.address: missing for one in instances if one.address.name == self.bad}


@pytest.mark.parametrize("order", ["create_before_destroy", "destroy_before_create"])
def test_what_cannot_be_made_anew_goes_on_as_it_is(fleet: Fleet, order: str) -> None:
    """The others are replaced; who depends on it waits; and whoever watches is told how far the getting ready is."""
    lifecycle = f"lifecycle: {{replace: {order}}}"
    before, after = (
        f"[{{name: a, image: 'x:{n}', {lifecycle}}}, {{name: b, image: 'x:{n}'}}, {{name: c, image: 'x:{n}', depends_on: [a]}}]"
        for n in (1, 2)
    )
    fleet.converge(before)
    kept = next(one for one in fleet.cloud.objects() if one["address"] == "worker.a")
    diary = Diary()
    ports = converge.Ports(fleet.store, {"cloud": Pantry(fleet.providers["cloud"], "a")}, listener=diary)
    report = converge.converge(fleet.request(after), ports, fleet.tools)
    assert statuses(report) == {"worker.a": "failed", "worker.b": "done", "worker.c": "skipped"}
    assert [str(one.error) for one in report.results if one.error] == ["its image cannot be had"]
    assert [one for one in fleet.cloud.objects() if one["address"] == "worker.a"] == [kept]
    assert [page.split()[0] for page in diary.pages[:2]] == ["preparing", "planned"]
    assert not fleet.converge(after).failed
    is_settled(fleet, after)


def test_nothing_was_changed_where_nothing_can_be_made(fleet: Fleet) -> None:
    ports = converge.Ports(fleet.store, {"cloud": Pantry(fleet.providers["cloud"], "a")})
    report = converge.converge(fleet.request("[{name: a}]"), ports, fleet.tools)
    assert report.failed
    assert not report.changed
    assert fleet.cloud.log() == []


def test_a_listener_is_told_who_waits_for_a_worker_to_become_idle(fleet: Fleet) -> None:
    """Not of those whose turn has not come: the worker that is asked first is idle at once, its dependant works for a while."""
    drain = {"busy": {"command": ["busy"]}, "interval": "10ms"}
    fleet.converge([{"name": name, "lifecycle": {"drain": drain}} for name in "ab"])
    fleet.cloud.alter("b", busy=3)
    diary = Diary()
    ports = converge.Ports(fleet.store, fleet.providers, listener=diary)
    converge.converge(fleet.request("[]", allow_empty=True), ports, fleet.tools)
    assert [page for page in diary.pages if "waiting" in page or "began" in page] == [
        "waiting 2",
        "waiting 1",
        "began worker.a",
        "waiting 0",
        "began worker.b",
    ]


def test_one_denial_stops_the_run_before_any_change(fleet: Fleet) -> None:
    ports = converge.Ports(fleet.store, fleet.providers, authorizer=Nobody("b"))
    with pytest.raises(HodeiError, match="nobody may touch b"):
        converge.converge(fleet.request("[{name: a}, {name: b}]"), ports, fleet.tools)
    assert fleet.cloud.log() == []


def test_another_fleets_state_is_refused(fleet: Fleet) -> None:
    with pytest.raises(HodeiError, match="lineage"):
        fleet.converge(document("[{name: a}]", lineage=OTHER_LINEAGE))
    assert fleet.cloud.log() == []


def test_outcomes_are_recorded_in_groups(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "FLUSH_SECONDS", 5.0)
    fleet.providers["cloud"].limits = Limits(bulk=100, parallel=1)
    before = fleet.state.serial
    fleet.converge("[{name: a, count: 100}]")
    assert fleet.state.serial == before + 1

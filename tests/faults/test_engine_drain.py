# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine lets workers finish: who works is not stopped, who is idle goes first, nobody else waits, and nothing is asked twice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.plantext import plan_text
from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, OnChange, Support
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Limits
from ansible_collections.hodei.workers.tests.support.fleets import Fleet, actions, statuses
from ansible_collections.hodei.workers.tests.support.model_cloud import COLUMN, Cloud, ModelProvider
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

ASKED: dict[str, Any] = {"busy": {"command": ["busy"]}, "interval": "10ms", "timeout": "1h"}
TOLD: dict[str, Any] = {**ASKED, "signal": "SIGQUIT"}


def worker(name: str, drain: dict[str, Any] | None = None, order: str = "destroy_before_create", **more: Any) -> Any:
    """Write a worker that drains."""
    return {"name": name, **more, "lifecycle": {"replace": order, **({"drain": drain} if drain else {})}}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A fleet on one cloud."""
    return Fleet(tmp_path)


def verbs(fleet: Fleet, name: str) -> list[str]:
    """Return what was done to a worker, and fail if that was while it worked."""
    log = [one for one in fleet.cloud.log() if one["address"] == f"worker.{name}"]
    assert not [one for one in log if one["verb"] in ("delete", "stop", "restart") and one["busy"]]
    return [one["verb"] for one in log]


@pytest.mark.parametrize("order", ["destroy_before_create", "create_before_destroy"])
@pytest.mark.parametrize("drain", [ASKED, TOLD], ids=["asked", "told"])
def test_a_replacement_waits_for_the_work_to_end(fleet: Fleet, order: str, drain: dict[str, Any]) -> None:
    """And the plan says so before."""
    fleet.converge([worker("a", drain, order)])
    fleet.cloud.alter("a", busy=3)
    wanted = [worker("a", drain, order, image="app:2")]
    planned = fleet.preview(wanted).plan
    assert planned.changes[0].when_idle
    assert "replace (when idle)" in plan_text(planned)
    report = fleet.converge(wanted)
    assert statuses(report) == {"worker.a": "done"}
    first, second = ("create", "delete") if order == "create_before_destroy" else ("delete", "create")
    assert verbs(fleet, "a") == ["create", first, second]
    assert fleet.providers["cloud"].drain_calls == 4


@pytest.mark.parametrize("state", ["stopped", "restarted", "absent"])
def test_whatever_stops_a_worker_waits(fleet: Fleet, state: str) -> None:
    """A stop, a restart, a deletion."""
    fleet.converge([worker("a", ASKED)])
    fleet.cloud.alter("a", busy=2)
    wanted = [worker("a", ASKED)]
    assert "(when idle)" in plan_text(fleet.preview(wanted, state=state).plan)
    assert not fleet.converge(wanted, state=state).failed
    assert verbs(fleet, "a")[1:] == [{"stopped": "stop", "restarted": "restart", "absent": "delete"}[state]]
    assert fleet.providers["cloud"].drain_calls == 3


def test_what_leaves_the_document_is_drained_as_state_remembers_or_as_its_own_record_says(fleet: Fleet) -> None:
    """Scaled down, pruned, and with state lost."""
    fleet.converge([worker("a", ASKED, count=2), worker("b", ASKED)])
    for name in ("a[1]", "b"):
        fleet.cloud.alter(name, busy=1)
    fleet.lose_state()
    report = fleet.converge([worker("a", ASKED, count=1)])
    assert statuses(report) == {"worker.a[0]": "done", "worker.a[1]": "done", "worker.b": "done"}
    assert verbs(fleet, "a[1]")[-1] == verbs(fleet, "b")[-1] == "delete"


def test_a_pause_an_update_and_what_has_ended_wait_for_nothing(fleet: Fleet) -> None:
    """Nothing is stopped there."""
    fleet.converge([worker("a", ASKED), worker("b", ASKED), worker("c", ASKED)])
    for name in "abc":
        fleet.cloud.alter(name, busy=-1)
    fleet.cloud.alter("c", state="failed")
    after = [worker("a", ASKED, state="paused"), worker("b", ASKED, env={"X": "1"}), worker("c", ASKED, image="app:2")]
    assert not fleet.converge(after).failed
    assert fleet.providers["cloud"].drain_calls == 0


def test_idle_workers_go_first_and_nobody_waits_for_those_of_others(fleet: Fleet) -> None:
    """Nor does anything that has nothing to do with it."""
    fleet.converge([worker("a", ASKED), worker("b", ASKED), worker("c")])
    fleet.cloud.alter("a", busy=5)
    new: dict[str, Any] = {"image": "app:2"}
    report = fleet.converge([worker("a", ASKED, **new), worker("b", ASKED, **new), worker("c", **new), worker("d")])
    assert not report.failed
    order = [(one["verb"], one["address"]) for one in fleet.cloud.log()[3:]]
    assert order[-2:] == [("delete", "worker.a"), ("create", "worker.a")]


def test_a_thousand_are_asked_in_one_pass(tmp_path: Path) -> None:
    """One call for all of them, however many work, and one more for each interval."""
    provider = ModelProvider(Cloud(), limits=Limits(bulk=1000, parallel=4))
    fleet = Fleet(tmp_path, cloud=provider.cloud, providers=[provider])
    fleet.converge([worker("w", ASKED, count=1000)])
    with fleet.cloud.change() as data:
        for number, one in enumerate(data["objects"].values()):
            one["busy"] = number % 2
    report = fleet.converge([worker("w", ASKED, count=1000, image="app:2")])
    assert not report.failed
    assert provider.drain_calls == 2
    assert provider.largest_call == 1000


def test_nobody_waits_where_that_is_not_wanted(fleet: Fleet) -> None:
    """It is left to the provider where that is possible; the next converge settles what is left to that."""
    before = [
        worker("gone", ASKED),
        worker("old", ASKED, "create_before_destroy"),
        worker("new", ASKED),
        worker("s", TOLD),
    ]
    fleet.converge(before)
    for one in fleet.cloud.objects():
        fleet.cloud.alter(one["address"], busy=1)
    after = [
        worker("old", ASKED, "create_before_destroy", image="app:2"),
        worker("new", ASKED, image="app:2"),
        worker("s", TOLD, state="stopped"),
    ]
    report = fleet.converge(after, wait_for_drain=False)
    assert set(statuses(report).values()) == {"waiting"}
    assert not report.failed
    assert report.changed
    assert len(fleet.addresses()) == 5
    reasons = {str(one.change.address): one.reason for one in report.results}
    assert "when it is idle, its provider does the delete" in reasons["worker.gone"]
    assert "converge again" in reasons["worker.new"]
    assert all("hodei_drain=false" in reason for reason in reasons.values())
    again = fleet.preview(after).plan
    assert set(again.overdue) == {f"worker.{name}" for name in ("gone", "new", "s")} | {"worker.old"}
    fleet.providers["cloud"].settle()
    assert fleet.addresses() == ["worker.new", "worker.old", "worker.s"]
    assert fleet.cloud.get("s")["state"] == "stopped"
    assert not fleet.converge(after).failed
    assert actions(fleet.preview(after)) == {}
    for name in ("gone", "old", "new", "s"):
        verbs(fleet, name)


def test_a_second_look_at_who_still_works_changes_nothing(fleet: Fleet) -> None:
    """Asking again is no change."""
    fleet.converge([worker("a", ASKED)])
    fleet.cloud.alter("a", busy=-1)
    wanted = [worker("a", ASKED, image="app:2")]
    assert fleet.converge(wanted, wait_for_drain=False).changed
    assert not fleet.converge(wanted, wait_for_drain=False).changed


def test_a_document_that_is_reverted(fleet: Fleet) -> None:
    """Who was only asked works on; who was told is restarted, when it is idle."""
    before = [worker("asked", ASKED), worker("told", TOLD)]
    fleet.converge(before)
    for one in fleet.cloud.objects():
        fleet.cloud.alter(one["address"], busy=1)
    fleet.converge([], allow_empty=True, max_deletes=10, wait_for_drain=False)
    assert actions(fleet.preview(before)) == {"worker.asked": "resume", "worker.told": "restart"}
    assert not fleet.converge(before).failed
    assert verbs(fleet, "asked") == ["create", "resume"]
    assert verbs(fleet, "told") == ["create", "restart"]
    fleet.providers["cloud"].settle()
    assert fleet.addresses() == ["worker.asked", "worker.told"]
    assert actions(fleet.preview(before)) == {}


def test_a_restart_that_was_left_to_the_provider_is_not_taken_back(fleet: Fleet) -> None:
    """The document has not changed."""
    wanted = [worker("a", TOLD)]
    fleet.converge(wanted)
    fleet.cloud.alter("a", busy=1)
    fleet.converge(wanted, state="restarted", wait_for_drain=False)
    assert actions(fleet.preview(wanted)) == {}
    fleet.providers["cloud"].settle()
    assert verbs(fleet, "a") == ["create", "restart"]
    assert actions(fleet.preview(wanted)) == {}


@pytest.mark.parametrize("on_timeout", ["wait", "kill"])
def test_its_time_is_over(fleet: Fleet, on_timeout: str) -> None:
    """Counted from the first question, in whichever run that was."""
    drain = {**ASKED, "timeout": "10m", "on_timeout": on_timeout}
    fleet.converge([worker("a", drain)])
    fleet.cloud.alter("a", busy=-1)
    wanted = [worker("a", drain, image="app:2")]
    fleet.converge(wanted, wait_for_drain=False)
    fleet.cloud.now += 599
    fleet.converge(wanted, wait_for_drain=False)
    fleet.cloud.now += 2
    report = fleet.converge(wanted)
    if on_timeout == "kill":
        assert not report.failed
        assert [one["verb"] for one in fleet.cloud.log()] == ["create", "delete", "create"]
    else:
        assert report.failed
        assert "does not become idle within 10m" in report.results[0].reason
        assert "hodei_drain=false" in report.results[0].reason
        assert verbs(fleet, "a") == ["create"]


def test_a_failure_of_waiting_holds_back_only_what_depends_on_it(fleet: Fleet) -> None:
    """Everything else is done."""
    drain = {**ASKED, "timeout": "1s"}
    fleet.converge([worker("a", drain), worker("b", depends_on=["a"]), worker("c")])
    fleet.cloud.alter("a", busy=-1)
    new: dict[str, Any] = {"image": "app:2"}
    wanted = [worker("a", drain, **new), worker("b", **new, depends_on=["a"]), worker("c", **new)]
    fleet.converge(wanted, wait_for_drain=False, targets=["a"])
    fleet.cloud.now += 2
    report = fleet.converge(wanted)
    assert statuses(report) == {"worker.a": "failed", "worker.b": "skipped", "worker.c": "done"}


def test_force(fleet: Fleet) -> None:
    """In an emergency nobody is asked."""
    fleet.converge([worker("a", TOLD)])
    fleet.cloud.alter("a", busy=-1)
    report = fleet.converge([worker("a", TOLD, image="app:2")], drain=False)
    assert not report.failed
    assert not report.plan.changes[0].when_idle
    assert fleet.providers["cloud"].drain_calls == 0


def test_a_provider_that_cannot_be_asked_is_no_reason_to_stop_anybody(fleet: Fleet) -> None:
    """It is asked again."""
    fleet.converge([worker("a", ASKED)])
    for kind in ("lose_reply", "break_call", "silent", "bug", "throttle", "refuse"):
        fleet.cloud.fail("drain", kind)
    fleet.cloud.alter("a", busy=2)
    assert not fleet.converge([worker("a", ASKED, image="app:2")]).failed
    assert verbs(fleet, "a") == ["create", "delete", "create"]


def test_an_interrupt_ends_the_waiting(fleet: Fleet) -> None:
    """At once, and the next run goes on from there."""
    fleet.converge([worker("a", TOLD)])
    fleet.cloud.alter("a", busy=-1)
    wanted = [worker("a", TOLD, image="app:2")]
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.append(fleet.converge(wanted)))
    thread.start()
    wait_for(lambda: fleet.providers["cloud"].drain_calls > 2, "three questions")
    fleet.stop.request("somebody pressed Ctrl-C")
    thread.join(30)
    assert statuses(reports[0]) == {"worker.a": "skipped"}
    assert fleet.state.pending == ()
    fleet.stop.reason = ""
    fleet.cloud.alter("a", busy=0)
    assert not fleet.converge(wanted).failed
    assert verbs(fleet, "a") == ["create", "delete", "create"]


@pytest.mark.parametrize(
    ("cell", "waits"),
    [
        (Carry(Support.EMULATED, OnChange.UPDATE, "asked by each converge"), True),
        (Carry(Support.NONE, note="it has no way in"), False),
    ],
)
def test_providers_that_can_less(tmp_path: Path, cell: Carry, waits: bool) -> None:
    """One that has nobody to leave a verb with, and one that cannot drain, where the document says that it goes without."""
    provider = ModelProvider(Cloud(), column={**COLUMN, "lifecycle.drain": cell})
    fleet = Fleet(tmp_path, cloud=provider.cloud, providers=[provider])
    wanted = [worker("a", ASKED, degrade=[] if waits else ["lifecycle.drain"])]
    assert not fleet.converge(wanted).failed
    fleet.cloud.alter("a", busy=1)
    report = fleet.converge(wanted, state="absent", wait_for_drain=False)
    if waits:
        assert "converge again" in report.results[0].reason
        provider.settle()
        assert fleet.addresses() == ["worker.a"]
    else:
        assert statuses(report) == {"worker.a": "done"}
        assert provider.drain_calls == 0

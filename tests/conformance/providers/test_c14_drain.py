# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C14, the part of one worker: who works is never killed; idle, busy and unknown are told apart; what is left is done."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Activity,
    Draining,
    DrainRequest,
    LogRequest,
    Observation,
    Outcome,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Lifecycle
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs, patient, wait_log
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

#: It works while the file `busy` is there, and takes no new work once `told` is.
IDLES = "touch up; while :; do sleep 0.05; done"
WORKS = f"touch busy; {IDLES}"
#: Told by SIGQUIT it finishes its job, which takes until `done` is there, and ends.
FINISHES = "trap 'echo told; while ! test -e done; do sleep 0.05; done; echo last line; exit 0' QUIT; echo up; "
FINISHES += "while :; do sleep 0.05; done"
BUSY = Drain(busy={"command": ["/bin/sh", "-c", "test -e busy"]}, interval=0.1)
TOLD = Drain(tell={"signal": "SIGQUIT"}, interval=0.1)


@pytest.fixture(autouse=True)
def drains(fleet: Fleet) -> None:
    """Only where the provider can."""
    needs(fleet, "lifecycle.drain")


def make(fleet: Fleet, name: str, script: str, drain: Drain | None, **lifecycle: Any) -> Observation:
    """Make a worker that drains; it is up when this returns."""
    spec = {**fleet.rig.shell(script), "restart": {"policy": "always", "backoff": {"initial": 0.05}}}
    made = fleet.make(name, spec, lifecycle=Lifecycle(grace=2.0, drain=drain, **lifecycle))
    assert made.drain == drain
    if script == FINISHES:
        wait_log(fleet, name, b"up")
    else:
        wait_for(lambda: run(fleet, name, "test -e up") == 0, "the worker to be up")
    return made


def run(fleet: Fleet, name: str, script: str) -> int:
    """Run a script inside a worker."""
    from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest

    return fleet.provider.exec(ExecRequest(fleet.target(name), ("/bin/sh", "-c", script))).exit_code


def drain(fleet: Fleet, name: str, how: Drain, then: Verb | None = None, etag: str = "") -> Outcome:
    """Ask once."""
    target = Target(fleet.target(name).address, 1, etag=etag, lifecycle=Lifecycle(grace=2.0, drain=how))
    (outcome,) = fleet.provider.drain([DrainRequest(target, then)])
    return outcome


def test_busy_then_idle(fleet: Fleet) -> None:
    """Since when is remembered, for whoever asks; asking changes nothing else."""
    made = make(fleet, "asked", WORKS, BUSY)
    first = drain(fleet, "asked", BUSY)
    assert (first.activity, first.error) == (Activity.BUSY, None)
    assert first.reason
    seen = fleet.see("asked")
    assert seen is not None
    assert seen.draining is not None
    assert (seen.draining.told, seen.draining.then, seen.etag) == (False, None, made.etag)
    run(fleet, "asked", "rm busy")
    fleet.provider = fleet.rig.open()
    again = drain(fleet, "asked", BUSY)
    assert again.activity is Activity.IDLE
    assert again.observation is not None
    assert again.observation.draining == seen.draining
    assert again.observation.state is WorkerState.RUNNING


def test_who_was_told_works_until_it_has_ended_and_is_not_started_again(fleet: Fleet) -> None:
    """Told once, its last line is written, and its restart policy does not bring it back."""
    make(fleet, "told", FINISHES, TOLD)
    for _unused in range(3):
        outcome = drain(fleet, "told", TOLD)
        assert outcome.activity is Activity.BUSY
        assert outcome.observation is not None
        assert outcome.observation.draining is not None
        assert outcome.observation.draining.told
    run(fleet, "told", "touch done")
    seen = fleet.wait("told", WorkerState.STOPPED)
    assert (seen.exit_code, seen.draining) == (0, None)
    assert "drained" in seen.reason
    text = fleet.provider.logs(LogRequest(fleet.target("told"))).text
    assert (text.count(b"told"), text.count(b"last line")) == (1, 1)
    assert drain(fleet, "told", TOLD).activity is Activity.IDLE
    assert patient(0.3, lambda: fleet.state("told") is WorkerState.STOPPED)
    again = fleet.do(Verb.START, "told")
    assert again is not None
    assert (again.state, again.draining) == (WorkerState.RUNNING, None)


@pytest.mark.parametrize("verb", [Verb.DELETE, Verb.STOP, Verb.RESTART])
def test_what_is_left_is_done_when_it_is_idle_and_not_before(fleet: Fleet, verb: Verb) -> None:
    """By the provider itself, with nobody asking."""
    made = make(fleet, "left", WORKS, BUSY)
    outcome = drain(fleet, "left", BUSY, verb)
    assert outcome.activity is Activity.BUSY
    assert outcome.observation is not None
    assert outcome.observation.draining is not None
    assert outcome.observation.draining.then is verb
    assert patient(1.5, lambda: (seen := fleet.see("left")) and seen.started_at == made.started_at)
    run(fleet, "left", "rm busy")
    if verb is Verb.DELETE:
        wait_for(lambda: fleet.see("left") is None, "the worker to be deleted")
        assert fleet.rig.objects() == 0
    elif verb is Verb.STOP:
        assert fleet.wait("left", WorkerState.STOPPED).intent.value == "stopped"
    else:
        wait_for(lambda: (seen := fleet.see("left")) and seen.started_at != made.started_at, "another run")
        assert fleet.wait("left", WorkerState.RUNNING).draining is None


def test_what_was_left_is_taken_back(fleet: Fleet) -> None:
    """By resuming it, and by a later question that leaves nothing."""
    make(fleet, "back", WORKS, BUSY)
    drain(fleet, "back", BUSY, Verb.DELETE)
    seen = fleet.do(Verb.RESUME, "back")
    assert seen is not None
    assert (seen.state, seen.draining) == (WorkerState.RUNNING, None)
    drain(fleet, "back", BUSY, Verb.DELETE)
    later = drain(fleet, "back", BUSY).observation
    assert later is not None
    assert later.draining is not None
    assert later.draining.then is None
    run(fleet, "back", "rm busy")
    assert patient(1.5, lambda: fleet.state("back") is WorkerState.RUNNING)


def test_an_idle_worker_is_left_alone(fleet: Fleet) -> None:
    """Whoever hears that it is idle does what has to be done, and nobody does it twice."""
    make(fleet, "idle", IDLES, BUSY)
    assert drain(fleet, "idle", BUSY, Verb.DELETE).activity is Activity.IDLE
    assert patient(1.5, lambda: fleet.state("idle") is WorkerState.RUNNING)


def test_what_is_absent_or_has_ended_is_idle(fleet: Fleet) -> None:
    """There is nothing to wait for."""
    assert drain(fleet, "nobody", BUSY).activity is Activity.IDLE
    make(fleet, "still", WORKS, BUSY)
    fleet.do(Verb.STOP, "still")
    assert drain(fleet, "still", BUSY).activity is Activity.IDLE


@pytest.mark.parametrize(
    "busy",
    [
        {"command": ["/nowhere/to-be-found"]},
        {"command": ["/bin/sh", "-c", "exit 127"]},
        {"command": ["/bin/sh", "-c", "kill -9 $$"]},
        {"command": ["/bin/sh", "-c", "sleep 600"]},
        {"http": {"port": 1}},
        {"http": {"port": 1, "host": "host.invalid"}},
    ],
)
def test_what_cannot_be_asked_is_never_idle(fleet: Fleet, busy: dict[str, Any]) -> None:
    """The reason says why."""
    how = Drain(busy=busy, interval=0.1)
    make(fleet, "mute", IDLES, how)
    outcome = drain(fleet, "mute", how, Verb.DELETE)
    assert outcome.activity is Activity.UNKNOWN
    assert outcome.reason
    assert patient(1.0, lambda: fleet.state("mute") is WorkerState.RUNNING)


def test_a_paused_worker_cannot_be_asked(fleet: Fleet) -> None:
    """It may have stopped in the middle of its work."""
    make(fleet, "frozen", IDLES, BUSY)
    fleet.do(Verb.PAUSE, "frozen")
    outcome = drain(fleet, "frozen", BUSY)
    assert outcome.activity is Activity.UNKNOWN
    assert "paused" in outcome.reason


@pytest.mark.parametrize("on_timeout", ["wait", "kill"])
def test_when_its_time_is_over(fleet: Fleet, on_timeout: str) -> None:
    """Killed if its drain says so, else left alone."""
    how = Drain(busy=BUSY.busy, interval=0.1, timeout=0.5, on_timeout=on_timeout)
    make(fleet, "late", WORKS, how)
    drain(fleet, "late", how, Verb.DELETE)
    if on_timeout == "kill":
        wait_for(lambda: fleet.see("late") is None, "the worker to be deleted")
    else:
        assert patient(2.0, lambda: fleet.state("late") is WorkerState.RUNNING)


def test_the_end_of_its_time_to_live_waits_for_its_work(fleet: Fleet) -> None:
    """It is not cut off in the middle of a job."""
    make(fleet, "aged", WORKS, BUSY, ttl=1.5)
    draining = wait_for(lambda: (one := fleet.see("aged")) and one.draining, "the worker to drain")
    assert draining == Draining(draining.since if draining else 0.0, told=False, then=None, expiring=True)
    assert drain(fleet, "aged", BUSY).activity is Activity.BUSY
    assert patient(1.5, lambda: fleet.state("aged") is WorkerState.RUNNING)
    run(fleet, "aged", "rm busy")
    assert "time to live" in fleet.wait("aged", WorkerState.STOPPED).reason


def test_the_end_of_its_time_to_live_is_the_end_of_who_was_told(fleet: Fleet) -> None:
    """By somebody who does not come back, and its drain says that it is not waited for for ever."""
    how = Drain(tell=TOLD.tell, interval=0.1, timeout=0.5, on_timeout="kill")
    make(fleet, "aged", FINISHES, how, ttl=1.5)
    assert drain(fleet, "aged", how).activity is Activity.BUSY
    assert "time to live" in fleet.wait("aged", WorkerState.STOPPED).reason


def test_another_version_of_the_object_is_refused(fleet: Fleet) -> None:
    """The plan was made against one that is no more."""
    make(fleet, "other", WORKS, BUSY)
    outcome = drain(fleet, "other", BUSY, Verb.DELETE, etag="another")
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT


def test_bulk(fleet: Fleet) -> None:
    """Many at once, each with its own answer."""
    spec = fleet.rig.shell(IDLES)
    lifecycle = Lifecycle(grace=2.0, drain=BUSY)
    requests = [fleet.request("bulk", spec, key=key, lifecycle=lifecycle) for key in range(10)]
    assert [outcome.error for outcome in fleet.provider.create(requests)] == [None] * 10
    targets = [Target(fleet.target("bulk", key=key).address, 1, lifecycle=lifecycle) for key in range(11)]
    outcomes = list(fleet.provider.drain([DrainRequest(target) for target in targets]))
    assert sorted(outcome.address.key or 0 for outcome in outcomes) == list(range(11))
    assert {outcome.activity for outcome in outcomes} == {Activity.IDLE}

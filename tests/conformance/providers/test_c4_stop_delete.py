# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C4: stop and delete are idempotent; first the grace, then the kill."""

from __future__ import annotations

import time

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import LogRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs, wait_log
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


def test_stop_twice(fleet: Fleet) -> None:
    """Stopped is stopped."""
    fleet.make("stop", fleet.rig.shell("sleep 600"))
    for _unused in range(2):
        seen = fleet.do(Verb.STOP, "stop")
        assert seen is not None
        assert (seen.state, seen.intent) == (WorkerState.STOPPED, Intent.STOPPED)
    assert fleet.rig.objects() == 0


def test_start_after_stop(fleet: Fleet) -> None:
    """It is the same object, running again; to start what runs is harmless."""
    made = fleet.make("again", fleet.rig.shell("sleep 600"))
    fleet.do(Verb.STOP, "again")
    for _unused in range(2):
        seen = fleet.do(Verb.START, "again")
        assert seen is not None
        assert (seen.state, seen.external_id) == (WorkerState.RUNNING, made.external_id)
    assert fleet.rig.objects() == 1


def test_delete_twice(fleet: Fleet) -> None:
    """What is gone is deleted."""
    fleet.make("gone", fleet.rig.shell("sleep 600"))
    assert fleet.do(Verb.DELETE, "gone") is None
    assert fleet.do(Verb.DELETE, "gone") is None
    assert fleet.do(Verb.STOP, "gone") is None
    assert fleet.see("gone") is None
    assert fleet.rig.objects() == 0


def test_what_is_not_there_cannot_be_started(fleet: Fleet) -> None:
    """Only stop and delete are content with nothing."""
    for verb in (Verb.START, Verb.RESTART, Verb.PAUSE, Verb.RESUME):
        outcome = fleet.act(verb, "nobody")
        assert outcome.error is not None, verb
        assert outcome.error.kind is Kind.NOT_FOUND, verb


def test_a_polite_worker_gets_its_grace(fleet: Fleet) -> None:
    """It is told, and its last words are kept."""
    fleet.make(
        "polite",
        fleet.rig.shell("trap 'sleep 0.3; echo goodbye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"),
    )
    wait_log(fleet, "polite", b"ready")
    began = time.monotonic()
    fleet.do(Verb.STOP, "polite", grace=20.0)
    assert time.monotonic() - began < 15
    assert b"goodbye" in fleet.provider.logs(LogRequest(fleet.target("polite"))).text


def test_a_deaf_worker_is_killed_after_its_grace(fleet: Fleet) -> None:
    """Never before."""
    fleet.make("deaf", fleet.rig.shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    wait_log(fleet, "deaf", b"ready")
    began = time.monotonic()
    fleet.do(Verb.DELETE, "deaf", grace=0.7)
    assert time.monotonic() - began >= 0.7
    assert fleet.rig.objects() == 0


def test_bulk(fleet: Fleet) -> None:
    """Many at once, some of them gone already."""
    requests = [fleet.request("bulk", fleet.rig.shell("sleep 600"), key=key) for key in range(10)]
    assert [outcome.error for outcome in fleet.provider.create(requests)] == [None] * 10
    fleet.do(Verb.DELETE, "bulk", key=4)
    targets = [fleet.target("bulk", key=key) for key in range(10)]
    outcomes = list(fleet.provider.act(Verb.DELETE, targets))
    assert sorted(outcome.address.key or 0 for outcome in outcomes) == list(range(10))
    assert [outcome.error for outcome in outcomes] == [None] * 10
    assert fleet.provider.list().observations == ()


def test_what_is_released_runs_on_and_belongs_to_nobody(fleet: Fleet) -> None:
    """Twice is as good as once; another of its name can be made beside it, and only that one is ours."""
    needs(fleet, "release")
    spec = fleet.rig.shell("exec sleep 600")
    made = fleet.make("free", spec)
    for _unused in range(2):
        assert fleet.do(Verb.RELEASE, "free") is None
        assert fleet.see("free") is None
        assert fleet.rig.objects() == 1
    fleet.make("free", spec)
    assert fleet.rig.objects() == 2
    fleet.do(Verb.DELETE, "free")
    assert fleet.rig.objects() == 1
    fleet.rig.lose(made)
    wait_for(lambda: fleet.rig.objects() == 0, "the released one to die")
    assert fleet.provider.list().observations == ()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C5: every state that can be reached is produced; what cannot follow is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs, patient
from ansible_collections.hodei.workers.tests.testbed.wait import PATIENCE, wait_for

QUICK = {"interval": 0.1, "timeout": 20.0, "failures": 2, "successes": 1, "start_period": 20.0}
NEVER = {"policy": "never"}


def checked(fleet: Fleet, script: str, check: str, **more: Any) -> dict[str, Any]:
    """Return a spec with a health check that is a command."""
    needs(fleet, "health")
    return {
        **fleet.rig.shell(script),
        "health": {**QUICK, "command": ["/bin/sh", "-c", check]},
        "restart": NEVER,
        **more,
    }


def test_starting_then_running(fleet: Fleet) -> None:
    """Alive, but not ready before its check says so."""
    spec = checked(fleet, "sleep 600", "test -e ready")
    outcomes = fleet.provider.create([fleet.request("slow", spec)])
    import threading

    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.extend(outcomes))
    thread.start()
    fleet.wait("slow", WorkerState.STARTING)
    assert exec_code(fleet, "slow", "touch ready") == 0
    thread.join(PATIENCE)
    assert done[0].error is None
    assert done[0].observation.state is WorkerState.RUNNING


def test_degraded_and_well_again(fleet: Fleet) -> None:
    """A check that fails shows, and so does its recovery."""
    spec = checked(fleet, "touch well; sleep 0.5; while :; do sleep 1; done", "test -e well")
    fleet.make("ill", spec)
    assert exec_code(fleet, "ill", "rm well") == 0
    seen = fleet.wait("ill", WorkerState.DEGRADED)
    assert "1" in seen.reason
    assert exec_code(fleet, "ill", "touch well") == 0
    fleet.wait("ill", WorkerState.RUNNING)


def ends(code: int) -> str:
    """Return a script that ends when the file `end` is there."""
    return f"until test -e end; do sleep 0.05; done; exit {code}"


def exec_code(fleet: Fleet, name: str, script: str) -> int:
    """Run a script inside a worker."""
    from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest

    return fleet.provider.exec(ExecRequest(fleet.target(name), ("/bin/sh", "-c", script))).exit_code


def test_an_unhealthy_worker_is_restarted_by_its_policy(fleet: Fleet) -> None:
    """Its own restart makes it well."""
    needs(fleet, "restart", "healing")
    spec = checked(fleet, "touch well; while :; do sleep 1; done", "test -e well")
    spec["restart"] = {"policy": "on_failure", "backoff": {"initial": 0.05, "max": 0.2}}
    fleet.make("healed", spec)
    assert exec_code(fleet, "healed", "rm well") == 0
    wait_for(lambda: (seen := fleet.see("healed")) and seen.restarts >= 1, "a restart")
    fleet.wait("healed", WorkerState.RUNNING)


def test_recovering_then_failed(fleet: Fleet) -> None:
    """A crash loop backs off, and is given up after so many restarts."""
    needs(fleet, "restart", "restart.backoff")
    spec = {
        **fleet.rig.shell(ends(3)),
        "restart": {"policy": "on_failure", "max_retries": 1, "backoff": {"initial": 3.0, "max": 3.0}},
    }
    fleet.make("crash", spec)
    assert exec_code(fleet, "crash", "touch end") == 0
    seen = fleet.wait("crash", WorkerState.RECOVERING)
    assert "exited with code 3" in seen.reason
    seen = fleet.wait("crash", WorkerState.FAILED)
    assert (seen.exit_code, seen.restarts) == (3, 1)


def test_completed(fleet: Fleet) -> None:
    """A job that ends well has done its work, at once or later."""
    quick = fleet.make("quick", {**fleet.rig.shell("exit 0"), "restart": {"policy": "on_failure"}})
    assert quick.state in (WorkerState.COMPLETED, WorkerState.RUNNING)
    fleet.make("job", fleet.rig.shell(ends(0)))
    assert exec_code(fleet, "job", "touch end") == 0
    seen = fleet.wait("job", WorkerState.COMPLETED)
    assert seen.exit_code == 0
    assert patient(0.3, lambda: fleet.state("job") is WorkerState.COMPLETED)


def test_always_starts_again_after_a_good_end(fleet: Fleet) -> None:
    """The policy says so."""
    needs(fleet, "restart")
    fleet.make("ever", {**fleet.rig.shell("sleep 0.2"), "restart": {"policy": "always", "backoff": {"initial": 0.05}}})
    wait_for(lambda: (seen := fleet.see("ever")) and seen.restarts >= 2, "two restarts")


def test_failed(fleet: Fleet) -> None:
    """Without a restart policy a bad end is final, and tells its cause."""
    fleet.make("fail", {**fleet.rig.shell(ends(5)), "restart": NEVER})
    assert exec_code(fleet, "fail", "touch end") == 0
    seen = fleet.wait("fail", WorkerState.FAILED)
    assert seen.exit_code == 5
    made = fleet.make("killed", {**fleet.rig.shell("sleep 600"), "restart": NEVER})
    fleet.rig.lose(made)
    seen = fleet.wait("killed", WorkerState.FAILED)
    assert "SIGKILL" in seen.reason


def test_paused_and_resumed(fleet: Fleet) -> None:
    """Nothing of it runs while it is paused."""
    fleet.make("pause", fleet.rig.shell("n=0; while :; do n=$((n+1)); echo $n > count; sleep 0.02; done"))
    seen = fleet.do(Verb.PAUSE, "pause")
    assert seen is not None
    assert seen.state is WorkerState.PAUSED
    assert fleet.state("pause") is WorkerState.PAUSED
    for verb in (Verb.PAUSE, Verb.RESUME, Verb.RESUME):
        fleet.do(verb, "pause")
    assert fleet.state("pause") is WorkerState.RUNNING
    fleet.do(Verb.PAUSE, "pause")
    fleet.do(Verb.STOP, "pause")
    assert fleet.state("pause") is WorkerState.STOPPED


def test_restart(fleet: Fleet) -> None:
    """Another run of the same object."""
    made = fleet.make("restart", fleet.rig.shell("sleep 600"))
    seen = fleet.do(Verb.RESTART, "restart")
    assert seen is not None
    assert (seen.state, seen.external_id) == (WorkerState.RUNNING, made.external_id)
    assert seen.started_at != made.started_at
    assert fleet.rig.objects() == 1


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.RESUME])
def test_a_stopped_worker_can_be_neither_paused_nor_resumed(fleet: Fleet, verb: Verb) -> None:
    """Illegal transitions are refused, and change nothing."""
    fleet.make("still", fleet.rig.shell("sleep 600"))
    fleet.do(Verb.STOP, "still")
    outcome = fleet.act(verb, "still")
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert fleet.state("still") is WorkerState.STOPPED


def test_ttl_ends_a_worker_never_early(fleet: Fleet) -> None:
    """The supervisor keeps the time, nobody has to look."""
    needs(fleet, "ttl")
    from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle

    made = fleet.make("short", fleet.rig.shell("sleep 600"), lifecycle=Lifecycle(ttl=1.0, grace=1.0))
    assert made.started_at is not None
    seen = fleet.wait("short", WorkerState.STOPPED)
    assert "time to live" in seen.reason
    ended = [event.at for event in fleet.provider.events(fleet.target("short"), 20) if event.event == "expired"]
    assert len(ended) == 1
    assert ended[0] - made.started_at >= 0.99

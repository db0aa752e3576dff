# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""worker_info waits until workers are as wanted, tells who is not, writes nothing, and keeps nobody away."""

from __future__ import annotations

import os
import signal

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

SLEEP = ["sleep", "600"]
#: It ends when a file `go` lies in its directory.
JOB = ["/bin/sh", "-c", "while ! test -e go; do sleep 0.05; done; exit $(cat go)"]
ONCE = {"policy": "never"}


def states(result: dict[str, object]) -> dict[str, str]:
    """Return the state of each worker that a result names."""
    return {one["address"]: one["state"] for one in result["workers"]}  # type: ignore[attr-defined]


def test_what_is_so_already_and_what_does_not_become_so(site: Site) -> None:
    """At once; and after the time, each worker with its state. Nothing that is there is named for a typo."""
    site.set([{"name": "a", "command": SLEEP}, {"name": "b", "command": SLEEP, "state": "stopped"}])
    _init, before, _made, ready, both, either, typo, gone, mistyped = site.tasks(
        task("fleet_init"),
        task("worker_info", wait=True, wait_timeout="300ms", check=True),
        task("fleet"),
        task("worker_info", wait=True, targets=["a"]),
        task("worker_info", wait=True, wait_timeout="300ms"),
        task("worker_info", wait=True, wait_states=["running", "stopped"], check=True),
        task("worker_info", wait=True, wait_timeout="300ms", targets=["nobody"]),
        task("worker_info", wait=True, wait_state="absent", targets=["nobody"]),
        task("worker_info", wait=True, wait_timeout="soon"),
    )
    assert before["msg"] == "after 300ms, not running: worker.a is absent; worker.b is absent"
    assert states(ready) == {"worker.a": "running"}
    assert both["msg"] == "after 300ms, not running: worker.b is stopped"
    assert states(both) == {"worker.b": "stopped"}
    assert states(either) == {"worker.a": "running", "worker.b": "stopped"}
    assert typo["msg"] == "after 300ms, not running: what nobody names is absent"
    assert not gone["failed"]
    assert "'soon' is not a duration" in mistyped["msg"]
    assert not any(one["changed"] for one in (before, ready, both, either, typo, gone))


def test_it_goes_on_when_workers_are_as_wanted(site: Site) -> None:
    """While it waits it holds no lease, so the same fleet is converged; and it outlives the supervisor."""
    site.set([{"name": "job", "count": 2, "command": JOB, "restart": ONCE}])
    site.one("fleet_init")
    wait = task("worker_info", wait=True, wait_states=["completed", "failed"], wait_timeout="100s")
    waiting = site.start(site.write("wait.yml", [{"hosts": "localhost", "gather_facts": False, "tasks": [wait]}]))
    site.play("converge")
    for index, code in ((0, "0"), (1, "3")):
        site.one(
            "worker_exec", address=f"job[{index}]", command=["/bin/sh", "-c", f"echo {code} >go.new; mv go.new go"]
        )
        if index == 0:
            assert waiting.poll() is None, "the other one has not ended"
            os.kill(site.supervisor(), signal.SIGKILL)
    done = site.finish(waiting)
    assert done.code == 0, done.output
    assert states(done.results[0])["worker.job[0]"] in ("completed", "failed")
    assert states(done.results[0])["worker.job[1]"] == "failed"


def test_what_cannot_be_seen_is_unknown(site: Site) -> None:
    """It is not said to be absent, and nobody who waits for that goes on."""
    site.set([{"name": "a", "command": SLEEP}])
    site.tasks(task("fleet_init"), task("fleet"))
    os.kill(site.supervisor(), signal.SIGSTOP)
    try:
        site.set(hodei_providers={"local": {"type": "process", "timeout": "500ms"}})
        shown, waited = site.tasks(
            task("worker_info"), task("worker_info", wait=True, wait_state="absent", wait_timeout="1s")
        )
    finally:
        os.kill(site.supervisor(), signal.SIGCONT)
    assert states(shown) == {"worker.a": "unknown"}
    assert "does not answer" in shown["workers"][0]["reason"]
    assert waited["msg"].startswith("after 1s, not absent: worker.a is unknown: provider 'local' could not be seen")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a first user: init, plan, converge, break, heal, change, destroy, by the playbooks that are shipped."""

from __future__ import annotations

import os
import re
import signal

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]


def test_from_an_empty_directory_to_nothing_left(site: Site) -> None:
    """The four playbooks, in the order in which the documentation tells them."""
    site.set(
        [{"name": "queue", "command": SLEEP}, {"name": "runner", "count": 2, "command": SLEEP, "depends_on": ["queue"]}]
    )

    first = site.play("init")
    lineage = re.search(r"hodei_lineage: ([0-9a-f-]{36})", first.output)
    assert first.changed == 1
    assert lineage, first.output
    site.set(hodei_lineage=lineage[1])

    before = sorted(str(path) for path in site.home.rglob("*"))
    planned = site.play("plan")
    assert re.search(r"\+ +worker\.runner\[0-1\] \(2\) +create", planned.output), planned.output
    assert "Plan for ci-test: 3 to create; 0 unchanged." in planned.output
    assert planned.changed == 1, "a plan with changes is changed, so that a rehearsal shows it"
    assert sorted(str(path) for path in site.home.rglob("*")) == before
    assert site.pids() == {}

    made = site.play("converge")
    assert made.changed == 1
    assert {one["status"] for one in made.results[0]["results"]} == {"done"}
    running = site.pids()
    assert sorted(running) == ["queue", "runner-0", "runner-1"]

    assert site.play("converge").changed == 0
    assert site.pids() == running
    assert "nothing to do; 3 workers are as the document says" in site.play("plan").output

    refused = site.run("destroy")
    assert refused.code == 2
    assert "this would delete every worker of 'ci-test'" in refused.output
    assert "set confirm: ci-test" in refused.output
    assert site.pids() == running

    gone = site.play("destroy", "-e", "hodei_confirm=ci-test")
    assert gone.changed == 1
    assert site.pids() == {}
    wait_for(lambda: not site.supervisor(), "the supervisor to leave when it has no workers")
    assert site.play("init").changed == 0


def test_check_mode_tells_what_converge_does(site: Site) -> None:
    """Check mode changes nothing, and the converge after it does exactly what it said."""
    site.set([{"name": "a", "count": 2, "command": SLEEP}])
    rehearsed, looked, done, again = site.tasks(
        task("fleet_init"), task("fleet", check=True), task("worker_info"), task("fleet"), task("fleet", check=True)
    )[1:]
    assert rehearsed["changed"]
    assert rehearsed["results"] == []
    assert {one["state"] for one in looked["workers"]} == {"absent"}
    assert done["changed"]
    assert [(one["address"], one["action"]) for one in rehearsed["plan"]["changes"]] == [
        (one["address"], one["action"]) for one in done["results"]
    ]
    assert not again["changed"]


def test_killed_worker_is_drift_and_heals(site: Site) -> None:
    """What the world changed is told apart from what the document changed."""
    site.set([{"name": "a", "count": 2, "command": SLEEP, "restart": "never"}])
    site.tasks(task("fleet_init"), task("fleet"))
    before = site.pids()
    os.kill(before["a-1"], signal.SIGKILL)
    wait_for(lambda: "a-1" not in site.pids(), "the kernel to end the worker")

    seen, healed, after = site.tasks(task("fleet_info"), task("fleet", diff=True), task("fleet"))
    assert [one["address"] for one in seen["drift"]] == ["worker.a[1]"]
    assert "signal 9" in seen["drift"][0]["reason"] or "SIGKILL" in seen["drift"][0]["reason"]
    assert seen["pending"] == 1
    text = healed["diff"]["prepared"]
    assert "Changed from outside since the last converge:" in text
    assert [one["address"] for one in healed["results"]] == ["worker.a[1]"]
    assert not after["changed"]
    now = site.pids()
    assert now["a-0"] == before["a-0"]
    assert now["a-1"] != before["a-1"]


def test_changes_of_the_document(site: Site) -> None:
    """A new command replaces, a new grace is taken over in place, a new count adds and removes."""
    first = {"name": "a", "count": 2, "command": SLEEP, "lifecycle": {"grace": "5s"}}
    later = {**first, "lifecycle": {"grace": "6s"}}
    other = {**later, "command": ["sleep", "1000000"]}
    fleet = [task("fleet", workers=[one], diff=True) for one in (first, later, other, {**other, "count": 3})]
    made, updated, replaced, grown = site.tasks(task("fleet_init"), *fleet)[1:]
    assert made["changed"]

    assert [one["action"] for one in updated["results"]] == ["update", "update"]
    assert "lifecycle.grace: 5s -> 6s" in updated["diff"]["prepared"]

    assert [one["action"] for one in replaced["results"]] == ["replace", "replace"]
    assert "command: [sleep, infinity] -> [sleep, 1000000]  (forces a new one)" in replaced["diff"]["prepared"].replace(
        '"', ""
    )

    assert [(one["address"], one["action"]) for one in grown["results"]] == [("worker.a[2]", "create")]
    before = site.pids()
    shrunk = site.one("fleet", workers=[{**other, "count": 1}])
    assert sorted((one["address"], one["action"]) for one in shrunk["results"]) == [
        ("worker.a[1]", "delete"),
        ("worker.a[2]", "delete"),
    ]
    assert site.pids() == {"a-0": before["a-0"]}


def test_targets_excludes_and_replace(site: Site) -> None:
    """A run can be narrowed, and a worker made anew although nothing asks for it."""
    site.set([{"name": "db", "command": SLEEP}, {"name": "web", "count": 2, "command": SLEEP, "depends_on": ["db"]}])
    targeted, excluded, rest, anew = site.tasks(
        task("fleet_init"),
        task("fleet", targets=["web[0]"]),
        task("fleet", excludes=["web"]),
        task("fleet"),
        task("fleet", replace=["worker.db"]),
    )[1:]
    assert [one["address"] for one in targeted["results"]] == ["worker.db", "worker.web[0]"], "with what it depends on"
    assert not excluded["changed"]
    assert [one["address"] for one in rest["results"]] == ["worker.web[1]"]
    assert [(one["address"], one["action"]) for one in anew["results"]] == [("worker.db", "replace")]
    assert site.play("converge", "-e", '{"hodei_replace": ["web[1]"]}').changed == 1

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking: worker_info, fleet_info, fleet_refresh, and state that is lost and rebuilt from the world."""

from __future__ import annotations

import os
import shutil
import signal

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]


def test_worker_info_and_fleet_info(site: Site, testbed: Testbed) -> None:
    """How workers are, what happened to them, where settings come from; runs, lease, drift and providers."""
    service = testbed.need("http")
    health = {"http": {"path": "/", "port": service.port}, "interval": "200ms", "failures": 2}
    site.set(
        [
            {"name": "web", "command": SLEEP, "ports": [{"name": "http"}], "health": health},
            {"name": "job", "command": ["true"], "restart": "never"},
            {"name": "later", "command": SLEEP, "state": "stopped"},
        ]
    )
    made, info, one, fleet = site.tasks(
        task("fleet_init"),
        task("fleet"),
        task("worker_info"),
        task("worker_info", targets=["web"], events=1),
        task("fleet_info", history=1),
    )[1:]
    assert not made["failed"], made.get("msg")
    workers = {worker["address"]: worker for worker in info["workers"]}
    assert {name: worker["state"] for name, worker in workers.items()} == {
        "worker.web": "running",
        "worker.job": "completed",
        "worker.later": "stopped",
    }
    assert service.requests > 0
    assert 20000 <= workers["worker.web"]["ports"]["http"] <= 29999
    assert workers["worker.job"]["exit_code"] == 0
    assert workers["worker.web"]["source"] == "hodei_workers"
    assert workers["worker.web"]["events"]
    assert [len(worker["events"]) for worker in one["workers"]] == [1]

    assert (fleet["owner"], fleet["drift"], fleet["pending"]) == (site.owner, [], 0)
    assert [(run["kind"], run["result"]) for run in fleet["history"]] == [("converge", "ok")]
    assert fleet["history"][0]["summary"]["done"] == 3
    assert fleet["lease"] is None, "nobody holds it now"
    assert fleet["providers"]["local"]["type"] == "process"
    assert fleet["providers"]["local"]["survives"] in ("session", "login", "boot", "container")
    assert fleet["workers"] == {"running": 1, "completed": 1, "stopped": 1}

    service.status = 503
    wait_for(lambda: site.one("worker_info", targets=["web"])["workers"][0]["state"] != "running", "the sick worker")


def test_lost_state_is_rebuilt_from_the_world(site: Site) -> None:
    """With the lineage in the document nothing is made twice, nothing replaced, and the history begins anew."""
    site.set([{"name": "a", "count": 2, "command": SLEEP}, {"name": "b", "command": SLEEP, "depends_on": ["a"]}])
    lineage = site.tasks(task("fleet_init"), task("fleet"))[0]["lineage"]
    before = site.pids()
    for path in site.home.glob("state.db*"):
        path.unlink()

    (blind,) = site.tasks(task("fleet"))
    assert blind["failed"]
    assert f"Put hodei_lineage into the document: {lineage}, which 3 of its objects here carry." in blind["msg"]
    site.set(hodei_lineage=lineage)
    without = {"vars": {"hodei_workers": [{"name": "b", "command": SLEEP}]}}
    planned, rebuilt, again, shrunk = site.tasks(
        task("fleet", check=True), task("fleet"), task("fleet"), task("fleet") | without
    )
    assert not planned["changed"]
    assert not rebuilt["changed"]
    assert any("rebuilt" in warning for warning in rebuilt["warnings"])
    assert not again.get("warnings") or not any("rebuilt" in warning for warning in again["warnings"])
    assert sorted(one["address"] for one in shrunk["results"] if one["action"] == "delete") == [
        "worker.a[0]",
        "worker.a[1]",
    ]
    assert site.pids() == {"b": before["b"]}


def test_refresh_and_foreign_lineage(site: Site) -> None:
    """Refresh follows the world; another team's objects under our owner are reported until they are adopted by name."""
    site.set([{"name": "a", "command": SLEEP, "restart": "never"}, {"name": "b", "command": SLEEP}])
    first = site.tasks(task("fleet_init"), task("fleet"))[0]["lineage"]
    before = site.pids()
    os.kill(before["a"], signal.SIGKILL)
    wait_for(lambda: "a" not in site.pids(), "the kernel to end the worker")
    rehearsed, refreshed, again = site.tasks(
        task("fleet_refresh", check=True), task("fleet_refresh"), task("fleet_refresh")
    )
    assert rehearsed["updated"] == refreshed["updated"] == ["worker.a"]
    assert refreshed["changed"]
    assert not again["changed"]

    # Another team initialises the same owner: the objects are there, state and lineage are theirs.
    for path in site.home.glob("state.db*"):
        path.unlink()
    theirs, refused, seen, adopted, after = site.tasks(
        task("fleet_init"),
        task("fleet"),
        task("fleet_info"),
        task("fleet_refresh", adopt_lineages=[first]),
        task("fleet"),
    )
    assert theirs["failed"] or theirs["lineage"] != first
    assert refused["failed"]
    assert f"belongs to lineage {first}" in refused["msg"]
    assert "adopt that with fleet_refresh" in refused["msg"]
    assert len(seen["foreign"]) == 2
    assert sorted(adopted["adopted"]) == ["worker.a", "worker.b"]
    assert not after["failed"]
    assert site.pids()["b"] == before["b"]


def test_document_of_another_lineage(site: Site) -> None:
    """A document that names another fleet's lineage is refused before anything is looked at."""
    other = "11111111-2222-4333-8444-555555555555"
    init, refused = site.tasks(
        task("fleet_init"), task("fleet", lineage=other, workers=[{"name": "a", "command": SLEEP}])
    )
    assert refused["failed"]
    assert other in refused["msg"]
    assert init["lineage"] in refused["msg"]
    shutil.rmtree(site.home)
    assert "was never initialised here" in site.refused("fleet", workers=[{"name": "a", "command": SLEEP}])


def test_capacity_and_the_pid(site: Site) -> None:
    """What the machine has, how many workers live on it, and which process each is."""
    site.set([{"name": "a", "count": 2, "command": ["sleep", "infinity"]}])
    capacity, found = site.tasks(
        task("fleet_init"), task("fleet"), task("capacity_info"), task("worker_info", events=0)
    )[2:]
    local = capacity["providers"]["local"]
    assert local["workers"] == 2
    assert 0 <= local["cpu_used"] <= local["cpu_total"]
    assert 0 < local["memory_used"] < local["memory_total"]
    assert not capacity["changed"]
    assert {one["details"]["pid"] for one in found["workers"]} == set(site.pids().values())

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers in the middle of a job, for real: the job writes its last line, whatever happens to those who wait for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

#: Works on a job until `go` is there, then writes its last line. Told by SIGQUIT it takes no other job, and ends.
SCRIPT = """
trap 'told=1' QUIT
cd "$PLACE"
while [ -z "$told" ]; do
  if [ -e job ] && [ ! -e "job.$WORKER_ID" ]; then
    touch "job.$WORKER_ID"
    echo begun >> out
    while [ ! -e go ]; do sleep 0.05; done
    echo last line >> out
    rm "job.$WORKER_ID" job
  fi
  sleep 0.05
done
echo ended >> out
"""
SECONDS = 90


@pytest.fixture
def site() -> Iterator[Site]:
    """A fleet of one worker that does jobs."""
    made = Site()
    made.play("init")
    yield made
    made.close()


def worker(site: Site, drain: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write a worker that works in the user's directory."""
    lifecycle = {"grace": "1s", "drain": {"interval": "100ms", **drain}, **more.pop("lifecycle", {})}
    env = {"PLACE": str(site.place), **more.pop("env", {})}
    return {
        "name": "runner",
        "command": ["sh", "-c", SCRIPT],
        "env": env,
        "restart": "always",
        **more,
        "lifecycle": lifecycle,
    }


TOLD = {"signal": "SIGQUIT"}
ASKED = {"busy": {"command": ["sh", "-c", 'test -e "$PLACE/job.$WORKER_ID"']}}


def at_work(site: Site, drain: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Converge with a job for the worker: it has that from its first moment."""
    one = worker(site, drain, **more)
    site.set([one])
    (site.place / "job").touch()
    site.play("converge")
    wait_for(lambda: "begun" in out(site), "the job to begin")
    return one


def out(site: Site) -> list[str]:
    """Return what the worker has written."""
    path = Path(site.place / "out")
    return path.read_text().splitlines() if path.exists() else []


def finish_job(site: Site) -> None:
    """Let the job come to its end."""
    (site.place / "go").touch()


def draining(site: Site) -> list[dict[str, Any]]:
    """Ask who finishes its work."""
    found: list[dict[str, Any]] = site.one("fleet_info")["draining"]
    return found


@pytest.mark.parametrize(
    "drain",
    [
        pytest.param(TOLD, id="told", marks=pytest.mark.soak),
        pytest.param(ASKED, id="asked"),
        pytest.param({**TOLD, **ASKED}, id="both", marks=pytest.mark.soak),
    ],
)
def test_a_worker_in_the_middle_of_a_job_is_replaced_and_the_job_finishes(site: Site, drain: dict[str, Any]) -> None:
    """The plan says so; converge waits; the successor is there afterwards."""
    one = at_work(site, drain)
    before = site.pids()["runner"]
    site.set([{**one, "env": {**one["env"], "NEW": "1"}}])
    assert "replace (when idle)" in site.play("plan").output
    run = site.start("converge")
    site.until(run, lambda: draining(site), "the worker to drain")
    assert site.pids()["runner"] == before
    assert out(site) == ["begun"]
    finish_job(site)
    assert site.finish(run).code == 0
    assert out(site)[:2] == ["begun", "last line"]
    assert site.pids()["runner"] != before
    assert site.play("converge").changed == 0


def test_the_job_finishes_although_converge_is_killed_while_it_waits(site: Site) -> None:
    """And the supervisor as well; the next converge goes on from there."""
    one = at_work(site, {**TOLD, **ASKED})
    before = site.pids()["runner"]
    site.set([{**one, "env": {**one["env"], "NEW": "1"}}])
    run = site.start("converge")
    site.until(run, lambda: draining(site), "the worker to drain")
    for pid in (site.until(run, lambda: site.module(run), "the module"), run.pid, site.supervisor()):
        os.kill(pid, signal.SIGKILL)
    run.wait(SECONDS)
    assert site.pids()["runner"] == before
    again = site.start("converge")
    site.until(again, lambda: site.waits(again), "converge to wait")
    assert site.pids()["runner"] == before
    finish_job(site)
    assert site.finish(again).code == 0
    # Idle by its own word, it may be stopped before it says more.
    assert out(site)[:2] == ["begun", "last line"]
    assert site.pids()["runner"] != before


def test_a_converge_that_does_not_wait(site: Site) -> None:
    """The supervisor deletes the worker as soon as it is idle, also one that comes after the present one."""
    at_work(site, ASKED)
    site.set([])
    done = site.play("converge", "-e", "hodei_wait_for_drain=false", "-e", "hodei_allow_empty=true")
    (result,) = [one for one in done.results if "results" in one]
    assert [one["status"] for one in result["results"]] == ["waiting"]
    assert [one["address"] for one in result["overdue"]] == ["worker.runner"]
    assert "hodei_drain=false" in done.output
    (found,) = draining(site)
    assert (found["address"], found["then"], found["told"]) == ("worker.runner", "delete", False)
    os.kill(site.supervisor(), signal.SIGKILL)
    assert "delete (when idle)" in site.play("plan", "-e", "hodei_allow_empty=true").output
    site.play("converge", "-e", "hodei_wait_for_drain=false", "-e", "hodei_allow_empty=true")
    finish_job(site)
    wait_for(lambda: not site.pids(), "the worker to be deleted")
    assert out(site) == ["begun", "last line"]


def test_stop_restart_and_destroy_wait_and_force_does_not(site: Site) -> None:
    """One task each; the emergency exit is named in the message."""
    one = at_work(site, {**ASKED, "timeout": "500ms"})
    stopped, forced = site.tasks(
        task("worker", {**one, "state": "restarted"}), task("worker", {**one, "state": "stopped", "drain": False})
    )
    assert stopped["failed"]
    assert "does not become idle within 500ms" in stopped["msg"]
    assert "hodei_drain=false" in stopped["msg"]
    assert not forced["failed"]
    assert not site.pids()
    assert out(site) == ["begun"]


def test_a_restart_for_changed_files_waits_for_the_job(site: Site) -> None:
    """The files change at once, the process when it is idle."""
    one = at_work(site, ASKED, files=[{"path": "app.conf", "content": "one"}])
    before = site.pids()["runner"]
    site.set([{**one, "files": [{"path": "app.conf", "content": "two"}]}])
    plan = site.play("plan").output
    assert "update, restart (when idle)" in plan
    assert "files.app.conf.content changed; restart" in plan
    run = site.start("converge")
    site.until(run, lambda: draining(site), "the worker to drain")
    (conf,) = site.home.rglob("app.conf")
    assert conf.read_text() == "two"
    assert (site.pids()["runner"], out(site)) == (before, ["begun"])
    finish_job(site)
    assert site.finish(run).code == 0
    assert out(site)[:2] == ["begun", "last line"]
    assert site.pids()["runner"] != before
    assert site.play("converge").changed == 0


def test_an_edit_of_the_drain_is_an_update_in_place(site: Site) -> None:
    """Nothing is drained for it, nothing restarted, though the worker is at work; the plan names what changed."""
    one = at_work(site, ASKED)
    before = site.pids()
    interval = {"interval": "100ms"}
    edits: dict[str, Any] = {
        "lifecycle.drain.timeout changed": {"drain": {**interval, **ASKED, "timeout": "500ms"}},
        "lifecycle.drain.signal, lifecycle.drain.timeout changed": {"drain": {**interval, **TOLD, **ASKED}},
        "lifecycle.drain.busy.command, lifecycle.drain.interval, lifecycle.drain.signal changed": {},
    }
    workers = [{**one, "lifecycle": {"grace": "1s", **edit}} for edit in edits.values()]
    edited = site.tasks(*(task("fleet", workers=[worker], diff=True) for worker in workers))
    for result, reason in zip(edited, edits, strict=True):
        assert [(item["action"], item["status"]) for item in result["results"]] == [("update", "done")]
        assert f"worker.runner  update  {reason}" in result["diff"]["prepared"]
    assert "lifecycle.drain.timeout: 30m -> 500ms" in edited[0]["diff"]["prepared"]
    assert (site.pids(), out(site)) == (before, ["begun"])


def test_its_time_to_live_ends_after_the_job(site: Site) -> None:
    """Nobody has to look."""
    at_work(site, ASKED, lifecycle={"ttl": "3s"})
    wait_for(lambda: [one for one in draining(site) if one["expiring"]], "its time to live to end")
    assert out(site) == ["begun"]
    finish_job(site)
    wait_for(lambda: not site.pids(), "the worker to stop")
    assert out(site) == ["begun", "last line"]

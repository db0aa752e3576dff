# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that leave the fleet and run on: forgotten by name, and by what their document said about leaving it."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, task

SLEEP = ["sleep", "infinity"]


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def done(result: Result) -> dict[str, str]:
    return {one["address"]: f"{one['action']} {one['status']}" for one in result["results"]}


def test_forgotten_by_name(site: Site) -> None:
    """It runs on, nothing touches it any more, and a document that still names it gets another one, as the plan says."""
    site.set(workers=[worker("a"), worker("b", lifecycle={"prevent_destroy": True})])
    site.tasks(task("fleet_init"), task("fleet"))
    pids = site.pids()
    rehearsed, forgotten, again, nothing, waiting = site.tasks(
        task("fleet_forget", targets=["a"], check=True, diff=True),
        task("fleet_forget", targets=["a"]),
        task("fleet_forget", targets=["a"]),
        task("fleet_forget", targets=["nobody"]),
        task("fleet_forget", targets=["b"], wait_for_drain=False),
    )
    assert rehearsed["changed"]
    assert (
        "<-  worker.a  release  asked to be forgotten: it runs on and belongs to nobody"
        in rehearsed["diff"]["prepared"]
    )
    assert done(forgotten) == {"worker.a": "release done"}
    assert not again["changed"]
    assert not nothing["changed"]
    assert site.pids() == pids
    assert "wait_for_drain. Supported parameters" in waiting["msg"], (
        "nothing is stopped, so there is nothing to wait for"
    )
    assert "no targets are given" in site.refused("fleet_forget", targets=[])

    planned = site.one("fleet_plan")
    assert [(one["address"], one["action"]) for one in planned["plan"]["changes"]] == [("worker.a", "create")]
    site.one("fleet", workers=[worker("b", lifecycle={"prevent_destroy": True})])
    assert site.pids() == pids, "no prune touches what was forgotten"
    site.one("fleet_forget", targets=["b"])
    assert site.one("fleet", state="absent", confirm=site.owner)["results"] == []
    assert site.pids() == pids


def test_forgotten_when_it_leaves_the_document(site: Site) -> None:
    """Vanished, or scaled away, and although state was lost meanwhile; destroy is another matter."""
    keep = {"on_remove": "forget"}
    site.set(workers=[worker("a", lifecycle=keep), worker("b", count=2, lifecycle=keep)])
    begun, _unused = site.tasks(task("fleet_init"), task("fleet"))
    pids = site.pids()
    site.set(workers=[worker("b", count=1, lifecycle=keep)], hodei_lineage=begun["lineage"])
    for path in site.home.glob("state.db*"):
        path.unlink()  # who is to be let go says so itself
    planned = site.play("plan")
    assert "<-  worker.a     release  no longer in the document: it runs on and belongs to nobody" in planned.output
    assert "2 to release" in planned.output
    converged = site.play("converge").results[0]
    released = {"worker.a": "release done", "worker.b[1]": "release done"}
    assert done(converged) == {**released, "worker.b[0]": "adopt done"}
    assert site.pids() == pids
    assert site.play("converge").changed == 0
    site.one("fleet", state="absent", confirm=site.owner)
    assert set(site.pids()) == {"a", "b-1"}

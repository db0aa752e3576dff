# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that get another name: the same processes go on, with and without state, and what is wrong is said before anything is done."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def actions(result: Result) -> dict[str, str]:
    return {one["address"]: one["action"] for one in result["plan"]["changes"]}


def native(site: Site) -> dict[str, dict[str, Any]]:
    """Each worker as the provider shows it, by address."""
    return {one["address"]: one for one in site.one("worker_info")["workers"]}


def test_workers_are_renamed_and_nothing_is_made_anew(site: Site) -> None:
    """One, several, an instance of its own name, one that changes as well; then again, with nothing to do."""
    site.tasks(task("fleet_init"))
    before = [worker("plain"), worker("many", count=2), worker("web", count=1), worker("changing")]
    made = site.one("fleet", workers=before)
    assert set(actions(made).values()) == {"create"}
    pids, was = site.pids(), native(site)

    moved = [
        {"from": "worker.plain", "to": "worker.renamed"},
        {"from": "many", "to": "several"},
        {"from": "worker.web[0]", "to": "worker.api"},
        {"from": "changing", "to": "between"},
        {"from": "between", "to": "changed"},
    ]
    after = [worker("renamed"), worker("several", count=2), worker("api"), worker("changed", lifecycle={"grace": "3s"})]
    site.set(workers=after, hodei_moved=moved)
    planned = site.play("plan")
    assert "=>  worker.renamed           move    moved from worker.plain" in planned.output
    assert "=>  worker.several[0-1] (2)  move    moved from worker.many" in planned.output
    assert "~   worker.changed           update  moved from worker.changing; lifecycle.grace changed" in planned.output
    assert "4 to move" in planned.output
    done = site.play("converge").results[0]
    assert {one["status"] for one in done["results"]} == {"done"}
    assert site.pids() == pids, "no process was touched"
    now = native(site)
    assert set(now) == {"worker.renamed", "worker.several[0]", "worker.several[1]", "worker.api", "worker.changed"}
    assert now["worker.renamed"]["started_at"] == was["worker.plain"]["started_at"]
    assert any(one["event"] == "moved" for one in now["worker.api"]["events"])

    again = site.play("converge")
    assert again.changed == 0, "the entries may stay"

    restarted = site.one("worker", workers=[worker("renamed")], state="restarted")
    assert restarted["workers"][0]["state"] == "running"
    assert "renamed" in site.pids(), "from its next start on it knows its new name"
    gone = site.one("fleet", state="absent", confirm=site.owner)
    assert len(gone["results"]) == 5
    assert site.pids() == {}


def test_a_move_after_state_was_lost(site: Site) -> None:
    """The labels of what runs still carry the old name."""
    lineage = site.one("fleet_init")["lineage"]
    site.one("fleet", workers=[worker("old", count=3)])
    pids = site.pids()
    for path in site.home.glob("state.db*"):
        path.unlink()
    site.set(workers=[worker("new", count=3)], hodei_lineage=lineage, hodei_moved=[{"from": "old", "to": "new"}])
    done = site.play("converge")
    assert [one["action"] for one in done.results[0]["results"]] == ["move"] * 3
    assert site.pids() == pids
    assert site.play("converge").changed == 0


def test_a_move_in_a_document_and_in_a_saved_plan(site: Site) -> None:
    """The entries are part of the document; a plan made before they changed is stale."""
    site.tasks(task("fleet_init"))
    site.one("fleet", workers=[worker("old")])
    site.write("fleet.yml", {"workers": [worker("new")], "moved": [{"from": "old", "to": "new"}]})
    path = str(site.place / "a.plan")
    saved, applied = site.tasks(
        task("fleet_plan", document="fleet.yml", path=path), task("fleet", document="fleet.yml", plan=path)
    )
    assert actions(saved) == {"worker.new": "move"}
    assert [one["status"] for one in applied["results"]] == ["done"]

    site.write("fleet.yml", {"workers": [worker("newer")], "moved": [{"from": "new", "to": "newer"}]})
    site.one("fleet_plan", document="fleet.yml", path=path)
    site.write("fleet.yml", {"workers": [worker("newer")]})
    assert "the document has changed since" in site.refused("fleet", document="fleet.yml", plan=path)


def test_what_cannot_be_meant(site: Site) -> None:
    """Each contradiction with its place; both there: the new one wins, and the plan says so."""
    site.tasks(task("fleet_init"))
    said = site.refused(
        "fleet",
        workers=[worker("a")],
        moved=[{"from": "a", "to": "b"}, {"from": "x", "to": "y"}, {"from": "y", "to": "x"}, {"from": "z", "to": "y"}],
    )
    assert "moved[1]: workers move in a circle: worker.x -> worker.y -> worker.x" in said
    assert "moved[3]: worker.x and worker.z both move to worker.y" in said
    still = site.refused("fleet", workers=[worker("a")], moved=[{"from": "a", "to": "b"}])
    assert "moved[0]: worker.a moves to worker.b, but the document still has a worker worker.a" in still

    site.one("fleet", workers=[worker("old"), worker("new")])
    both = site.one("fleet", workers=[worker("new")], moved=[{"from": "old", "to": "new"}])
    assert actions(both) == {"worker.old": "delete"}
    assert any("worker.old was to move to worker.new" in text for text in both["plan"]["warnings"])
    assert set(site.pids()) == {"new"}


def test_moved_and_its_files_changed_in_one_update(site: Site) -> None:
    """The same process, told of its new file under its new name; without a reload another one."""
    site.tasks(task("fleet_init"))
    reading = ["sh", "-c", "trap 'cp app.conf seen' HUP; cp app.conf seen; while :; do sleep 0.05; done"]

    def having(content: str, name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "command": reading, "files": [{"path": "app.conf", "content": content}], **more}

    reload = {"reload": {"signal": "SIGHUP"}}
    site.one("fleet", workers=[having("one", "told", **reload), having("one", "restarted")])
    pids = site.pids()
    site.set(
        workers=[having("two", "told-anew", **reload), having("two", "started-anew")],
        hodei_moved=[{"from": "told", "to": "told-anew"}, {"from": "restarted", "to": "started-anew"}],
    )
    planned = site.play("plan").output
    assert "moved from worker.told; files.app.conf.content changed; reload by SIGHUP" in planned
    assert "moved from worker.restarted; files.app.conf.content changed; restart" in planned
    done = site.play("converge").results[0]
    assert {one["status"] for one in done["results"]} == {"done"}
    seen = list(site.home.rglob("seen"))
    wait_for(lambda: [path.read_text() for path in seen] == ["two", "two"], "both to read their new file")
    assert len(native(site)) == 2
    assert pids["told"] in site.pids().values()
    assert pids["restarted"] not in site.pids().values()
    assert site.play("converge").changed == 0

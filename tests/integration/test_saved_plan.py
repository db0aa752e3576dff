# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that somebody reviews is applied exactly, or refused with the reason."""

from __future__ import annotations

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

ROOM = "ansible.builtin."


def test_saved_plan_is_applied_exactly_or_refused(site: Site) -> None:
    """Applied, used up, edited, expired, another document's, another fleet's, and a world that moved on."""
    plan, pid = str(site.place / "monday.plan"), str(site.place / "pid")
    first = [{"name": "a", "command": ["sh", "-c", f"echo $$ > {pid}; exec sleep infinity"], "restart": "never"}]
    second = [*first, {"name": "b", "command": ["sleep", "infinity"]}]
    save = task("fleet_plan", workers=second, path=plan)
    results = site.tasks(
        task("fleet_init"),
        task("fleet_init", owner="others"),
        task("fleet_plan", workers=first, path=plan),
        task("fleet", workers=first, plan=plan),
        task("fleet", workers=first, plan=plan),
        save,
        task("fleet", workers=first, plan=plan),
        task("fleet", workers=second, plan=plan, owner="others"),
        task(f"{ROOM}replace", path=plan, regexp="worker.b", replace="worker.c"),
        task("fleet", workers=second, plan=plan),
        task("fleet_plan", workers=second, path=plan, expires="0s"),
        task("fleet", workers=second, plan=plan),
        save,
        task(f"{ROOM}shell", {"cmd": f"kill -9 $(cat {pid}); while kill -0 $(cat {pid}); do sleep 0.05; done"}),
        task("fleet", workers=second, plan=plan),
        task(f"{ROOM}copy", dest=plan, content="no plan"),
        task("fleet", workers=second, plan=plan),
        task("fleet", workers=second, plan=f"{plan}.missing"),
    )
    saved, applied, used, _unused, other_document, foreign = results[2:8]
    edited, expired, moved, garbage, missing = results[9], results[11], results[14], results[16], results[17]

    assert saved["changed"]
    assert saved["path"] == plan
    assert [one["address"] for one in applied["results"]] == ["worker.a"]
    expected = {
        "used": (used, "the plan is stale: the fleet has changed since"),
        "other document": (other_document, "the plan is stale: the document has changed since"),
        "foreign": (foreign, "the plan is for owner 'ci-test'"),
        "edited": (edited, "the plan was edited"),
        "expired": (expired, "the plan expired"),
        "world": (moved, "the plan is stale: the world has changed since, at worker.a"),
        "garbage": (garbage, "this is not a saved plan"),
        "missing": (missing, "cannot be read: No such file or directory"),
    }
    for what, (result, words) in expected.items():
        assert result["failed"], what
        assert words in result["msg"], what
        assert not result["changed"], what
    assert site.pids() == {}, "the killed worker was not healed, nothing else was made"


def test_playbooks_save_and_apply(site: Site) -> None:
    """The two playbooks share one variable."""
    site.set([{"name": "a", "command": ["sleep", "infinity"]}])
    site.play("init")
    saved = site.play("plan", "-e", "hodei_plan=monday.plan")
    assert "1 to create" in saved.output
    site.play("converge", "-e", "hodei_plan=monday.plan")
    assert sorted(site.pids()) == ["a"]
    asked = ("plan", "-e", "hodei_detailed_exitcode=true")
    site.play(*asked)
    site.set([{"name": "b", "command": ["sleep", "infinity"]}])
    pending = site.run(*asked)
    assert pending.code == 2, "for a pipeline that wants to know by the exit code"
    assert "1 to create, 1 to delete" in pending.results[-1]["msg"]
    mistyped = site.run("plan", "-e", "hodei_detailed_exitcode=ture")
    assert "it takes true or false" in mistyped.results[-1]["msg"], "a typo does not open a gate"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker module: every state, one worker and many, and nothing but what it names."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, task

SLEEP = ["sleep", "infinity"]


def states(result: Result) -> dict[str, str]:
    return {one["address"]: one["state"] for one in result["workers"]}


def actions(result: Result) -> list[str]:
    return [one["action"] for one in result["results"]]


def test_states_of_a_single_worker(site: Site) -> None:
    """Each state is reached, kept when it is there already, and check mode tells it first."""

    def one(state: str, **keywords: Any) -> dict[str, Any]:
        return task("worker", name="a", command=SLEEP, state=state, **keywords)

    rehearsed, made, again = site.tasks(task("fleet_init"), one("present", check=True), one("present"), one("present"))[
        1:
    ]
    assert rehearsed["changed"]
    assert rehearsed["workers"] == []
    assert actions(made) == ["create"]
    assert states(made) == {"worker.a": "running"}
    assert not again["changed"]

    (paused, paused_again, kept, stopped, kept_stopped, started, restarted, gone, gone_again) = site.tasks(
        one("paused"),
        one("paused"),
        one("present"),
        one("stopped"),
        one("present"),
        one("started"),
        one("restarted"),
        one("absent"),
        one("absent"),
    )
    assert states(paused) == {"worker.a": "paused"}
    assert not paused_again["changed"]
    assert not kept["changed"], "what was paused on purpose stays so"
    assert states(stopped) == {"worker.a": "stopped"}
    assert not kept_stopped["changed"]
    assert states(started) == {"worker.a": "running"}
    assert actions(restarted) == ["restart"]
    assert restarted["workers"][0]["started_at"] > started["workers"][0]["started_at"]
    assert actions(gone) == ["delete"]
    assert states(gone) == {}
    assert not gone_again["changed"]
    assert site.pids() == {}


def test_touches_only_what_it_names(site: Site) -> None:
    """A task about two workers neither prunes nor heals a third."""
    several: list[dict[str, Any]] = [{"name": name, "command": SLEEP} for name in ("a", "b", "c")]
    made, narrowed, stopped, deleted, _unused, protected = site.tasks(
        task("fleet_init"),
        task("worker", workers=several),
        task("worker", workers={"a": {"command": SLEEP, "count": 1}}),
        task("worker", workers=several[:2], state="stopped"),
        task("worker", {"name": "b", "state": "absent"}),
        task("worker", workers=[{"name": "a", "command": SLEEP, "lifecycle": {"prevent_destroy": True}}]),
        task("worker", {"name": "a", "state": "absent"}),
    )[1:]
    assert states(made) == {"worker.a": "running", "worker.b": "running", "worker.c": "running"}
    assert {one["address"] for one in narrowed["results"]} <= {"worker.a", "worker.a[0]"}
    assert set(site.pids()) == {"c"}
    assert states(stopped)["worker.b"] == "stopped"
    assert [(one["address"], one["action"]) for one in deleted["results"]] == [("worker.b", "delete")]
    assert protected["failed"], "the protection that state remembers counts, although the task is silent about it"
    assert "prevent_destroy" in protected["msg"]

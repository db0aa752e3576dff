# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vanishes from the document is deleted, but never more than anybody meant."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, task

SLEEP = ["sleep", "infinity"]


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def deleted(result: Result) -> list[str]:
    return sorted(one["address"] for one in result["results"] if one["action"] == "delete")


def test_guards_of_prune(site: Site) -> None:
    """Too many at once, everything, and what is protected: each is refused before anything is touched."""
    safe = worker("safe", lifecycle={"prevent_destroy": True})
    five = [worker(name) for name in ("a", "b", "c", "d", "e")]
    unprotected, cured = worker("safe"), task("fleet", workers=[*five, worker("safe")])
    everything = task("fleet", workers=[*five, safe])
    many, none, protected, kept, few, meant, freed, empty = site.tasks(
        task("fleet_init"),
        everything,
        task("fleet", workers=[safe, five[0]]),
        task("fleet", workers=[]),
        task("fleet", workers=five),
        task("fleet", workers=[safe], prune=False),
        task("fleet", workers=[safe, *five[:3]]),
        task("fleet", workers=[safe], max_deletes=3),
        cured | {"hodei.workers.fleet": {"workers": [unprotected]}},
        task("fleet", workers=[], allow_empty=True),
    )[2:]

    assert many["failed"]
    assert "4 workers vanished from the document and would be deleted" in many["msg"]
    assert "set max_deletes: 4" in many["msg"]
    assert none["failed"]
    assert "the document lists no workers, while 'ci-test' has 6" in none["msg"]
    assert "allow_empty: true" in none["msg"]
    assert protected["failed"]
    assert "worker.safe" in protected["msg"]
    assert "prevent_destroy" in protected["msg"]
    for refused in (many, none, protected):
        assert not refused["changed"]
        assert refused["problems"], "machine-readable, too"
    assert not kept["changed"]
    assert deleted(few) == ["worker.d", "worker.e"]
    assert deleted(meant) == ["worker.a", "worker.b", "worker.c"]
    assert [one["action"] for one in freed["results"]] == ["update"], "to lift a protection touches no process"
    assert deleted(empty) == ["worker.safe"]
    assert site.pids() == {}


def test_fragment_that_a_run_cannot_see_is_kept(site: Site) -> None:
    """Without the group's variables its workers are unknown, not unwanted; only by name are they given up."""
    site.set([worker("a")])
    site.groups = {"web": {"hosts": ["localhost"], "vars": {"hodei_workers__web": [worker("w", count=2)]}}}
    site.tasks(task("fleet_init"), task("fleet"))
    assert sorted(site.pids()) == ["a", "w-0", "w-1"]

    site.groups = {}
    planned, kept, gone = site.tasks(
        task("fleet_plan"), task("fleet"), task("fleet", prune_fragments=["hodei_workers__web"], max_deletes=2)
    )
    assert "Kept, although the document does not name them" in planned["text"]
    assert "hodei_workers__web" in planned["text"]
    assert not kept["changed"]
    assert any("not in the document, but kept: 2 workers" in warning for warning in kept["warnings"])
    assert deleted(gone) == ["worker.w[0]", "worker.w[1]"]


def test_inventory_that_suddenly_lists_no_workers(site: Site) -> None:
    """Another inventory by accident: the play fails, says what to look at, and everything lives on."""
    site.set([worker("a", count=2)])
    site.tasks(task("fleet_init"), task("fleet"))
    before = site.pids()
    del site.variables["hodei_workers"]
    gone = site.run("converge")
    assert gone.code == 2
    assert "the document lists no workers, while 'ci-test' has 2" in gone.output
    assert "look at the inventory, --limit" in gone.output
    assert site.pids() == before


def test_each_host_is_a_fleet_of_its_own(site: Site) -> None:
    """A host that is limited away is not touched; two names of one machine with one owner are refused."""
    site.hosts = {"one": {"hodei_owner": "one"}, "two": {"hodei_owner": "two"}}
    site.set([worker("{{ inventory_hostname }}")])
    everywhere = ("-e", "hodei_hosts=all")
    site.play("init", *everywhere)
    site.play("converge", *everywhere)
    assert sorted(site.pids()) == ["one", "two"]
    site.set([worker("other")])
    site.play("converge", *everywhere, "--limit", "one")
    assert sorted(site.pids()) == ["other", "two"]

    site.hosts = {"one": {}, "two": {}}
    refused = site.run("converge", *everywhere)
    assert refused.code == 2
    assert "hosts 'one' and 'two' are this same machine and have the same owner 'ci-test'" in refused.output
    assert "give each its own hodei_owner" in refused.output

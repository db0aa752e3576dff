# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orphans, as an operator meets them: a fleet whose state and document are gone, and its workers run on."""

from __future__ import annotations

import time

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

SLEEP = ["sleep", "infinity"]


def test_what_a_lost_fleet_left_behind(site: Site) -> None:
    """Listed, rehearsed, deleted by name and age; our own workers go on."""
    site.set(
        [{"name": "old", "command": SLEEP}, {"name": "kept", "command": SLEEP, "lifecycle": {"prevent_destroy": True}}]
    )
    lost = site.tasks(task("fleet_init"), task("fleet"))[0]["lineage"]
    for path in site.home.glob("state.db*"):
        path.unlink()
    site.set([{"name": "new", "command": SLEEP}])
    init, made = site.tasks(task("fleet_init"), task("fleet"))
    assert init["lineage"] != lost
    assert not made["failed"], made.get("msg")
    before = site.pids()
    assert sorted(before) == ["kept", "new", "old"]
    time.sleep(1.1)  # what is older than a second has to be that old
    absent = {"state": "absent", "older_than": "1s"}
    listed, unnamed, early, rehearsed, done, again = site.tasks(
        task("fleet_orphans"),
        task("fleet_orphans", absent),
        task("fleet_orphans", absent, older_than="1d", lineages=[lost]),
        task("fleet_orphans", absent, lineages=[lost], check=True),
        task("fleet_orphans", absent, lineages=[lost]),
        task("fleet_orphans", absent, lineages=[lost]),
    )
    assert not listed["changed"]
    assert {one["address"]: one["lineage"] for one in listed["orphans"]} == {"worker.old": lost, "worker.kept": lost}
    assert unnamed["failed"]
    assert "state: absent needs the lineages that may go" in unnamed["msg"]
    assert (early["changed"], early["collected"]) == (False, [])
    assert "not yet 24 h" in early["orphans"][0]["kept"]
    assert rehearsed["changed"]
    assert rehearsed["collected"] == done["collected"] == ["worker.old"]
    assert (again["changed"], again["collected"]) == (False, [])
    assert site.pids() == {"kept": before["kept"], "new": before["new"]}

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State and key are saved and brought back; what would do harm is refused; the next converge puts the rest right."""

from __future__ import annotations

import json
import shutil
import stat
import time
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.support.playbook import Site, task

SLEEP = ["sleep", "infinity"]


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def test_there_and_back(site: Site) -> None:
    """Everything is lost but the workers; after a restore a converge knows them all, also those that came later."""
    site.set(workers=[worker("a"), worker("b")])
    lineage = site.one("fleet_init")["lineage"]
    site.play("converge")
    site.play("backup", "-e", "hodei_backup=fleet.backup")
    path = site.place / "fleet.backup"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {one.name for one in site.place.iterdir() if "backup" in one.name} == {"fleet.backup"}
    site.set(workers=[worker("a", lifecycle={"grace": "3s"}), worker("b"), worker("later")])
    site.play("converge")
    pids = site.pids()

    newer = site.run("restore", "-e", "hodei_backup=fleet.backup")
    assert newer.code != 0
    assert "is newer: its serial is" in newer.output
    for file in (*site.home.glob("state.db*"), site.home / "fleet.key"):
        file.unlink()
    site.set(hodei_lineage=lineage)
    restored = site.play("restore", "-e", "hodei_backup=fleet.backup").results[0]
    assert (restored["changed"], restored["lineage"]) == (True, lineage)
    assert stat.S_IMODE((site.home / "fleet.key").stat().st_mode) == 0o600
    assert site.play("restore", "-e", "hodei_backup=fleet.backup").changed == 0
    converged = site.play("converge").results[0]
    assert {one["action"] for one in converged["results"]} <= {"adopt", "update"}
    assert site.pids() == pids
    assert site.play("converge").changed == 0


def test_what_is_not_restored(site: Site) -> None:
    """Another owner's, another lineage's, a damaged one, none at all, one under a live lease; force is for age alone."""
    site.set(workers=[worker("a")])
    site.tasks(task("fleet_init"), task("fleet"))
    path = str(site.place / "a.backup")
    site.one("fleet_backup", path=path)
    wish = {"path": path, "state": "restored", "force": True}
    assert "is of owner 'ci-test', not of 'another'" in site.refused("fleet_backup", **wish, owner="another")
    other = "0c6f0000-0000-4000-8000-00000000000f"
    assert f"the document of {other}" in site.refused("fleet_backup", **wish, lineage=other)

    text = json.loads((site.place / "a.backup").read_text())
    (site.place / "bad.backup").write_text(json.dumps(text | {"serial": 99}))
    (site.place / "no.backup").write_text("hello")
    damaged, none, missing = (
        site.refused("fleet_backup", path=str(site.place / name), state="restored")
        for name in ("bad.backup", "no.backup", "missing.backup")
    )
    assert "its checksum is wrong" in damaged
    assert "is no backup of a fleet" in none
    assert "cannot be read" in missing

    site.one("fleet", workers=[worker("a"), worker("b")])
    store = SqliteState(site.home / "state.db")
    lease = store.acquire("somebody@elsewhere:1:1", 600.0, time.time())
    assert "is being changed by" in site.refused("fleet_backup", **wish)
    store.release(lease)
    store.close()
    rehearsed, forced = site.tasks(task("fleet_backup", wish, check=True), task("fleet_backup", wish))
    assert rehearsed["changed"]
    assert forced["changed"]
    pids = site.pids()
    site.one("fleet", workers=[worker("a"), worker("b")])
    assert site.pids() == pids, "what came after the backup is found again"
    shutil.rmtree(site.home / "providers", ignore_errors=True)

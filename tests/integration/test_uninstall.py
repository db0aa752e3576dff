# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of an owner: refused while it has workers, and nothing is left afterwards."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

SLEEP = ["sleep", "infinity"]


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def test_uninstalled(site: Site) -> None:
    """Named, refused, destroyed first; then neither a process nor a file is left, and once more changes nothing."""
    site.set(workers=[worker("a")])
    site.tasks(task("fleet_init"), task("fleet"))
    pids = site.pids()
    unnamed = site.run("uninstall")
    assert unnamed.code != 0
    assert "set confirm: ci-test" in unnamed.output
    alive = site.run("uninstall", "-e", "hodei_confirm=ci-test")
    assert alive.code != 0
    assert "'ci-test' still has 1 worker: worker.a" in alive.output
    assert "hodei_leave_workers=true" in alive.output
    assert site.pids() == pids
    site.play("destroy", "-e", "hodei_confirm=ci-test")
    done = site.play("uninstall", "-e", "hodei_confirm=ci-test").results[0]
    assert (done["changed"], done["left"]) == (True, [])
    assert not site.home.exists()
    assert site.supervisor() == 0
    assert site.play("uninstall", "-e", "hodei_confirm=ci-test").changed == 0


def test_workers_that_may_stay(site: Site) -> None:
    """They run on and belong to nobody; only what they use is left."""
    site.set(workers=[worker("a", lifecycle={"prevent_destroy": True}), worker("b")])
    site.tasks(task("fleet_init"), task("fleet"))
    pids = site.pids()
    done = site.play("uninstall", "-e", "hodei_confirm=ci-test", "-e", "hodei_leave_workers=true").results[0]
    assert done["changed"]
    assert {path.rpartition("/process/")[2].split("/")[0] for path in done["left"]} == {"logs", "workers"}
    assert site.pids() == pids
    assert site.supervisor() == 0
    assert not (site.home / "fleet.key").exists()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that gets another owner: the same processes go on, with and without state, and what is wrong is said before anything is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

SLEEP = ["sleep", "infinity"]
NEW = "ci-new"


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def entry(old: str, new: str = NEW) -> dict[str, str]:
    return {"from": f"owner.{old}", "to": f"owner.{new}"}


def rename(site: Site, new: str = NEW, **variables: Any) -> str:
    """Edit the inventory as somebody does who gives a fleet another owner; returns the old one."""
    old, site.owner = site.owner, new
    site.set(hodei_owner=new, hodei_moved=[entry(old, new)], **variables)
    return old


def environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def test_another_owner(site: Site) -> None:
    """Planned, moved, moved already; the old name is free when the last process that knew it is gone."""
    workers = [worker("a"), worker("b", count=2)]
    site.tasks(task("fleet_init"), task("fleet", workers=workers))
    pids, old = site.pids(), site.home
    home = environment(pids["a"])["HOME"]

    rename(site, hodei_workers=workers)
    planned = site.play("plan", "-e", "hodei_detailed_exitcode=false")
    assert "=>  owner ci-test -> ci-new, 3 workers move" in planned.output
    assert not old.is_symlink()
    assert not site.home.exists(), "nothing was touched"
    early, done, again = site.tasks(task("worker", workers=[worker("a")]), task("fleet", diff=True), task("fleet"))
    assert "the fleet still belongs to owner 'ci-test' here" in early["msg"]
    assert done["changed"]
    assert done["plan"]["owner_from"] == "ci-test"
    assert "=>  owner ci-test -> ci-new, 3 workers move" in done["diff"]["prepared"]
    assert not again["changed"], "the entry may stay"
    assert site.pids() == pids, "no process was touched"
    assert Path(home).is_dir(), "what the process has been told is still true"

    seen, refused, _restarted, _settled = site.tasks(
        task("worker_info"),
        task("fleet_init", owner="ci-test", moved=[]),
        task("worker", workers=workers, state="restarted"),
        task("fleet"),
    )
    assert len(seen["workers"]) == 3
    assert refused["msg"].startswith("owner 'ci-test' was moved to 'ci-new'. Set hodei_owner: ci-new.")
    now = environment(site.pids()["a"])
    assert (now["HODEI_OWNER"], now["HOME"]) == (NEW, home.replace("ci-test", NEW))
    assert not os.path.lexists(old)
    assert [path for path in site.home.rglob("*") if path.name == "ci-test"] == []


def test_one_worker_after_another(site: Site) -> None:
    """The other way: the old owner forgets a worker, the new one imports it, and it stays in its old directory."""
    workers = [worker("a"), worker("b")]
    site.tasks(task("fleet_init"), task("fleet", workers=workers), task("fleet_forget", targets=["worker.a"]))
    pid = site.pids()["a"]
    home = environment(pid)["HOME"]
    new: dict[str, Any] = {"owner": NEW, "workers": [worker("a")]}
    imports = [{"address": "worker.a", "id": str(pid)}]
    _made, imported, again, old = site.tasks(
        task("fleet_init", owner=NEW),
        task("fleet_import", imports=imports, **new),
        task("fleet", **new),
        task("fleet", workers=[worker("b")]),
    )
    assert [one["status"] for one in imported["results"]] == ["done"]
    assert not again["changed"]
    assert not old["changed"]
    assert environment(pid)["HOME"] == home
    assert Path(home).is_dir()
    site.tasks(task("fleet", owner=NEW, state="absent", confirm=NEW))

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each row of docs/troubleshooting.md: the symptom is provoked for real, and has to show the words that the page shows.

A row begins with `<a id="NAME"></a>` and its message in backticks, where `...` stands for what differs from case to case. The
function of that name here, `-` as `_`, makes it happen and returns what the person saw.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file
from ansible_collections.hodei.workers.tests.support.playbook import RUN_SECONDS, Result, Site, task
from ansible_collections.hodei.workers.tests.support.secrets_site import store_of
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
ROW = re.compile(r'^\| <a id="([a-z-]+)"></a>`(.+?)` \|', re.MULTILINE)
ROWS: dict[str, str] = dict(ROW.findall(PAGE.read_text()))
SLEEP = ["sleep", "infinity"]
NEVER = {"restart": "never"}
NEEDS = {"disk-full": "tmpfs", "python-old": "old_python"}

Case = Callable[[Site, Testbed], str]
CASES: dict[str, Case] = {}


def shows(case: Case) -> Case:
    """Register who provokes a row."""
    CASES[case.__name__.replace("_", "-")] = case
    return case


def one(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "a", "command": SLEEP, **fields}]


def converged(site: Site, workers: list[dict[str, Any]], *tasks: dict[str, Any]) -> list[Result]:
    """Initialise, converge, and run more tasks; what those returned."""
    site.set(workers)
    _init, made, *more = site.tasks(task("fleet_init"), task("fleet"), *tasks)
    assert not made["failed"], made["msg"]
    return more


def initialised(site: Site, workers: list[dict[str, Any]], **arguments: Any) -> str:
    """Initialise, and converge in vain; the message."""
    site.tasks(task("fleet_init"))
    return site.refused("fleet", workers=workers, **arguments)


def everything(result: Result) -> str:
    """What a task says: message, text of a plan and warnings."""
    return "\n".join([str(result.get("msg", "")), str(result.get("text", "")), *result.get("warnings", [])])


# ---- a run is refused -----------------------------------------------------------------------------------------------


@shows
def not_initialised(site: Site, testbed: Testbed) -> str:
    return site.refused("fleet", workers=one())


@shows
def owner_missing(site: Site, testbed: Testbed) -> str:
    del site.variables["hodei_owner"]
    return site.refused("fleet", workers=one())


@shows
def lease_held(site: Site, testbed: Testbed) -> str:
    site.set(
        one(health={"command": ["test", "-e", str(site.place / "go")], "interval": "200ms", "start_period": "10m"})
    )
    site.tasks(task("fleet_init"))
    first = site.start("converge")
    site.until(first, lambda: "a" in site.pids(), "the worker")
    message = site.refused("fleet", lease_timeout="0s")
    site.write("go", "")
    assert first.wait(RUN_SECONDS) == 0
    return message


@shows
def no_lineage(site: Site, testbed: Testbed) -> str:
    converged(site, one())
    for path in site.home.glob("state.db*"):
        path.unlink()
    return site.refused("fleet")


@shows
def state_lost(site: Site, testbed: Testbed) -> str:
    site.set(one())
    lineage = site.tasks(task("fleet_init"), task("fleet"))[0]["lineage"]
    for path in site.home.glob("state.db*"):
        path.unlink()
    return everything(site.one("fleet", lineage=lineage))


@shows
def foreign_lineage(site: Site, testbed: Testbed) -> str:
    converged(site, one())
    for path in site.home.glob("state.db*"):
        path.unlink()
    refused = site.tasks(task("fleet_init"), task("fleet"))[1]
    assert refused["failed"]
    return str(refused["msg"])


@shows
def other_lineage(site: Site, testbed: Testbed) -> str:
    return initialised(site, one(), lineage="11111111-2222-4333-8444-555555555555")


@shows
def key_lost(site: Site, testbed: Testbed) -> str:
    converged(site, one())
    (site.home / "fleet.key").unlink()
    return site.refused("fleet")


@shows
def key_readable(site: Site, testbed: Testbed) -> str:
    converged(site, one())
    (site.home / "fleet.key").chmod(0o644)
    return site.refused("fleet")


@shows
def place_vanishes(site: Site, testbed: Testbed) -> str:
    place = Path("/dev/shm") / site.place.name
    site.roots.append(place)
    return site.refused("fleet_init", backend={"path": str(place)})


@shows
def disk_full(site: Site, testbed: Testbed) -> str:
    disk: Path = testbed.need("tmpfs")
    site.set(one(), hodei_backend={"path": str(disk / "owner"), "allow_ephemeral": True})
    site.roots.append(disk)
    site.tasks(task("fleet_init"), task("fleet"))
    with open(disk / "ballast", "wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(4096)):
            pass
    message = site.refused("fleet", workers=one(count=3))
    (disk / "ballast").unlink()
    return message


@shows
def interrupted(site: Site, testbed: Testbed) -> str:
    """Kill everything of a converge in mid-air."""
    site.set(
        one(health={"command": ["test", "-e", str(site.place / "go")], "interval": "200ms", "start_period": "10m"})
    )
    site.tasks(task("fleet_init"))
    first = site.start("converge", start_new_session=True)
    module = site.until(first, lambda: "a" in site.pids() and site.module(first), "the worker")
    os.kill(module, signal.SIGKILL)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(RUN_SECONDS)
    site.write("go", "")
    return everything(site.one("fleet"))


# ---- the machine ----------------------------------------------------------------------------------------------------


@shows
def python_old(site: Site, testbed: Testbed) -> str:
    (result,) = site.tasks(task("fleet") | {"vars": {"ansible_python_interpreter": testbed.need("old_python")}})
    return str(result["msg"])


@shows
def psutil_missing(site: Site, testbed: Testbed) -> str:
    site.set(one())
    bare = {"vars": {"ansible_python_interpreter": testbed.need("bare_python")}}
    return str(site.tasks(task("fleet_init"), task("capacity_info") | bare)[1]["msg"])


@shows
def supervisor_hung(site: Site, testbed: Testbed) -> str:
    converged(site, one())
    supervisor = site.supervisor()
    os.kill(supervisor, signal.SIGSTOP)
    site.set(hodei_providers={"local": {"type": "process", "timeout": "1s"}})
    message = site.refused("fleet", workers=one(count=2))
    os.kill(supervisor, signal.SIGKILL)
    return message


@shows
def unknown_exit(site: Site, testbed: Testbed) -> str:
    converged(site, one(**NEVER))
    supervisor = site.supervisor()
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not site.supervisor(), "the supervisor to die")
    os.kill(site.pids()["a"], signal.SIGKILL)
    wait_for(lambda: "a" not in site.pids(), "the worker to die")
    return everything(site.one("fleet_plan"))


# ---- workers --------------------------------------------------------------------------------------------------------


@shows
def slow_start(site: Site, testbed: Testbed) -> str:
    return initialised(
        site, one(health={"tcp": {"port": 1}, "interval": "100ms", "timeout": "5s", "failures": 2}, **NEVER)
    )


@shows
def unhealthy(site: Site, testbed: Testbed) -> str:
    probe = f"if test -e {site.place / 'sick'}; then echo no connection to the database; exit 1; fi"
    converged(site, one(health={"command": ["sh", "-c", probe], "interval": "100ms", "failures": 2}))
    site.write("sick", "")

    def seen() -> str:
        text = json.dumps(site.one("worker_info", events=50)["workers"][0]["events"])
        return text if '"unhealthy"' in text else ""

    return wait_for(seen, "the worker to be unhealthy")


@shows
def exits_at_once(site: Site, testbed: Testbed) -> str:
    command = ["sh", "-c", "echo cannot open /etc/app.toml; exit 3"]
    return initialised(site, one(command=command), providers={"local": {"type": "process", "settle": "20s"}})


@shows
def program_missing(site: Site, testbed: Testbed) -> str:
    return initialised(site, one(command=["slep", "infinity"], count=2))


@shows
def port_taken(site: Site, testbed: Testbed) -> str:
    return initialised(site, one(ports=[{"name": "http", "host": testbed.need("http").port}]))


@shows
def not_carried(site: Site, testbed: Testbed) -> str:
    return initialised(site, one(security={"read_only_root": True}))


@shows
def ends_again_and_again(site: Site, testbed: Testbed) -> str:
    """A worker that lives long enough to count as started, and then ends whenever it is started again."""
    command = ["sh", "-c", f"while ! test -e {site.place / 'die'}; do sleep 0.1; done; exit 4"]
    restart = {"policy": "on_failure", "max_retries": 1, "backoff": {"initial": "100ms", "max": "100ms"}}
    converged(site, one(command=command, restart=restart))
    site.write("die", "")

    def failed() -> bool:
        return bool(site.one("worker_info")["workers"][0]["state"] == "failed")

    wait_for(failed, "the retries to be used up")
    return everything(site.one("fleet_plan"))


@shows
def stopped_outside(site: Site, testbed: Testbed) -> str:
    converged(site, one(**NEVER))
    os.kill(site.pids()["a"], signal.SIGKILL)
    wait_for(lambda: "a" not in site.pids(), "the worker to die")
    return everything(site.one("fleet_plan"))


@shows
def never_idle(site: Site, testbed: Testbed) -> str:
    converged(site, one(lifecycle={"drain": {"busy": {"command": ["true"]}, "interval": "100ms", "timeout": "1s"}}))
    return site.refused("fleet", replace=["a"])


@shows
def waiting(site: Site, testbed: Testbed) -> str:
    converged(site, one(lifecycle={"drain": {"busy": {"command": ["true"]}, "interval": "100ms"}}))
    return everything(site.one("fleet", replace=["a"], wait_for_drain=False))


# ---- guards ---------------------------------------------------------------------------------------------------------


@shows
def document_empty(site: Site, testbed: Testbed) -> str:
    converged(site, one(count=2))
    return site.refused("fleet", workers=[])


@shows
def too_many_deletes(site: Site, testbed: Testbed) -> str:
    workers = [{"name": name, "command": SLEEP} for name in "abcdef"]
    converged(site, workers)
    site.set(workers[:2])
    return site.refused("fleet")


@shows
def protected(site: Site, testbed: Testbed) -> str:
    keep = {"name": "b", "command": SLEEP}
    converged(site, [*one(lifecycle={"prevent_destroy": True}), keep])
    site.set([keep])
    return site.refused("fleet")


@shows
def fragment_unseen(site: Site, testbed: Testbed) -> str:
    site.groups = {"gpu": {"hosts": ["localhost"], "vars": {"hodei_workers__gpu": [{"name": "g", "command": SLEEP}]}}}
    converged(site, one())
    site.groups = {}
    return everything(site.one("fleet_plan"))


def looked_up(site: Site) -> str:
    lookup = "{{ lookup('hodei.workers.secret', 'a', owner=hodei_owner) }}"
    return str(site.tasks({"ansible.builtin.debug": {"msg": lookup}, "ignore_errors": True})[0]["msg"])


@shows
def store_missing(site: Site, testbed: Testbed) -> str:
    return looked_up(site)


@shows
def store_sealed(site: Site, testbed: Testbed) -> str:
    store_of(site, {"a": b"x"}).close()
    key = site.home / "stores" / "local" / "store.key"
    key.unlink()
    create_key_file(key)
    return looked_up(site)


@shows
def plan_stale(site: Site, testbed: Testbed) -> str:
    path = str(site.place / "monday.plan")
    converged(site, one())
    site.tasks(task("fleet_plan", path=path, workers=one(count=2)))
    return site.refused("fleet", plan=path, workers=one(count=3))


# ---- the page and its rows ------------------------------------------------------------------------------------------


def words(text: str) -> str:
    """A message as one line, as it may be wrapped anywhere."""
    return re.sub(r"\s+", " ", text)


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    assert sorted(ROWS) == sorted(CASES)


def parameters() -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.real] * (name in NEEDS), id=name) for name in sorted(CASES)]


@pytest.mark.parametrize("name", parameters())
def test_row(name: str, site: Site, testbed: Testbed) -> None:
    """What the page shows is what appears."""
    literal = ROWS.get(name, "")
    pattern = ".*?".join(re.escape(part.strip()) for part in words(literal).split("..."))
    said = words(CASES[name](site, testbed))
    print(name, "::", said)
    assert literal, said
    assert len(literal.replace("...", "")) > 20, "too little to recognise a symptom by"
    assert re.search(pattern, said), f"the page shows\n  {literal}\nbut what appeared is\n  {said}"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs already becomes part of a fleet: checked, compared and told before, and not touched by it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, task
from ansible_collections.hodei.workers.tests.testbed.resources import free_port
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes as somebody does by hand; whatever is left of them is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str, **keywords: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, start_new_session=True, **keywords)
        started.append(process)
        return process

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def worker(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": SLEEP, **fields}


def native(*pairs: tuple[str, object]) -> list[dict[str, str]]:
    return [{"address": address, "id": str(one)} for address, one in pairs]


def done(result: Result) -> dict[str, str]:
    return {one["address"]: f"{one['action']} {one['status']}" for one in result["results"]}


def test_a_process_becomes_a_worker(site: Site, start: Start) -> None:
    """Rehearsed, taken over, once; then it is watched, healed and deleted like any other."""
    process = start(*SLEEP)
    site.set(workers=[worker("a"), worker("b")])
    site.tasks(task("fleet_init"))
    wish = native(("worker.a", process.pid))
    rehearsed, imported, again = site.tasks(
        task("fleet_import", imports=wish, check=True, diff=True),
        task("fleet_import", imports=wish),
        task("fleet_import", imports=wish),
    )
    assert rehearsed["changed"]
    assert "<=  worker.a  import  runs already, and becomes ours" in rehearsed["diff"]["prepared"]
    assert done(imported) == {"worker.a": "import done"}
    assert not again["changed"]
    assert process.poll() is None

    planned = site.one("fleet_plan")
    assert [(one["address"], one["action"]) for one in planned["plan"]["changes"]] == [("worker.b", "create")]
    site.one("fleet")
    assert not site.one("fleet")["changed"]
    assert site.one("worker_exec", address="worker.a", command=["pwd"])["rc"] == 0

    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    wait_for(lambda: "a" in site.pids() or site.one("fleet")["results"], "somebody to start it again")
    wait_for(lambda: "a" in site.pids(), "it to be a worker of our own making")
    site.one("fleet", state="absent", confirm=site.owner)
    assert site.pids() == {}


def test_what_differs_is_told_first(site: Site, start: Start) -> None:
    """Nothing is done until the differences are accepted; then the plan is truthful."""
    process = start("sleep", "1000", env={**os.environ, "MODE": "fast-and-secret"})
    site.set(workers=[worker("a", env={"MODE": "slow"})])
    site.tasks(task("fleet_init"))
    wish = native(("worker.a", process.pid))
    said = site.refused("fleet_import", imports=wish)
    assert "command is ['sleep', '1000'], not ['sleep', 'infinity']" in said
    assert "env.MODE differs" in said
    assert "fast-and-secret" not in said
    assert "accept_differences: true" in said
    assert site.one("worker_info")["workers"][0]["state"] == "absent"

    imported = site.one("fleet_import", imports=wish, accept_differences=True)
    assert done(imported) == {"worker.a": "import done"}
    planned = site.play("plan").output
    assert "-/+ worker.a  replace" in planned
    assert "[sleep, 1000] -> [sleep, infinity]" in planned
    assert "fast-and-secret" not in planned
    assert process.poll() is None
    site.play("converge")
    process.wait(30)
    assert set(site.pids()) == {"a"}
    assert site.play("converge").changed == 0


def test_what_cannot_be_taken(site: Site, start: Start, make_site: Callable[..., Site]) -> None:
    """Each refusal names the reason, and all of them come at once."""
    process = start(*SLEEP)
    other = make_site(owner="others", workers=[worker("theirs")])
    other.tasks(task("fleet_init"), task("fleet"))
    ended = start("true")
    ended.wait(30)
    site.set(workers=[*(worker(name) for name in "abcdefg"), worker("h", ports=[{"name": "http"}])])
    site.tasks(task("fleet_init"))
    site.one("fleet", workers=[worker("a")])
    mine = site.pids()["a"]
    said = site.refused(
        "fleet_import",
        imports=native(
            *(("worker.nobody", process.pid), ("worker.b", "web"), ("worker.c", ended.pid), ("worker.d", 2)),
            *(
                ("worker.e", os.getpid()),
                ("worker.f", other.pids()["theirs"]),
                ("worker.g", mine),
                ("worker.h", process.pid),
            ),
            *(("worker.g", 77), ("worker.a", process.pid + 0)),
        ),
    )
    for words in (
        "imports[0]: the document has no worker.nobody",
        "imports[1]: 'web' is no process id",
        f"imports[2]: there is no process {ended.pid}",
        "belongs to worker.theirs of owner 'others'",
        f"imports[6]: {mine} ",
        "is worker.a of this fleet already",
        "imports[8]: its address is that of imports[6]",
    ):
        assert words in said, said
    assert "itself, or what started it" in said
    assert process.poll() is None
    assert site.pids() == {"a": mine}


def test_forgotten_and_taken_back(site: Site) -> None:
    """What was released can be imported again, with the children that it had."""
    site.set(workers=[{"name": "a", "command": ["sh", "-c", "sleep 1000; true"]}])
    site.tasks(task("fleet_init"), task("fleet"))
    pid = site.pids()["a"]
    site.one("fleet_forget", targets=["a"])
    assert done(site.one("fleet_import", imports=native(("a", pid)))) == {"worker.a": "import done"}
    assert not site.one("fleet")["changed"]
    site.one("fleet", state="absent", confirm=site.owner)
    assert site.pids() == {}


def test_its_ports(site: Site, start: Start) -> None:
    """A port has to have a number, and the process has to listen on it."""
    port = free_port()
    server = [sys.executable, "-m", "http.server", str(port)]
    process = start(*server)
    web = {"name": "web", "command": server}
    site.set(workers=[{**web, "ports": [{"name": "http"}]}])
    site.tasks(task("fleet_init"))
    wish = native(("web", process.pid))
    assert "nobody knows which ports the process calls http" in site.refused("fleet_import", imports=wish)
    health = {"http": {"path": "/", "port": "http"}, "interval": "1s"}
    site.set(workers=[{**web, "ports": [{"name": "http", "host": port}], "health": health}])
    wait_for(lambda: not _free(port), "the server to listen")
    assert done(site.one("fleet_import", imports=wish)) == {"worker.web": "import done"}
    (seen,) = site.one("worker_info")["workers"]
    assert (seen["state"], seen["ports"]) == ("running", {"http": port})


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0

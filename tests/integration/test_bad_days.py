# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad days of a machine: full disks, lost keys, dead and hung supervisors, the wrong Python. Nothing is lost, one message says it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import RUN_SECONDS, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]


def workers(count: int) -> list[dict[str, Any]]:
    return [{"name": "a", "count": count, "command": SLEEP}]


def fill(path: Path) -> None:
    """Take all the room that a file system has left."""
    with open(path, "wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(4096)):
            pass


@pytest.mark.real
def test_disk_full(site: Site, testbed: Testbed) -> None:
    """What runs goes on running; when there is room again the next converge finishes."""
    disk: Path = testbed.need("tmpfs")
    site.set(workers(1), hodei_backend={"path": str(disk / "owner"), "allow_ephemeral": True})
    site.roots.append(disk)
    site.tasks(task("fleet_init"), task("fleet"))
    before = site.pids()
    fill(disk / "ballast")
    site.set(workers(3))
    refused = site.refused("fleet")
    assert f"the state at {disk}/owner/state.db could not be written" in refused
    assert "it is as it was before. Free space" in refused
    assert site.pids()["a-0"] == before["a-0"]
    (disk / "ballast").unlink()
    assert not site.one("fleet")["failed"]
    assert sorted(site.pids()) == ["a-0", "a-1", "a-2"]
    assert site.pids()["a-0"] == before["a-0"]


@pytest.mark.real
def test_disk_read_only(site: Site, testbed: Testbed) -> None:
    """Looking still works, changing says why not."""
    disk: Path = testbed.need("tmpfs")
    site.set(workers(1), hodei_backend={"path": str(disk / "owner"), "allow_ephemeral": True})
    site.tasks(task("fleet_init"))
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused, planned, looked = site.tasks(task("fleet"), task("fleet_plan"), task("fleet_info"))
    assert refused["failed"]
    assert "read-only" in refused["msg"]
    assert not planned["failed"], planned["msg"]
    assert not looked["failed"], looked["msg"]


def start_converge(site: Site) -> subprocess.Popen[bytes]:
    """Start a converge that does not end before the file `go` is there, and wait until it is in the middle."""
    health = {"command": ["test", "-e", str(site.place / "go")], "interval": "200ms", "start_period": "10m"}
    site.set([{"name": "a", "command": SLEEP, "restart": "never", "health": health}])
    site.tasks(task("fleet_init"))
    first = site.start("converge")
    site.until(first, lambda: "a" in site.pids(), "the worker")
    return first


def test_second_converge_waits_and_says_for_whom(site: Site) -> None:
    """Without patience the message names the holder; with it both end well, and the second has nothing left to do."""
    first = start_converge(site)
    impatient, looked = site.tasks(task("fleet", lease_timeout="0s"), task("fleet_info"))[-2:]
    holder = looked["lease"]["holder"]
    assert impatient["failed"]
    assert holder in impatient["msg"]
    assert "break_lease" in impatient["msg"]

    second = site.start(site.write_play([task("fleet"), task("fleet_info", history=2)]))
    site.until(second, lambda: site.waits(second), "the second converge to wait")
    site.write("go", "")
    assert first.wait(RUN_SECONDS) == 0
    waited, info = site.finish(second).results[-2:]
    assert not waited["failed"], waited
    assert not waited["changed"]
    assert any(text.startswith("waiting up to 60 s: ") and holder in text for text in waited["warnings"]), waited
    assert [run["result"] for run in info["history"]] == ["ok", "ok"]


def test_broken_lease(site: Site) -> None:
    """Whoever breaks the lease goes on from where the other run was; that one ends by itself and changes nothing more."""
    first = start_converge(site)
    before = site.one("fleet_info")["lease"]["holder"]
    second = site.start(site.write_play([task("fleet", break_lease=True)]))
    site.until(
        second, lambda: site.one("fleet_info")["lease"]["holder"] != before, "the second converge to break the lease"
    )
    site.until(second, lambda: site.waits(second), "the second converge to wait for the worker")
    site.write("go", "")
    assert first.wait(RUN_SECONDS) == 2
    (result,) = site.finish(second).results
    assert not result["failed"], result["msg"]
    assert list(site.pids()) == ["a"]
    assert not site.one("fleet")["changed"]


def test_state_of_a_newer_version(site: Site) -> None:
    """A newer state file is not touched."""
    site.set(workers(1))
    site.tasks(task("fleet_init"))
    with sqlite3.connect(site.home / "state.db") as state:
        state.execute("pragma user_version = 999")
    refused, looked = site.tasks(task("fleet"), task("fleet_info"))
    for result in (refused, looked):
        assert result["failed"]
        assert "newer" in result["msg"]
        assert "999" in result["msg"]
        assert "Use the newer version of the collection that wrote it" in result["msg"]


def test_key_lost(site: Site) -> None:
    """Without its key a fleet cannot be compared; nobody makes another one in silence."""
    site.set(workers(1))
    site.tasks(task("fleet_init"), task("fleet"))
    key = (site.home / "fleet.key").read_bytes()
    (site.home / "fleet.key").unlink()
    refused, init = site.tasks(task("fleet"), task("fleet_init"))
    for result in (refused, init):
        assert result["failed"]
        assert "fleet.key is missing" in result["msg"]
        assert "backup" in result["msg"]
    (site.home / "fleet.key").write_bytes(key)
    (site.home / "fleet.key").chmod(0o644)
    assert "others can read or write it" in site.refused("fleet")
    (site.home / "fleet.key").chmod(0o600)
    assert not site.one("fleet")["changed"]


def test_supervisor_killed(site: Site) -> None:
    """No worker is lost, and the next converge starts another supervisor that takes over."""
    site.set(workers(2))
    site.tasks(task("fleet_init"), task("fleet"))
    before, supervisor = site.pids(), site.supervisor()
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not site.supervisor(), "the supervisor to die")
    looked, nothing, more = site.tasks(task("fleet_info"), task("fleet"), task("fleet", workers=workers(3)))
    assert looked["workers"] == {"running": 2}
    assert not nothing["changed"]
    assert not more["failed"]
    after = site.pids()
    assert site.supervisor() not in (0, supervisor)
    assert {name: after[name] for name in before} == before
    assert "a-2" in after


def test_supervisor_hung(site: Site) -> None:
    """It says what to kill and that no worker is lost by it; killed, all is well."""
    site.set(workers(1))
    site.tasks(task("fleet_init"), task("fleet"))
    before, supervisor = site.pids(), site.supervisor()
    os.kill(supervisor, signal.SIGSTOP)
    hasty = {"local": {"type": "process", "timeout": "1s"}}
    refused = site.refused("fleet", workers=workers(2), providers=hasty)
    assert "does not answer within 1 s" in refused
    assert "kill" in refused
    assert "no worker is lost" in refused
    assert refused.count("does not answer") == 1, "told once, however many workers it is about"
    os.kill(supervisor, signal.SIGKILL)
    assert not site.one("fleet", workers=workers(2))["failed"]
    assert site.pids()["a-0"] == before["a-0"]


@pytest.mark.real
def test_python_of_the_target(site: Site, testbed: Testbed) -> None:
    """Nothing but the standard library is needed; a Python that is too old is named, with the variable to set."""
    site.set(workers(1))
    bare = {"vars": {"ansible_python_interpreter": testbed.need("bare_python")}}
    assert not any(
        one["failed"] for one in site.tasks(*(task(name) | bare for name in ("fleet_init", "fleet", "fleet_info")))
    )
    old = testbed.need("old_python")
    refused = site.tasks(
        *(task(name) | {"vars": {"ansible_python_interpreter": old}} for name in ("fleet", "fleet_info"))
    )
    for result in refused:
        assert result["failed"]
        assert "Python 3.11" in result["msg"]
        assert "ansible_python_interpreter" in result["msg"]

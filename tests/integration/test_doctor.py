# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on good and on bad days: one finding never hides another, and looking changes nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import RUN_SECONDS, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]
FOR_ALL = {"interpreter", "libraries", "rights", "document", "clock"}


def examine(site: Site, **keywords: Any) -> dict[str, Any]:
    """Run the module; it never fails."""
    (result,) = site.tasks(task("fleet_doctor") | keywords)
    assert not result["failed"], result.get("msg")
    assert not result["changed"]
    assert {one["area"] for one in result["findings"]} >= FOR_ALL, result["table"]
    assert all(one["cure"] or one["level"] != "problem" for one in result["findings"]), result["table"]
    return result


def said(result: dict[str, Any], area: str, *levels: str) -> str:
    """What a result says about an area, at these levels or at any, as one text."""
    chosen = [one for one in result["findings"] if one["area"] == area and (not levels or one["level"] in levels)]
    return "\n".join(f"{one['message']} -> {one['cure']}" for one in chosen)


def files(place: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in place.rglob("*") if path.is_file())


@pytest.fixture
def running(site: Site) -> Site:
    """A fleet of two workers."""
    site.set([{"name": "a", "count": 2, "command": SLEEP}])
    site.play("init")
    site.play("converge")
    return site


def test_good_day(running: Site) -> None:
    """Everything is looked at, nothing is changed, and the playbook ends as it was asked to."""
    before = files(running.home)
    result = examine(running)
    assert files(running.home) == before
    assert result["totals"]["problem"] == 0, result["table"]
    assert result["owner"] == running.owner
    for area, words in {
        "interpreter": "Python 3.",
        "libraries": "psutil",
        "rights": "umask",
        "place": "the state directory",
        "state": "2 objects remembered",
        "lease": "free",
        "document": "it is valid: 2 workers",
        "provider local": "this collection's",
        "survival": ":",
        "objects": "2 as the document says, nothing pending",
        "disk": "free of",
        "clock": "the same time as on the controller",
    }.items():
        assert words in said(result, area), (area, result["table"])
    assert "one list of 2 objects took" in said(result, "provider local")
    done = running.play("doctor")
    assert "supervisor" in done.output
    assert running.run("doctor", "-e", "hodei_doctor_fail_on=warning").code == 2
    running.play("doctor", "--check", "-e", "hodei_doctor_fail_on=never")
    refused = running.run("doctor", "-e", "hodei_doctor_fail_on=warnings")
    assert refused.code == 2
    assert "it takes problem, warning or never" in refused.output


def test_secrets_are_looked_at_too(site: Site) -> None:
    """The stores as the providers, and what workers are given of them; a store that is gone is a problem of its own."""
    site.set(
        [{"name": "a", "command": SLEEP, "secrets": [{"secret": "db", "file": "db.key"}]}],
        hodei_providers={"local": {"type": "process", "trust": "same_user"}},
        hodei_secrets=[{"name": "db", "generate": "token"}],
    )
    site.play("init")
    site.play("converge")
    result = examine(site)
    assert result["totals"]["problem"] == 0, result["table"]
    assert "it is valid: 1 worker and 1 secret" in said(result, "document")
    assert "one list of 1 object took" in said(result, "store local")
    assert "2 as the document says, nothing pending" in said(result, "objects")
    (site.home / "stores" / "local" / "store.key").unlink()
    result = examine(site)
    assert "store.key" in said(result, "store local", "problem")
    assert "worker.a" in said(result, "objects", "problem")
    assert "healthy" in said(result, "provider local")


def test_nothing_is_there_yet(site: Site) -> None:
    """The owner was never initialised, the document file is torn and a variable is undefined: all of it is told, nothing is made."""
    site.write("fleet.yml", "workers:\n  - name: a\n\tcommand: [x]\n")
    site.set(
        hodei_document="fleet.yml", hodei_providers={"local": {"type": "process"}}, hodei_lineage="{{ nobody_knows }}"
    )
    result = examine(site)
    assert "was never initialised here" in said(result, "state", "problem")
    document = said(result, "document", "problem")
    assert "fleet.yml" in document
    assert "nobody_knows" in document
    assert "healthy" in said(result, "provider local", "ok")
    assert not site.home.exists()
    done = site.run("doctor")
    assert done.code == 2
    assert "was never initialised" in done.results[-1]["msg"]
    site.play("doctor", "-e", "hodei_doctor_fail_on=never")


def test_nobody_said_whose_fleet(site: Site) -> None:
    """Without an owner the machine is examined all the same."""
    del site.variables["hodei_owner"]
    result = examine(site)
    assert "the owner is missing" in said(result, "document", "problem")


def test_broken_document_and_broken_state(running: Site) -> None:
    """Each problem of the document, the backend's too, a damaged state, a key that others can read; the workers are still seen."""
    state = running.home / "state.db"
    state.write_bytes(state.read_bytes()[:20_000])
    (running.home / "fleet.key").chmod(0o644)
    running.set(
        [{"name": "a", "comand": SLEEP}, {"name": "B!", "command": "x", "resources": {"memory": "512Mb"}}],
        hodei_backend={"allow_ephemeral": True, "paht": "/x"},
    )
    result = examine(running)
    document = said(result, "document", "problem")
    for words in ("comand", "512Mb", "paht"):
        assert words in document
    trouble = said(result, "state", "problem")
    assert "others can read or write it" in trouble
    assert "damaged" in trouble or "ends early" in trouble or "malformed" in trouble, result["table"]
    assert "one list of 2 objects took" in said(result, "provider local")


def test_wrong_lineage_and_forgotten_things(running: Site) -> None:
    """A document of another fleet; a provider and a directory that nobody knows any more."""
    (running.home / "providers" / "old" / "x").mkdir(parents=True)
    workers = next(running.home.glob("providers/local/*/process/workers"))
    (workers / "ghost.1").mkdir()
    running.home.chmod(0o770)
    running.set(hodei_lineage="0c6f1f0e-6c1e-4d0a-9a51-4f6d4f2f0b11")
    result = examine(running)
    assert "the document is of lineage 0c6f1f0e" in said(result, "state", "problem")
    assert "provider 'old' is not in the document" in said(result, "objects", "warning")
    assert "ghost.1" in said(result, "objects", "warning")
    assert "may be written by others" in said(result, "rights", "problem")


def test_supervisor_killed_or_hung(running: Site) -> None:
    """Killed is a warning, because no worker is lost; hung is a problem. The rest is told as well."""
    running.set(hodei_providers={"local": {"type": "process", "timeout": "1s"}})
    os.kill(running.supervisor(), signal.SIGSTOP)
    result = examine(running)
    assert "does not answer within 1 s" in said(result, "provider local", "problem")
    assert "2 objects remembered" in said(result, "state")
    assert "free of" in said(result, "disk")
    os.kill(running.supervisor(), signal.SIGKILL)
    wait_for(lambda: not running.supervisor(), "the supervisor to die")
    result = examine(running)
    assert "no supervisor watches over 2 running workers" in said(result, "provider local", "warning")
    assert "2 as the document says" in said(result, "objects")
    assert not running.supervisor(), "looking starts nothing"


def test_run_that_goes_on_and_run_that_died(site: Site) -> None:
    """The lease names its holder; when that was killed, what it had begun is told, and that nothing needs to be done."""
    health = {"command": ["test", "-e", str(site.place / "go")], "interval": "200ms", "start_period": "10m"}
    site.set([{"name": "a", "command": SLEEP, "restart": "never", "health": health}])
    site.play("init")
    first = site.start("converge")
    site.until(first, lambda: "a" in site.pids(), "the worker")
    result = examine(site)
    assert "a run is going on" in said(result, "lease", "ok")
    assert "create worker.a" in said(result, "state", "warning")
    module = site.until(first, lambda: site.module(first), "the module")
    os.kill(module, signal.SIGKILL)
    first.wait(RUN_SECONDS)
    result = examine(site)
    assert "is gone" in said(result, "lease", "warning")
    assert "the next run takes it at once" in said(result, "lease", "warning")
    site.write("go", "")
    site.play("converge")
    result = examine(site)
    assert said(result, "lease") == "free -> "
    assert "create worker.a" not in said(result, "state")


def test_clock_that_was_set_back(running: Site) -> None:
    """What was written in the future says so."""
    state = running.home / "state.db"
    later = state.stat().st_mtime + 7200
    os.utime(state, (later, later))
    assert "in the future: the clock was set back" in said(examine(running), "clock", "warning")


@pytest.mark.real
def test_little_room(site: Site, testbed: Testbed) -> None:
    """A disk that is nearly full is told before it stops anything."""
    disk: Path = testbed.need("tmpfs")
    site.set([{"name": "a", "command": SLEEP}], hodei_backend={"path": str(disk / "owner"), "allow_ephemeral": True})
    site.play("init")
    assert "free of 2.0 MiB" in said(examine(site), "disk", "problem")


@pytest.mark.real
def test_missing_libraries_and_old_python(running: Site, testbed: Testbed) -> None:
    """What is missing is named with the command that brings it; a Python that is too old is told at once."""
    result = examine(running, vars={"ansible_python_interpreter": testbed.need("bare_python")})
    libraries = said(result, "libraries", "warning")
    assert "psutil is missing" in libraries
    assert "jsonschema is missing" in libraries
    assert "-m pip install psutil" in libraries
    assert result["totals"]["problem"] == 0, result["table"]
    old = testbed.need("old_python")
    (refused,) = running.tasks(task("fleet_doctor") | {"vars": {"ansible_python_interpreter": old}})
    assert refused["failed"]
    assert "Python 3.11" in refused["msg"]

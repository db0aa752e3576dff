# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, restore and uninstall are killed before each change of a file: the old or the new is there whole, and a second run finishes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.uninstalling import run_uninstall
from ansible_collections.hodei.workers.plugins.module_utils.durable import connect
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.backup import (
    Backup,
    decode,
    make_backup,
    refuse,
    restore,
)
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import this_process
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.keys import create_key, load_key
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.conformance.state.builders import WEB, ended, operation, resource
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE, NOW, OWNER
from ansible_collections.hodei.workers.tests.support.forks import KILLED, in_child
from ansible_collections.hodei.workers.tests.support.places import quick_directory

#: Python tells of these before it does them (https://docs.python.org/3/library/audit_events.html).
CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.kill"}
WRITING = os.O_WRONLY | os.O_RDWR
MOST = 200


def die_before_change(number: int, place: Path) -> None:
    """Let this process die before its ``number``-th change of a file below a place (counted from 1)."""
    passed = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal passed
        writes = event in ("open", "sqlite3.connect") and (event != "open" or bool(arguments[2] & WRITING))
        if (writes or event in CHANGES) and str(arguments[0]).startswith(str(place)):
            passed += 1
            if passed == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def deaths(template: Path, work: Path, run: Callable[[], object]) -> Iterator[int]:
    """Do a run that dies before its first change, before its second, ... until it comes to its end; yield after each death."""
    for number in range(1, MOST):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(template, work)

        def doomed(number: int = number) -> None:
            die_before_change(number, work)
            run()

        code = in_child(doomed)
        if code == 0:
            assert number > 3, "it was killed somewhere"
            return
        assert code == KILLED
        yield number
    raise AssertionError("the run never came to its end")


@pytest.fixture
def place() -> Iterator[Path]:
    with quick_directory() as path:
        yield path


def grow(directory: Path, times: int) -> SqliteState:
    """Have a state of some serial, and return it open."""
    store = SqliteState(directory / "state.db")
    if not store.exists():
        store.initialise(OWNER, LINEAGE, NOW)
    lease = store.acquire("grower", 1.0, NOW)
    for number in range(times):
        store.begin(lease, [operation(f"{lease.fence}-{number}", WEB)])
        store.end(lease, [ended(f"{lease.fence}-{number}", put=(resource(WEB, dependencies=()),))])
    store.release(lease)
    return store


#: Reads in one transaction until nobody holds its input any more.
READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT * FROM sqlite_master").fetchall()
print("reads", flush=True)
sys.stdin.read()
"""


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """Have another process read a state."""
    program = [sys.executable, "-I", "-S", "-c", READER, str(directory / "state.db")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == "reads\n"
        yield
        reader.stdin.close()


KEPT: list[Any] = []


def serial(directory: Path) -> int:
    """Return the serial of a state that is sound and has its key."""
    with closing(SqliteState(directory / "state.db", read_only=True)) as store:
        state = store.read()
    assert verify(state) == []
    return state.serial


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_backup(place: Path) -> None:
    """The file is the old backup or the new one."""
    template, work = place / "template", place / "work"
    create_key(template / "state")
    grow(template / "state", 1).close()
    old = make_backup(template / "state", template / "a.backup", NOW)
    grow(template / "state", 1).close()

    def run() -> Backup:
        return make_backup(work / "state", work / "a.backup", NOW + 1)

    for number in deaths(template, work, run):
        found = decode((work / "a.backup").read_bytes(), work / "a.backup")
        assert found.made_at in (old.made_at, NOW + 1), number
        assert run() == decode((work / "a.backup").read_bytes(), work / "a.backup")
        assert names(work) == {"state", "a.backup"}, f"nothing is left of death {number}"
        assert {name for name in names(work / "state") if name.startswith(".")} == set()


@pytest.mark.parametrize("present", ["newer", "none"])
def test_restore(place: Path, present: str) -> None:
    """State is the old one or the restored one, never another, and never with another key."""
    template, work = place / "template", place / "work"
    create_key(template / "state")
    grow(template / "state", 1).close()
    backup = make_backup(template / "state", place / "a.backup", NOW)
    allowed = {backup.serial}
    if present == "none":
        shutil.rmtree(template / "state")
        template.mkdir(exist_ok=True)
    else:
        # Who died without closing it has left what it did in the log.
        assert in_child(lambda: KEPT.append(grow(template / "state", 2))) == 0
        assert (template / "state" / "state.db-wal").stat().st_size
        copied = shutil.copytree(template / "state", place / "copied")
        allowed.add(serial(copied))

    def run() -> None:
        assert refuse(backup, work / "state", OWNER, LINEAGE, force=True)
        restore(backup, work / "state", str(this_process()), NOW + 5)

    for number in deaths(template, work, run):
        if (work / "state" / "state.db").exists():
            assert serial(work / "state") in allowed, number
        if refuse(backup, work / "state", OWNER, LINEAGE, force=True):
            restore(backup, work / "state", str(this_process()), NOW + 5)
        assert serial(work / "state") == backup.serial
        assert load_key(work / "state").secret == backup.key
        assert {name for name in names(work / "state") if name.startswith(".")} == set(), f"left of death {number}"


def test_restore_while_somebody_reads(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads an older state keeps the log from going into the file: nothing is touched before that is over."""
    monkeypatch.setattr(connect, "BUSY_SECONDS", 0.2)
    create_key(place)
    grow(place, 1).close()
    backup = make_backup(place, place / "a.backup", NOW)
    with reading(place):
        store = grow(place, 2)
        before = store.read()
        with pytest.raises(HodeiError, match="somebody reads the state"):
            restore(backup, place, str(this_process()), NOW + 5)
        assert (store.read().resources, store.lease()) == (before.resources, None)
        store.close()
    assert serial(place) >= before.serial
    restore(backup, place, str(this_process()), NOW + 5)
    assert serial(place) == backup.serial
    assert {name for name in names(place) if name.startswith(".")} == set()


@pytest.mark.parametrize("lineage", [None, LINEAGE], ids=["lineage in state", "lineage in document"])
def test_uninstall(place: Path, lineage: str | None) -> None:
    """The second run finishes whatever the first one came to."""
    template, work = place / "template", place / "work"
    create_key(template / "state")
    grow(template / "state", 1).close()
    (template / "state" / "providers" / "local").mkdir(parents=True)
    params = {
        "owner": OWNER,
        "lineage": lineage,
        "backend": {"path": str(work / "state"), "allow_ephemeral": True},
        "providers": {"local": {"type": "process"}},
        "confirm": OWNER,
        "leave_workers": False,
    }
    module: Any = SimpleNamespace(params=params, check_mode=False, _diff=False)

    def run() -> None:
        run_uninstall(module)

    for number in deaths(template, work, run):
        assert in_child(run) == 0, f"after death {number}"
        assert names(work) == set(), f"after death {number}"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals and dead ancestors become a request to stop; only a second signal of a person insists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible import signals
from ansible_collections.hodei.workers.plugins.module_utils.engine.interrupt import Stop
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A watched request to stop; the handlers of the test's own process are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    watched = Stop()
    signals.watch(watched)
    yield watched
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_to_stop(stop: Stop, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    assert stop.reason == f"interrupted by {number.name}"
    assert not stop.hard


def test_a_second_signal_insists(stop: Stop) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.reason == "interrupted by SIGINT"
    assert stop.hard


def test_one_interruption_with_all_that_comes_along_insists_on_nothing(stop: Stop) -> None:
    """Ctrl-C: the playbook is gone first, the terminal closes, and the signal itself comes last."""
    stop.note("the process that started this task is gone")
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGINT)
    assert stop.is_set()
    assert not stop.hard


def process(proc: Path, pid: int, parent: int, *words: str, name: str = "python3") -> None:
    place = proc / str(pid)
    place.mkdir(parents=True)
    (place / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0")
    (place / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))


def test_ancestors_are_the_parent_and_every_ansible_above(tmp_path: Path) -> None:
    process(tmp_path, 90, 80, "python3", "AnsiballZ_fleet.py")
    process(tmp_path, 80, 70, "sh", "-c", "python3 x", name="a ) b (")
    process(tmp_path, 70, 60, "/usr/bin/python3", "/usr/bin/ansible-playbook", "x.yml")
    process(tmp_path, 60, 50, "bash", "ansible-playbook-wrapper")
    process(tmp_path, 50, 40, "/usr/bin/python3", "-s", "/opt/bin/ansible-runner")
    process(tmp_path, 40, 1, "systemd")
    assert signals.ancestors(90, tmp_path) == {80, 70, 50}


def test_an_orphan_has_no_ancestors(tmp_path: Path) -> None:
    process(tmp_path, 90, 1, "python3")
    assert signals.ancestors(90, tmp_path) == set()
    assert signals.ancestors(91, tmp_path) == set()


CHILD = """
import sys, time
from ansible_collections.hodei.workers.plugins.module_utils.ansible import signals
from ansible_collections.hodei.workers.plugins.module_utils.engine.interrupt import Stop
stop = Stop()
signals.watch(stop)
print("watching", flush=True)
deadline = time.monotonic() + 20
while not stop.is_set() and time.monotonic() < deadline:
    time.sleep(0.01)
open(sys.argv[1], "w").write(f"{stop.reason} {stop.hard}")
"""


def test_the_death_of_the_parent_is_noticed(tmp_path: Path) -> None:
    said = tmp_path / "said"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}, {str(said)!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        process.kill()
        wait_for(said.exists, "the orphan to notice")
    assert wait_for(said.read_text, "its words") == "the process that started this task is gone False"


def test_an_output_that_nobody_reads_any_more_is_noticed(tmp_path: Path) -> None:
    """What the end of an SSH connection looks like: the parent lives on, and the other end of the pipe is closed."""
    said = tmp_path / "said"
    with subprocess.Popen([sys.executable, "-c", CHILD, str(said)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        process.stdout.close()
        process.wait(30)
    assert said.read_text() == "the connection to the controller was cut False"


def test_an_output_into_a_file_is_never_cut(tmp_path: Path) -> None:
    """So runs an asynchronous task."""
    said = tmp_path / "said"
    child = CHILD.replace("monotonic() + 20", "monotonic() + 0.3")
    with open(tmp_path / "out", "wb") as out:
        subprocess.run([sys.executable, "-c", child, str(said)], stdout=out, check=True)
    assert said.read_text() == " False"

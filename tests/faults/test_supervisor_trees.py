# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker dies with all that it has started, however that tries to get away."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

#: Leaves the session, forks twice, and stays.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
"""


def daemon(tmp_path: Path) -> dict[str, object]:
    """Return a spec that starts a daemon, and whose main process stays until the file `go` is there."""
    return {
        "command": [sys.executable, "-c", DAEMON, str(tmp_path / "pid"), str(tmp_path / "go")],
        "restart": {"policy": "never"},
    }


def daemon_pid(tmp_path: Path) -> int:
    """Wait until the daemon has told its pid."""
    file = tmp_path / "pid"
    return int(wait_for(lambda: file.exists() and file.read_text(), "the daemon"))


def lives(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may go between opening and reading
        return False


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.DELETE, Verb.RESTART])
def test_a_daemon_dies_with_its_worker(fleet: Fleet, tmp_path: Path, verb: Verb) -> None:
    """Twice forked and out of the session: its marker tells."""
    fleet.make("parent", daemon(tmp_path))
    pid = daemon_pid(tmp_path)
    fleet.do(verb, "parent", grace=0.5)
    assert not lives(pid)


def test_a_daemon_dies_when_its_worker_ends_by_itself(fleet: Fleet, tmp_path: Path) -> None:
    """Nothing outlives the main process."""
    fleet.make("brief", daemon(tmp_path))
    pid = daemon_pid(tmp_path)
    (tmp_path / "go").touch()
    fleet.wait("brief", WorkerState.COMPLETED)
    assert not lives(pid)


def test_a_daemon_of_an_adopted_worker_dies_with_it(fleet: Fleet, rig: ProcessRig, tmp_path: Path) -> None:
    """The orphan belongs to init by now, and is found all the same."""
    fleet.make("orphaned", daemon(tmp_path))
    pid = daemon_pid(tmp_path)
    supervisor = rig.supervisor()
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: rig.supervisor() is None, "the supervisor to be gone")
    fleet.do(Verb.DELETE, "orphaned", grace=0.5)
    assert not lives(pid)


def test_a_child_that_wipes_its_environment_dies_with_it(fleet: Fleet, tmp_path: Path) -> None:
    """It has no marker and no session of ours, but it is a child."""
    script = f"env -i setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600' & wait"
    fleet.make("wiped", fleet.rig.shell(script))
    pid = daemon_pid(tmp_path)
    fleet.do(Verb.DELETE, "wiped", grace=0.0)
    assert not lives(pid)


def test_a_worker_that_forks_while_it_is_killed(fleet: Fleet) -> None:
    """It cannot run faster than it is killed."""
    fleet.make("forks", fleet.rig.shell("while :; do setsid sleep 600 & sleep 0.01; done"))
    wait_for(lambda: fleet.rig.objects() > 20, "some children")
    fleet.do(Verb.DELETE, "forks", grace=0.0)
    wait_for(lambda: fleet.rig.objects() == 0, "all to be gone")


def test_a_pause_reaches_all_of_it(fleet: Fleet, rig: ProcessRig, tmp_path: Path) -> None:
    """The daemon too. What is stopped while it waits for a processor says so when it gets one: signal(7)."""
    fleet.make("frozen", daemon(tmp_path))
    pid = daemon_pid(tmp_path)
    fleet.do(Verb.PAUSE, "frozen")
    wait_for(lambda: state_of(pid) == "T", "the daemon to stop")
    fleet.do(Verb.RESUME, "frozen")
    wait_for(lambda: state_of(pid) != "T", "the daemon to go on")


def state_of(pid: int) -> str:
    """Return the kernel's letter for what a process does."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_neighbour_is_left_alone(fleet: Fleet, rig: ProcessRig) -> None:
    """What belongs to another worker, or to nobody of ours, lives on."""
    fleet.make("left", rig.shell("setsid sleep 600 & setsid sleep 600 & wait"))
    fleet.make("right", rig.shell("setsid sleep 600 & setsid sleep 600 & wait"))
    wait_for(lambda: rig.objects() == 6, "all children")
    fleet.do(Verb.DELETE, "left")
    assert rig.objects() == 3
    assert fleet.state("right") is WorkerState.RUNNING

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariant 14: an interrupted run records what is in flight, gives its lease back, and the next run finishes.

Ctrl-C in a real terminal, kill -9 of ansible-playbook, and a second signal from somebody who does not want to wait.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]
#: An interrupted module waits this long at most for what is in flight.
GRACE = "30s"
SOON = 20.0


@pytest.fixture
def site() -> Iterator[Site]:
    """A fleet whose second worker is not ready before the file `go` is there, and whose third waits for that."""
    with closing(Site()) as one:
        health = {"command": ["test", "-e", str(one.place / "go")], "interval": "100ms", "start_period": "10m"}
        one.set(
            [
                {"name": "first", "command": SLEEP},
                {"name": "second", "command": SLEEP, "health": health, "restart": "never", "depends_on": ["first"]},
                {"name": "third", "command": SLEEP, "depends_on": ["second"]},
            ]
        )
        one.play("init")
        yield one


def in_the_middle(site: Site, play: subprocess.Popen[bytes]) -> int:
    """Wait until the second worker is in the making, and return the module's process."""
    site.until(play, lambda: "second" in site.pids(), "the second worker")
    return site.until(play, lambda: site.module(play), "the module")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def last_run(site: Site) -> dict[str, Any]:
    """Return the latest run; nobody may hold the lease."""
    info = site.one("fleet_info")
    assert info["lease"] is None, "the lease was given back"
    run: dict[str, Any] = info["history"][0]
    return run


def finishes(site: Site) -> dict[str, str]:
    """Converge again; nothing may have been lost or doubled. Return what was left to do."""
    before = site.pids()
    site.write("go", "")
    result = site.one("fleet")
    assert sorted(site.pids()) == ["first", "second", "third"]
    assert {name: site.pids()[name] for name in before} == before, "no worker was made anew"
    assert not site.one("fleet")["changed"]
    return {one["address"]: one["action"] for one in result["results"]}


def test_ctrl_c_in_a_terminal(site: Site) -> None:
    """The terminal sends SIGINT; what was in flight is awaited and recorded, what had not begun is left for the next run."""
    keyboard, terminal = pty.openpty()
    play = site.start(
        "converge", stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=lambda: os.login_tty(terminal)
    )
    os.close(terminal)
    screen = threading.Thread(target=drain, args=(keyboard,), daemon=True)  # who does not read it blocks the playbook
    screen.start()
    module = in_the_middle(site, play)
    os.write(keyboard, b"\x03")
    play.wait(SOON)
    assert not gone(module), "it awaits what is in flight"
    site.write("go", "")
    wait_for(lambda: gone(module), "the module to end", SOON)

    run = last_run(site)
    assert run["result"] == "failed"
    assert (run["summary"]["done"], run["summary"]["skipped"]) == (2, 1)
    assert finishes(site) == {"worker.third": "create"}


def drain(fd: int) -> None:
    """Read a terminal until its other side is closed."""
    try:
        while os.read(fd, 4096):
            pass
    except OSError:
        os.close(fd)


def kill_playbook(play: subprocess.Popen[bytes], module: int) -> None:
    """What the kernel does to the biggest process of a full machine."""
    play.kill()


def insist(play: subprocess.Popen[bytes], module: int) -> None:
    """Somebody who does not want to wait: the first signal asks, the second one insists."""
    os.kill(module, signal.SIGTERM)
    os.kill(module, signal.SIGINT)


@pytest.mark.parametrize(("interrupt", "grace"), [(kill_playbook, "500ms"), (insist, GRACE)])
def test_nobody_waits_for_the_module(site: Site, interrupt: Callable[..., None], grace: str) -> None:
    """What is in flight is left in flight, after the grace or at once; the next run looks what became of it."""
    play = site.start(site.write_play([task("fleet", interrupt_grace=grace)]))
    module = in_the_middle(site, play)
    interrupt(play, module)
    wait_for(lambda: gone(module), "the module to end", SOON)
    play.wait(SOON)

    run = last_run(site)
    assert run["result"] == "failed"
    assert (run["summary"]["done"], run["summary"]["unrecorded"], run["summary"]["skipped"]) == (1, 1, 1)
    left = finishes(site)
    assert left.pop("worker.second") in ("create", "adopt"), "seen through, or found to have become ready meanwhile"
    assert left == {"worker.third": "create"}

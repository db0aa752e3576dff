# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a piece of a test in a process of its own, which may die in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints

KILLED = -signal.SIGKILL


def in_child(work: Callable[[], None], timeout: float = 60.0) -> int:
    """Run ``work`` in a forked process and return its exit code: 0, 1 after an exception, ``KILLED`` when it died at a failpoint.

    A child that hangs is killed, and that fails the test.
    """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the child's only way to tell
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(_wait(pid, timeout))


def die_at(number: int) -> None:
    """Let this process die, as by SIGKILL, when it passes its ``number``-th failpoint from now on (counted from 1)."""
    passed = 0

    def hook(name: str) -> None:
        nonlocal passed
        passed += 1
        if passed == number:
            # What coverage does at the end of a process would take longer than the process did.
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    failpoints.install(hook)


def kill_points(template: Path, work: Path, run: Callable[[], object], *, step: int = 1, most: int) -> Iterator[int]:
    """Kill ``run`` at its first failpoint, at each ``step``-th after it, until it comes to its end; yield the number after each death.

    It finds a fresh copy of ``template`` in ``work`` each time.
    """
    for number in range(1, most, step):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(template, work)

        def doomed(number: int = number) -> None:
            die_at(number)
            run()

        code = in_child(doomed)
        if code == 0:
            return
        assert code == KILLED, f"the run failed before it reached failpoint {number}"
        yield number
    raise AssertionError("the run never came to its end")


def _wait(pid: int, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"the child still ran after {timeout:.0f} s")
        time.sleep(0.002)

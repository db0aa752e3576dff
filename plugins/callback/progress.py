# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how far a converge is, on one line of the terminal that is written over and over, and gone in the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: Show how far a long converge is
version_added: 0.1.0
author: hodei.workers contributors (@hodei-workers)
description:
  - Shows on one line how many steps of a converge are done, failed, running, and waiting for a worker to become idle, and how long the
    rest may take. The line is written over and over, gone when the task ends, and out of the way of whatever else is shown.
  - Silent when standard output or standard error is no terminal, in CI (the environment variable E(CI)), on a terminal that cannot
    go back (E(TERM) is V(dumb)), and for what is over within O(delay).
  - Sees tasks on the machine that runs ansible-playbook. Of a task on another host Ansible tells nothing before its end.
options:
  delay:
    description:
      - For how many seconds a converge goes on before the line is shown.
    type: float
    default: 2.0
    ini:
      - section: callback_hodei_progress
        key: delay
    env:
      - name: HODEI_PROGRESS_DELAY
requirements:
  - enable it with C(callbacks_enabled = hodei.workers.progress) in ansible.cfg, or E(ANSIBLE_CALLBACKS_ENABLED)
"""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display

from ansible_collections.hodei.workers.plugins.module_utils.ansible import progress

_EVERY_SECONDS = 0.2
_ERASE = "\r\x1b[K"
_OFF = ("", "0", "false", "no")


class CallbackModule(CallbackBase):
    """One thread that looks at the files of running tasks. Everybody else's output goes first."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "hodei.workers.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None) -> None:
        super().__init__(display)
        self._place = ""
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._shown = ""
        self._since: dict[str, float] = {}
        self._ran: dict[str, float] = {}
        self._looked = 0.0

    # ---- what Ansible tells ----------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Begin to watch, where somebody is there to see it."""
        if not _somebody_looks() or self._place:
            return
        self._place = tempfile.mkdtemp(prefix="hodei-progress-", dir=constants.DEFAULT_LOCAL_TMP)
        progress.watch(self._place)
        self._give_way(Display())
        atexit.register(self._end)
        threading.Thread(target=self._watch, name="hodei-progress", daemon=True).start()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """End with the playbook."""
        self._end()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Forget a task that has ended."""
        self._forget(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Forget a task that has failed."""
        self._forget(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Forget a task that never was."""
        self._forget(result)

    def _forget(self, result: Any) -> None:
        path = progress.file_of(str(result._task._uuid), str(result._host.name))
        if path:
            with self._lock:
                self._since.pop(os.path.basename(path), None)
                self._ran.pop(os.path.basename(path), None)
                with contextlib.suppress(OSError):
                    os.unlink(path)
                self._erase()

    # ---- the line --------------------------------------------------------------------------------------------------

    def _give_way(self, display: Any) -> None:
        """Have the line erased before anything else is shown; forked tasks send theirs to this process anyway."""
        show = display.display

        def first(*args: Any, **keywords: Any) -> Any:
            if os.getpid() != self._process:
                return show(*args, **keywords)
            with self._lock:
                self._erase()
                return show(*args, **keywords)

        display.display = first

    def _watch(self) -> None:
        delay = float(self.get_option("delay"))
        while not self._over.wait(_EVERY_SECONDS):
            try:
                with self._lock:
                    self._look(delay)
            except OSError:
                return

    def _look(self, delay: float) -> None:
        now, counts, ran, tasks = time.monotonic(), progress.Counts(), 0.0, 0
        passed, self._looked = now - self._looked, now
        for name in os.listdir(self._place):
            found = progress.read(os.path.join(self._place, name))
            if found is None or self._over.is_set():
                continue
            since = self._since.setdefault(name, now)
            self._ran[name] = self._ran.get(name, 0.0) + (min(passed, now - since) if found.running else 0.0)
            if now - since >= delay:
                counts, tasks, ran = counts + found, tasks + 1, max(ran, self._ran[name])
        if tasks:
            self._write(progress.line(counts, ran, tasks))
        else:
            self._erase()

    def _write(self, text: str) -> None:
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        if self._shown != text[: width - 1]:
            self._shown = text[: width - 1]
            _put(f"\r{self._shown}\x1b[K")

    def _erase(self) -> None:
        if self._shown:
            self._shown = ""
            with contextlib.suppress(OSError):
                _put(_ERASE)

    def _end(self) -> None:
        if os.getpid() != self._process or not self._place:
            return
        self._over.set()
        with self._lock:
            self._erase()
        progress.watch("")
        shutil.rmtree(self._place, ignore_errors=True)
        self._place = ""


def _put(text: str) -> None:
    """Write past Python's buffers, which belong to Ansible."""
    sys.stdout.flush()
    os.write(sys.stderr.fileno(), text.encode())


def _somebody_looks() -> bool:
    try:
        terminal = os.isatty(sys.stdout.fileno()) and os.isatty(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    in_ci = os.environ.get("CI", "").lower() not in _OFF
    return terminal and not in_ci and os.environ.get("TERM", "dumb") != "dumb"

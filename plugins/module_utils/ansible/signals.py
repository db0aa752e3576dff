# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notice that nobody wants the result any more: a signal, the death of those who started us, or a connection that was cut.

Ctrl-C ends ansible-playbook in 0.1 s while the module runs on with one SIGINT; a SIGKILL of ansible-playbook tells the module nothing
at all, and neither does the end of an SSH connection, after which the shell above the module lives on. All must end in the same way:
nothing new starts, what is in flight is recorded, the lease is given back.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from pathlib import Path
from types import FrameType

from ..engine.interrupt import Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROGRAMS = ("ansible", "ansible-playbook", "ansible-runner", "ansible-pull", "ansible-console")
_WAIT_SECONDS = 3600.0
_OUTPUT = 1  # where a module answers


def watch(stop: Stop) -> None:
    """Turn signals, the death of our ancestors and an output that nobody reads into a request to stop. Call from the main thread."""

    def handler(number: int, frame: FrameType | None) -> None:
        ask = stop.note if number == signal.SIGHUP else stop.request  # a terminal that closes insists on nothing
        ask(f"interrupted by {signal.Signals(number).name}")

    for number in _SIGNALS:
        signal.signal(number, handler)
    handles = [handle for handle in map(_open, sorted(ancestors(os.getpid()))) if handle is not None]
    threading.Thread(target=_wait, args=(handles, stop), name="ancestors", daemon=True).start()


def ancestors(pid: int, proc: Path = Path("/proc")) -> set[int]:
    """Return whose death makes the task pointless: the direct parent, and every ansible program above."""
    found: set[int] = set()
    parent = _parent(pid, proc)
    if parent > 1:
        found.add(parent)
    while parent > 1:
        if _is_ansible(parent, proc):
            found.add(parent)
        parent = _parent(parent, proc)
    return found


def _parent(pid: int, proc: Path) -> int:
    try:
        # The command name may hold spaces and parentheses; the parent is the second field after the last one (proc(5)).
        return int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _is_ansible(pid: int, proc: Path) -> bool:
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(os.path.basename(word.decode(errors="replace")) in _PROGRAMS for word in words[:3])


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def _wait(handles: list[int], stop: Stop) -> None:
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    # Errors and hang-ups are told unasked (poll(2)): of a pipe or socket whose other end was closed, never of a file (async tasks).
    poll.register(_OUTPUT, 0)
    while not (found := poll.poll(_WAIT_SECONDS * 1000)):
        pass
    if all(handle == _OUTPUT for handle, _unused in found):
        stop.note("the connection to the controller was cut")
    else:
        stop.note("the process that started this task is gone")

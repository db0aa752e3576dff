# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a converge is, told from the module to the controller that waits for it on the same machine.

One small file for each task, in a directory that only this user can enter. The module writes counts over it, the callback plugin
reads them when it likes: nobody waits for anybody, the file never grows, and there is nothing in it but numbers. Whatever goes wrong
is ignored, because progress may neither fail nor slow what it tells of.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from ..model.quantities import rough_time

if TYPE_CHECKING:
    from ..model.change import Change
    from ..model.errors import HodeiError

_COUNTS = struct.Struct("<7Q")
_MIB = 1 << 20
#: The directory of the callback plugin of this process, which set it before tasks were forked; empty when nobody watches.
_watched = ""


class Counts(NamedTuple):
    """Steps of a plan: all, begun and not ended, done, failed, and those that wait for a worker to become idle.

    A replacement has two, whichever way it goes. ``came`` and ``coming`` are bytes of images and the like, which come before any step.
    """

    total: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    waiting: int = 0
    came: int = 0
    coming: int = 0

    def __add__(self, other: object) -> Counts:
        """Add up the counts of two tasks."""
        return Counts(*map(sum, zip(self, other, strict=True))) if isinstance(other, Counts) else NotImplemented


def watch(directory: str) -> None:
    """Have the tasks of this process tell their progress into a directory; empty: no longer."""
    global _watched
    _watched = directory


def file_of(task: str, host: str) -> str:
    """Return where the task of that uuid tells its progress on a host; empty when nobody watches."""
    name = hashlib.sha256(f"{task} {host}".encode()).hexdigest()[:32]
    return os.path.join(_watched, name) if _watched else ""


def read(path: str) -> Counts | None:
    """Return what a task told last, None when there is nothing."""
    try:
        with open(path, "rb") as file:
            return Counts(*_COUNTS.unpack(file.read(_COUNTS.size)))
    except (OSError, struct.error):
        return None


def line(counts: Counts, ran: float, tasks: int = 1) -> str:
    """Say it in one line. The seconds in which steps ``ran`` tell how long the rest may take; how long a job takes nobody knows."""
    if not counts.total:
        return f"hodei.workers: {counts.came // _MIB} of {-(-counts.coming // _MIB)} MiB pulled"
    words = {"failed": counts.failed, "running": counts.running, "waiting (drain)": counts.waiting}
    parts = [f"{counts.done}/{counts.total} done", *(f"{number} {word}" for word, number in words.items() if number)]
    ended = counts.done + counts.failed
    if ended and ended < counts.total:
        left = rough_time(max(1.0, ran * (counts.total - ended) / ended))
        parts.append(f"ETA {left} + drain" if counts.waiting else f"ETA {left}")
    where = f" on {tasks} hosts" if tasks > 1 else ""
    return f"hodei.workers{where}: {', '.join(parts)}"


class ProgressFile:
    """The Listener port on such a file; two microseconds for each event."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._total = self._running = self._done = self._failed = self._waiting = self._came = self._coming = 0

    def preparing(self, done: int, total: int) -> None:
        """Tell of what comes before the first step."""
        self._came, self._coming = done, total
        if self._descriptor < 0:
            self._open()
        self._tell()

    def planned(self, total: int) -> None:
        """Begin to tell of steps."""
        self._total = total
        if self._descriptor < 0:
            self._open()
        self._tell()

    def _open(self) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return

    def began(self, change: Change) -> None:
        """Count a step that has started."""
        self._running += 1
        self._tell()

    def waiting(self, number: int) -> None:
        """Tell how many wait for a worker to become idle."""
        self._waiting = number
        self._tell()

    def ended(self, change: Change, error: HodeiError | None, seconds: float) -> None:
        """Count a step that has ended; one that could not even begin (a worker that never got idle) ends without having run."""
        self._running = max(0, self._running - 1)
        if error is None:
            self._done += 1
        else:
            self._failed += 1
        self._tell()

    def close(self) -> None:
        """Tell no more."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _tell(self) -> None:
        if self._descriptor < 0:
            return
        steps = (self._total, self._running, self._done, self._failed, self._waiting)
        counts = Counts(*steps, self._came, self._coming)
        try:
            os.pwrite(self._descriptor, _COUNTS.pack(*counts), 0)
        except (OSError, struct.error):
            self.close()

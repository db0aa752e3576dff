# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The death of a process, acted out inside one: quick enough for thousands of random runs.

From the chosen failpoint on, nothing that the run does reaches state or the world any more, its lease included. The kill
matrix does the same with real processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.engine.interrupt import Stop


class Died(BaseException):
    """The process is no more. Not an Exception, so that nothing on the way up handles it."""


class MortalStore:
    """A state store whose process may die: afterwards every call of it raises Died."""

    def __init__(self, store: Any, is_dead: Callable[[], bool]) -> None:
        self._store = store
        self._is_dead = is_dead

    def __getattr__(self, name: str) -> Any:
        if self._is_dead():
            raise Died
        return getattr(self._store, name)


class Life:
    """One run's life: it ends at its ``number``-th failpoint (None: never)."""

    def __init__(self, number: int | None, stop: Stop) -> None:
        self._left = number
        self._stop = stop
        self._lock = threading.Lock()
        self.dead = False

    def hook(self, name: str) -> None:
        with self._lock:
            if self._left is not None and not self.dead:
                self._left -= 1
                self.dead = self._left <= 0
            if self.dead:
                # The main thread waits for calls whose threads have just died; it shall come to its own end at once.
                self._stop.request("death")
                self._stop.request("death")
                raise Died


@contextmanager
def living(number: int | None, stop: Stop) -> Iterator[Life]:
    """Run a block that may die at its ``number``-th failpoint; when it is over, so are its threads."""
    life = Life(number, stop)
    before = set(threading.enumerate())
    hush, threading.excepthook = threading.excepthook, _quiet(threading.excepthook)
    failpoints.install(life.hook)
    try:
        yield life
    except Died:
        pass
    finally:
        _wait_for(before)
        failpoints.install(lambda name: None)
        threading.excepthook = hush


def _quiet(loud: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda args: None if args.exc_type is Died else loud(args)


def _wait_for(before: set[threading.Thread]) -> None:
    deadline = time.monotonic() + 30
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
        assert not thread.is_alive(), f"{thread.name} outlives its run"

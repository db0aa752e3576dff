# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who watches the workers, and which of them changed since each was told. Costs nothing while nobody watches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

#: A watcher that is behind by more workers than this has to list.
MOST = 4096


class Watcher:
    """The workers, by id, that changed since one watcher was told. Each once: how often it changed does not matter."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self._changed: set[str] = set()
        self._gap = False

    def note(self, worker: str) -> None:
        """Note that a worker changed, came or went; who does not listen misses it, and will be told so."""
        if len(self._changed) < MOST:
            self._changed.add(worker)
        else:
            self._gap = True
        self.woken.set()

    def take(self) -> tuple[set[str], bool]:
        """Return what to tell now: who changed, and whether others did too that are forgotten."""
        taken = self._changed, self._gap
        self._changed, self._gap = set(), False
        self.woken.clear()
        return taken


class Watchers:
    """All who watch."""

    def __init__(self) -> None:
        self._open: set[Watcher] = set()

    def note(self, worker: str) -> None:
        """Note that a worker changed, came or went."""
        for watcher in self._open:
            watcher.note(worker)

    @contextmanager
    def opened(self) -> Iterator[Watcher]:
        """Watch from now on, as long as the context is open."""
        watcher = Watcher()
        self._open.add(watcher)
        try:
            yield watcher
        finally:
            self._open.discard(watcher)

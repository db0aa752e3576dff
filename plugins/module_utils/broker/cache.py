# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in memory: each is read once, also when fifty ask at once, and there is a bound to how much is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from ..model.store import Retrieved, Which
from .playbook import ended

MOST_ENTRIES, MOST_BYTES = 20_000, 64 << 20

#: The digest of a store's address and a secret's path, and which version.
Key: TypeAlias = tuple[bytes, Which]


class _Entry(NamedTuple):
    found: Retrieved
    size: int
    since: float


@dataclass
class _Flight:
    """One read under way, and those who wait for it."""

    done: threading.Event = field(default_factory=threading.Event)
    found: Retrieved | None = field(default=None, repr=False)
    problem: Exception | None = None

    def result(self) -> Retrieved:
        self.done.wait()
        if self.problem is not None:
            raise self.problem
        if self.found is None:
            raise ended()
        return self.found


class Cache:
    """Shared by threads. What was used longest ago goes first when there is too much."""

    def __init__(
        self,
        most_entries: int = MOST_ENTRIES,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_entries, self._most_bytes, self._clock = most_entries, most_bytes, clock
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry] = {}
        self._flights: dict[Key, _Flight] = {}
        self._bytes = 0
        self._closed = False

    def get(self, key: Key, read: Callable[[], Retrieved], max_age: float | None = None) -> Retrieved:
        """Return what is kept, not older than ``max_age`` seconds, or what ``read`` returns, which is called once at a time.

        A version that was read by its stage is kept by its number, too. Failures are told to all who waited, and not kept.
        """
        with self._lock:
            if self._closed:
                raise ended()
            entry = self._entries.pop(key, None)
            if entry is not None:
                self._entries[key] = entry  # now it is the one used last
                if max_age is None or isinstance(key[1], int) or self._clock() - entry.since < max_age:
                    return entry.found
            flight = self._flights.get(key)
            if flight is None:
                mine = self._flights[key] = _Flight()
        if flight is not None:
            return flight.result()
        return self._fly(key, mine, read)

    def forget(self) -> None:
        """Forget everything, as somebody has written; what is being read at this moment is not kept either."""
        with self._lock:
            self._entries.clear()
            self._flights.clear()
            self._bytes = 0

    def close(self) -> None:
        """Forget everything, for good."""
        with self._lock:
            self._closed = True
        self.forget()

    def _fly(self, key: Key, mine: _Flight, read: Callable[[], Retrieved]) -> Retrieved:
        since = self._clock()
        try:
            mine.found = read()
        except Exception as error:
            mine.problem = error
            raise
        finally:
            with self._lock:
                if self._flights.get(key) is mine:
                    del self._flights[key]
                    if mine.found is not None:
                        self._keep(key, mine.found, since)
            mine.done.set()
        return mine.found

    def _keep(self, key: Key, found: Retrieved, since: float) -> None:
        size = len(found.value.reveal())
        for one in (key, (key[0], found.version.number)):
            self._drop(one)
            self._entries[one] = _Entry(found, size, since)
            self._bytes += size
        while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spacing of calls: never more than so many in any stretch of time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable


class RateLimit:
    """At most ``count`` grants within any ``seconds``; shared by threads, first come first served.

    Exact where a token bucket is not: that one grants its whole burst again within the first window.
    """

    def __init__(
        self,
        count: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.count = count
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._granted: deque[float] = deque(maxlen=count)

    def acquire(self, amount: int = 1) -> None:
        """Return when ``amount`` more may go (at most ``count`` of them); the wait is bounded by the queue ahead."""
        with self._lock:
            now = self._clock()
            when = max(now, self._granted[-1]) if self._granted else now
            crowded = amount + len(self._granted) - self.count
            if crowded > 0:
                when = max(when, self._granted[crowded - 1] + self._seconds)
            self._granted.extend([when] * amount)
            wait = when - now
        if wait > 0:
            self._sleep(wait)

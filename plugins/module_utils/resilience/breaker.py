# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A circuit breaker: a provider that keeps failing is left alone for a while instead of being asked by every worker.

Our own, because pybreaker 1.4 holds its lock for as long as a call lasts, so that the calls of a provider would run one after
the other, and because its clock cannot be handed in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..model.errors import Category, HodeiError, Kind
from ..model.mounts import called
from ..model.quantities import rough_time

_COUNTED = frozenset((Category.TRANSIENT_INFRASTRUCTURE, Category.RESOURCE_LIMITS))


class Breaker:
    """Closed, it lets calls pass; after ``failures`` in a row it is open for ``reset`` seconds, then lets one trial pass.

    Only errors of the provider's side count (infrastructure and resource limits); any other answer is an answer.
    """

    def __init__(self, name: str, failures: int, reset: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._limit = failures
        self._reset = reset
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_trial = 0.0
        self._last = ""

    def admit(self) -> None:
        """Return when a call may be made; raise HodeiError(network, untouched, not retryable now) while it is open.

        The caller says with ``record`` how the call went; a trial of which nothing is heard makes room for the next one
        after ``reset`` seconds.
        """
        with self._lock:
            if self._failures < self._limit:
                return
            wait = self._next_trial - self._clock()
            if wait <= 0:
                self._next_trial = self._clock() + self._reset
                return
        raise HodeiError(
            Kind.NETWORK,
            f"{called(self._name)} failed {self._failures} times in a row and is left alone for another {rough_time(wait)}; "
            f"the last time: {self._last}",
            hint="See that the provider is up and reachable, then run again.",
            retryable=False,
            retry_after=wait,
            untouched=True,
        )

    def record(self, error: HodeiError | None) -> None:
        """Learn how an admitted call went: None, or an error that does not count, closes the breaker."""
        with self._lock:
            if error is None or error.category not in _COUNTED:
                self._failures = 0
                return
            self._failures += 1
            self._last = error.message
            if self._failures >= self._limit:
                self._next_trial = self._clock() + self._reset

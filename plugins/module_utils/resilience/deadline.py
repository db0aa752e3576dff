# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A budget of time that is handed down from call to call."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..model.errors import HodeiError, Kind


class Deadline:
    """A point in monotonic time after which nothing more is tried."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left, never below zero: what to give to a socket as its timeout."""
        return max(0.0, self._end - self._clock())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0.0

    def check(self, what: str) -> None:
        """Raise HodeiError(timeout, untouched) when the time is over before ``what`` began."""
        if self.expired:
            raise HodeiError(Kind.TIMEOUT, f"no time was left for {what} within {self.seconds:g} s", untouched=True)

    def within(self, seconds: float) -> Deadline:
        """Return a deadline for a part of the work: so many seconds, but never past this one."""
        return Deadline(min(seconds, self.remaining), self._clock)

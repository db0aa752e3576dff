# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gets the lease of a fleet, and keeps it while a run lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from ..model.errors import HodeiError, Kind
from ..model.quantities import rough_time
from ..model.records import Lease
from ..model.state_store import StateStore

Clock = Callable[[], float]

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.0


@contextmanager
def held_lease(
    store: StateStore,
    holder: str,
    *,
    ttl: float,
    timeout: float,
    break_lease: bool,
    clock: Clock,
    on_wait: Callable[[str], None],
    give_up: Callable[[], bool] = lambda: False,
) -> Iterator[LeaseKeeper]:
    """Hold the lease while the block runs; see ``acquire_waiting`` and ``LeaseKeeper``."""
    lease = acquire_waiting(
        store, holder, ttl, timeout, clock, time.sleep, on_wait, break_lease=break_lease, give_up=give_up
    )
    with LeaseKeeper(store, lease, clock) as keeper:
        yield keeper


def acquire_waiting(
    store: StateStore,
    holder: str,
    ttl: float,
    timeout: float,
    clock: Clock,
    sleep: Callable[[float], None],
    on_wait: Callable[[str], None],
    *,
    break_lease: bool = False,
    give_up: Callable[[], bool] = lambda: False,
) -> Lease:
    """Acquire the lease, waiting up to ``timeout`` seconds for whoever holds it; 0 asks once.

    ``clock`` gives Unix seconds. ``on_wait`` is called once, with a sentence for the user, when a wait begins;
    ``give_up`` ends the wait early. Raises the store's conflict when it is over, and any other error at once.
    """
    deadline, wait, told = clock() + timeout, _FIRST_WAIT, False
    while True:
        now = clock()
        try:
            return store.acquire(holder, ttl, now, break_lease=break_lease)
        except HodeiError as error:
            if not (error.kind is Kind.CONFLICT and error.retryable) or now >= deadline or give_up():
                raise
            if not told:
                on_wait(f"waiting up to {rough_time(timeout)}: {error.message}")
                told = True
        sleep(min(wait, deadline - now))
        wait = min(2 * wait, _LONGEST_WAIT)


class LeaseKeeper:
    """Renews a lease from a daemon thread, every third of its ttl, and tells when it is lost.

    A context manager: leaving it stops the thread and gives the lease back. ``wait`` sleeps up to so many seconds
    and returns True when the keeper has been told to stop; it is an argument for tests, as ``clock`` is.
    """

    def __init__(
        self, store: StateStore, lease: Lease, clock: Clock, *, wait: Callable[[float], bool] | None = None
    ) -> None:
        self._lost = threading.Event()
        self._store = store
        self._lease = lease
        self._clock = clock
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self._lock = threading.Lock()
        self._cause: HodeiError | None = None
        self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)

    @property
    def lease(self) -> Lease:
        """The lease as it was last renewed."""
        return self._lease

    @property
    def lost(self) -> bool:
        """Whether somebody else has the lease now, or it ran out without a renewal: nothing new may start."""
        return self._lost.is_set()

    def __enter__(self) -> LeaseKeeper:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop renewing and give the lease back."""
        self._stopped.set()
        self._thread.join(timeout=self._lease.ttl)
        # A lease that cannot be given back runs out by itself; what the run has to tell matters more.
        with suppress(HodeiError):
            self._store.release(self._lease)

    def check(self) -> None:
        """Return when a new operation may start; raise HodeiError(conflict) when the lease is lost.

        After the machine slept past the expiry, the lease is renewed on the spot or found lost: the thread may not
        have had its turn yet.
        """
        if not self.lost and self._clock() >= self._lease.expires_at:
            self.renew()
        if self.lost:
            raise self._cause or HodeiError(Kind.CONFLICT, "the lease was lost")

    def renew(self) -> None:
        """Renew once. A conflict loses the lease; so does any other error once the lease has run out."""
        with self._lock:
            if self.lost or self._stopped.is_set():
                return
            try:
                self._lease = self._store.renew(self._lease, self._clock())
            except HodeiError as error:
                taken = error.kind is Kind.CONFLICT and not error.retryable
                if taken or self._clock() >= self._lease.expires_at:
                    self._cause = error
                    self._lost.set()

    def _keep(self) -> None:
        while not self.lost and not self._wait(self._lease.ttl / 3):
            self.renew()

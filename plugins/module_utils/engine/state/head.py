# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head of a state: whose it is, how far it got, and who may write; with the rules of the lease as pure functions.

A backend keeps one head and replaces it in the same transaction as whatever it guards, so that every write is
compare-and-set on lineage and fence. Nothing here reads a clock or a database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...model.errors import HodeiError, Kind
from ...model.quantities import rough_time
from ...model.records import Lease
from .holder import shown


class Head(NamedTuple):
    """One state's head. ``content`` is the sum, modulo 2**32, of the checksums of all resources and pending operations.

    ``holder`` is empty while the lease is free; ``fence`` stays, so that it never repeats. Times are Unix seconds.
    """

    owner: str
    lineage: str
    serial: int = 0
    last_converge: float | None = None
    content: int = 0
    holder: str = ""
    fence: int = 0
    acquired_at: float = 0.0
    expires_at: float = 0.0
    ttl: float = 0.0

    def held(self) -> Lease | None:
        """Return the lease that somebody holds, expired or not."""
        return self.lease() if self.holder else None

    def lease(self) -> Lease:
        """Return the lease as it was last given out."""
        return Lease(self.holder, self.fence, self.acquired_at, self.expires_at, self.ttl, self.lineage)

    def with_content(self, added: int, removed: int) -> Head:
        """Return the head after rows whose checksums add up to ``added`` came and ``removed`` went."""
        return self._replace(content=(self.content + added - removed) % 2**32)


def taken(
    head: Head, holder: str, ttl: float, now: float, *, is_dead: Callable[[str], bool], break_lease: bool = False
) -> Head:
    """Return the head with the lease given to ``holder``.

    It can be had when it is free, expired, or held by a process of which ``is_dead`` says that it is gone; else
    raises HodeiError(conflict, retryable) unless ``break_lease``.
    """
    held = bool(head.holder) and now < head.expires_at
    if held and not break_lease and not is_dead(head.holder):
        raise _held(head, now)
    return head._replace(
        holder=holder, fence=head.fence + 1, acquired_at=float(now), expires_at=float(now + ttl), ttl=float(ttl)
    )


def renewed(head: Head, lease: Lease, now: float) -> Head:
    """Return the head with the lease extended from ``now``. An expired lease that nobody took is still its holder's."""
    require(head, lease)
    return head._replace(expires_at=float(now + lease.ttl))


def released(head: Head, lease: Lease) -> Head:
    """Return the head without the lease; unchanged when it was lost already."""
    return head._replace(holder="") if _holds(head, lease) else head


def require(head: Head, lease: Lease) -> None:
    """Raise HodeiError(conflict) unless ``lease`` is the one in force for this lineage.

    No clock decides: a holder that slept past its expiry may go on until somebody else took the lease, and the
    fence tells that.
    """
    if _holds(head, lease):
        return
    if head.lineage != lease.lineage:
        raise HodeiError(
            Kind.CONFLICT,
            f"the state of fleet '{head.owner}' now has lineage {head.lineage}, but this run began with {lease.lineage}; "
            "nothing was written",
            hint="Somebody replaced the state meanwhile: run again.",
        )
    now_with = f"{shown(head.holder)} holds it now" if head.holder else "it was given back or broken"
    raise HodeiError(
        Kind.CONFLICT,
        f"the lease of fleet '{head.owner}' was lost ({now_with}, fence {head.fence}, ours was {lease.fence}); "
        "nothing was written",
        hint="Run again: what was in flight is settled by looking at the world.",
    )


def _holds(head: Head, lease: Lease) -> bool:
    return (head.lineage, head.fence, head.holder) == (lease.lineage, lease.fence, lease.holder)


def _held(head: Head, now: float) -> HodeiError:
    age, left = rough_time(max(0.0, now - head.acquired_at)), rough_time(head.expires_at - now)
    return HodeiError(
        Kind.CONFLICT,
        f"fleet '{head.owner}' is being changed by {shown(head.holder)}, for {age} now; "
        f"its lease expires in {left} unless renewed",
        hint="Wait for it, or set break_lease: true when you are sure that it is gone.",
        retryable=True,
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of state backends: what is remembered of a fleet, and under which lease it is written.

It has one conformance suite (tests/conformance/state) that every implementation passes. Every call raises HodeiError and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .address import Address
from .audit import AuditHead
from .records import Event, Lease, Operation, OperationEnd, Run, State


class StateStore(Protocol):
    """Remembers what we did. Every write is compare-and-set on lineage and fence of a live lease."""

    def exists(self) -> bool:
        """Tell whether this owner has been initialised; creates nothing."""

    def initialise(self, owner: str, lineage: str, now: float) -> None:
        """Make an empty state; already_exists when there is one."""

    def read(self) -> State:
        """Read everything in one consistent snapshot; not_found when not initialised. Read-only."""

    def acquire(self, holder: str, ttl: float, now: float, *, break_lease: bool = False) -> Lease:
        """Take the owner's lease with a fence above every earlier one; conflict (retryable) when held."""

    def renew(self, lease: Lease, now: float) -> Lease:
        """Extend a lease; conflict when it was lost."""

    def release(self, lease: Lease) -> None:
        """Give a lease back; harmless when it was lost."""

    def give_to(self, lease: Lease, owner: str) -> None:
        """Let the state be another owner's; conflict when the fence is stale."""

    def lease(self) -> Lease | None:
        """Say who holds the lease, expired or not."""

    def begin(self, lease: Lease, operations: Sequence[Operation]) -> None:
        """Make intents durable, in one transaction; conflict when the fence is stale."""

    def end(self, lease: Lease, ends: Sequence[OperationEnd]) -> int:
        """Record outcomes and the resources they leave, in one durable transaction; returns the new serial."""

    def start_run(self, lease: Lease, run: Run) -> None:
        """Record that a run began."""

    def finish_run(self, lease: Lease, run: Run) -> None:
        """Record how a run ended."""

    def anchor(self, head: AuditHead) -> None:
        """Remember how far an audit chain got, without a lease; conflict when it was further, or elsewhere."""

    def anchors(self) -> Mapping[str, AuditHead]:
        """Return how far all audit chains had got that were told, by their writers."""

    def forget_anchors(self) -> None:
        """Forget all audit chains, without a lease: the user knows that they are lost."""

    def remember(self, things: Mapping[str, Any]) -> None:
        """Remember things by name, as JSON, in one transaction and without a lease; forget those that are None."""

    def remembered(self) -> Mapping[str, Any]:
        """Return all that is remembered by name."""

    def history(self, limit: int) -> list[Run]:
        """Return the latest runs, newest first."""

    def events(self, address: Address | None, limit: int) -> list[Event]:
        """Return what was done to an address (or to all), newest first."""

    def close(self) -> None:
        """Close files and connections."""

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What state remembers: resources, operations in flight, runs and the lease.

State is a cache of what we did; the objects' own labels carry enough to rebuild it. Nothing here is secret: specs are in
the recorded form of ``model/worker.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .address import Address
from .states import Intent, WorkerState
from .worker import Lifecycle, Spec

STATE_FORMAT = 3


@dataclass(frozen=True)
class Resource:
    """An object that we made and have not yet seen gone.

    ``deposed``: superseded by a newer generation and waiting to be deleted. ``tainted``: its create failed after the
    object came to be, so it is replaced next time. ``dependencies`` are kept so that orphans go in the right order.
    """

    address: Address
    generation: int
    provider: str
    external_id: str
    spec: Spec
    digest: str
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    dependencies: tuple[Address, ...] = ()
    intent: Intent = Intent.STARTED
    status: WorkerState = WorkerState.UNKNOWN
    source: str = ""
    deposed: bool = False
    tainted: bool = False
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True)
class Operation:
    """The durable intent that precedes a side effect: ``begin`` without ``end`` is unresolved and settled by looking."""

    op_id: str
    run_id: str
    address: Address
    generation: int
    verb: str
    provider: str
    digest: str = ""
    native_name: str = ""
    begun_at: float = 0.0
    ended_at: float | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class OperationEnd:
    """How an operation ended, and what it leaves in state.

    ``put`` is written, ``drop`` lists (address, generation) to forget; both in the same transaction as the end.
    """

    op_id: str
    ended_at: float
    error: Mapping[str, Any] | None = None
    put: tuple[Resource, ...] = ()
    drop: tuple[tuple[Address, int], ...] = ()


@dataclass(frozen=True)
class Lease:
    """The right to change one owner's fleet of one lineage. ``fence`` only ever grows; times are Unix seconds."""

    holder: str
    fence: int
    acquired_at: float
    expires_at: float
    ttl: float
    lineage: str = ""


@dataclass(frozen=True)
class Run:
    """One converge, destroy or refresh: ``summary`` counts actions and results, ``actor`` is who claims to have run it."""

    run_id: str
    kind: str
    started_at: float
    document_digest: str = ""
    actor: str = ""
    ended_at: float | None = None
    result: str = ""
    summary: Mapping[str, int] = field(default_factory=dict)
    serial: int = 0


@dataclass(frozen=True)
class Event:
    """Something that happened to an address at a time."""

    at: float
    address: str
    event: str
    detail: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class State:
    """One consistent snapshot: resources (deposed ones too) and unresolved operations, of one lineage and serial."""

    owner: str
    lineage: str
    serial: int
    resources: tuple[Resource, ...] = ()
    pending: tuple[Operation, ...] = ()
    last_converge: float | None = None

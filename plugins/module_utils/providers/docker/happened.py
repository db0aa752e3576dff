# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened to a container: what the Engine remembers, which is not much, and what stands in its record."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.records import Event
from .engine import Engine
from .records import TTL, Record
from .sdk import told
from .survey import Row


def events(engine: Engine, row: Row, limit: int) -> list[Event]:
    """Return what happened to a container, oldest first. Raises HodeiError."""
    address = str(row.record.address)
    with told():
        found = engine.api.events(
            since=0, until=int(engine.now()) + 1, filters={"container": [row.container]}, decode=True
        )
        by_engine = [
            Event(one["timeNano"] / 1e9, address, one["Action"], one["Actor"]["Attributes"].get("exitCode", ""))
            for one in found
            if not one["Action"].startswith("exec_")
        ]
    all_ = sorted((*by_engine, *_by_us(row.record)), key=lambda event: event.at)
    return all_[-limit:]


def _by_us(record: Record) -> Iterator[Event]:
    """Yield what those noted who look after it."""
    address = str(record.address)
    since, _unused, then = record.draining
    if since is not None:
        if then == TTL:
            yield Event(since, address, "expired", f"after {record.ttl or 0.0:g} s")
        yield Event(since, address, "draining", f"then {then}" if then else "")
    if record.ended:
        state, reason, at = record.ended
        expired = state == "stopped" and then != TTL
        yield Event(at, address, "expired" if expired else state, reason)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a state file remembers of the past: runs and operations as events, within bounds."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.address import Address
from ...model.records import Event, Run
from . import codec, sql

KEEP_RUNS = 1_000
KEEP_SECONDS = 90 * 86_400.0
KEEP_OPERATIONS = 100_000


def read_runs(connection: sqlite3.Connection, limit: int) -> list[Run]:
    """Return the latest runs, newest first."""
    rows = connection.execute(sql.LATEST_RUNS, (limit,))
    return [codec.decode_run(row) for row in rows]


def read_events(connection: sqlite3.Connection, address: Address | None, limit: int) -> list[Event]:
    """Return what happened, newest first: operations of one address, or of all, and then runs as well.

    An event is named after the verb or the kind of run; ``_failed`` or ``_unfinished`` is added where that is so.
    """
    if address is None:
        rows = connection.execute(sql.LATEST_OPERATIONS, (limit,))
    else:
        rows = connection.execute(sql.LATEST_OPERATIONS_OF, (str(address), limit))
    events = [_operation_event(row) for row in rows]
    if address is None:
        events += [_run_event(run) for run in read_runs(connection, limit)]
        events.sort(key=lambda event: event.at, reverse=True)
    return events[:limit]


def trim(
    connection: sqlite3.Connection,
    now: float,
    *,
    keep_runs: int = KEEP_RUNS,
    keep_seconds: float = KEEP_SECONDS,
    keep_operations: int = KEEP_OPERATIONS,
) -> None:
    """Forget runs beyond ``keep_runs`` or older than ``keep_seconds``, and ended operations older than those runs.

    Operations in flight are never forgotten; of the others at most ``keep_operations`` stay.
    """
    connection.execute(sql.TRIM_RUNS, (now - keep_seconds, keep_runs))
    connection.execute(sql.TRIM_OPERATIONS_BEFORE_RUNS)
    connection.execute(sql.TRIM_OPERATIONS, (keep_operations,))


def _operation_event(row: tuple[Any, ...]) -> Event:
    at, address, verb, ended_at, error, run_id, generation, provider = row
    suffix = "_unfinished" if ended_at is None else "_failed" if error is not None else ""
    detail = codec.error_message(error) or f"generation {generation} on {provider}"
    return Event(at=at, address=address, event=verb + suffix, detail=detail, run_id=run_id)


def _run_event(run: Run) -> Event:
    suffix = "_unfinished" if run.ended_at is None else ""
    at = run.started_at if run.ended_at is None else run.ended_at
    return Event(at=at, address="", event=run.kind + suffix, detail=run.result, run_id=run.run_id)

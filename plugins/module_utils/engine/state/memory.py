# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state remembers beside the fleet, inside the caller's transaction: heads of audit chains, and things by name.

A thing is JSON. ``store/NAME`` is how far a store had got (``model.store.Seen``), ``settings`` are those of the last converge.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from ...model.audit import AuditHead, refuse_older
from . import codec, sql


def put_anchor(connection: sqlite3.Connection, head: AuditHead) -> None:
    """Remember how far an audit chain got. Raises HodeiError(conflict)."""
    refuse_older(anchors(connection).get(head.writer), head, "the state")
    values = (head.writer, head.seq, head.hash)
    connection.execute(sql.PUT_ANCHOR, (*values, codec.checksum(values)))


def anchors(connection: sqlite3.Connection) -> dict[str, AuditHead]:
    """Return how far all audit chains had got, by their writers."""
    rows = connection.execute(sql.ANCHORS).fetchall()
    return {row[0]: AuditHead(*codec.checked(row, f"the audit chain of {row[0]}")[:-1]) for row in rows}


def put(connection: sqlite3.Connection, things: Mapping[str, Any]) -> None:
    """Remember things; forget those that are None."""
    for name, thing in things.items():
        if thing is None:
            connection.execute(sql.DROP_MEMORY, (name,))
            continue
        values = (name, json.dumps(thing, sort_keys=True))
        connection.execute(sql.PUT_MEMORY, (*values, codec.checksum(values)))


def remembered(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return all things."""
    rows = connection.execute(sql.MEMORY).fetchall()
    return {row[0]: json.loads(codec.checked(row, f"{row[0]} in its memory")[1]) for row in rows}

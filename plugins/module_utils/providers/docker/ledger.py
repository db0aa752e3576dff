# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing later versions of records: of two who write the same one, one is refused and looks again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

from ...model.errors import HodeiError, Kind
from . import records
from .engine import Engine
from .records import Record
from .survey import Row, Survey

_ATTEMPTS = 10


class Ledger:
    """The records of the containers of one provider."""

    def __init__(self, engine: Engine, survey: Survey) -> None:
        self._engine = engine
        self._survey = survey

    def write(self, row: Row, change: Callable[[Record], Record]) -> Row:
        """Make a changed record durable. Raises HodeiError(conflict) when somebody else has changed the worker meanwhile.

        What those wrote who watch over it is no such change: it is kept, and ours is made on top of it.
        """
        edits = row.record.edits
        for _unused in range(_ATTEMPTS):
            fresh = records.counted(row.record, change(row.record))
            if fresh == row.record:
                return row
            if self._put(row, fresh):
                return row._replace(record=fresh, revision=row.revision + 1)
            later = self._survey.row(row.container)
            if later is None or later.record.edits != edits:
                break
            row = later
        raise changed(row)

    def put(self, row: Row, record: Record) -> Row:
        """Make what differs from a row's record durable. Raises HodeiError(conflict) as ``write`` does."""
        differing = {name: value for name, value in vars(record).items() if value != getattr(row.record, name)}
        return self.write(row, lambda present: replace(present, **differing))

    def _put(self, row: Row, record: Record) -> bool:
        """Make the next version; False when there is one, or was one that has given way to a later one already."""
        revision, nonce = row.revision + 1, uuid.uuid4().hex
        name = records.volume_name(row.container, revision)
        labels = records.later_labels(record, row.container, revision, nonce)
        volume = self._engine.post(
            "/volumes/create", {"Name": name, "Labels": labels}
        )  # with our nonce it may come twice
        if not records.is_mine(volume, nonce):
            return False
        there = self._survey.revisions(row.container)
        if max(there, default=revision) > revision:
            self._engine.remove_volume(name)
            return False
        for older in there:
            if older < revision:
                self._engine.remove_volume(records.volume_name(row.container, older))
        return True

    def forget(self, container: str) -> None:
        """Remove all versions; the container is there no more."""
        for revision in self._survey.revisions(container):
            self._engine.remove_volume(records.volume_name(container, revision))


def changed(row: Row) -> HodeiError:
    """Say that a container is not as it was when somebody looked."""
    return HodeiError(
        Kind.CONFLICT,
        f"container {row.name} was changed by somebody else",
        hint="Run converge again: it looks before it plans.",
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noting who has done its work.

An Engine that is stopped, also with its machine, asks its containers to end. It starts them again later, but for those with the policy
on-failure that ended with 0, as many servers do when they are asked: then nothing tells them from those that have done their work. So
that is noted while it can be told, which is as long as the Engine lives that saw the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ...model.errors import HodeiError, Kind
from ...model.states import WorkerState
from . import records
from .engine import Engine
from .seeing import ended_since, is_unclear
from .survey import Row, Survey

if TYPE_CHECKING:
    from .containers import Containers


def note_done(engine: Engine, survey: Survey, containers: Callable[[], Containers]) -> None:
    """Note which workers have ended with 0 since their Engine began; ``containers`` is asked for only then. Raises HodeiError."""
    filters = {"label": [f"{records.OWNER}={survey.owner}"], "exited": ["0"]}
    ended = {one["Id"] for one in engine.get("/containers/json", all=1, filters=filters)}
    unnoted = [row for row in survey.rows() if row.container in ended and not row.record.ended] if ended else ()
    seen = [(row, survey.inspect(row.container)) for row in unnoted]
    unclear = [(row, one) for row, one in seen if one is not None and is_unclear(one, row.record)]
    # Asked last: of an Engine that is started anew meanwhile nothing is noted.
    began = survey.engine_began() if unclear else 0.0
    for row, one in unclear:
        if ended_since(one, began):
            _note(containers(), row, engine.now())


def _note(containers: Containers, row: Row, now: float) -> None:
    try:
        containers.note(row, lambda record: replace(record, ended=[WorkerState.COMPLETED.value, "", now]))
    except HodeiError as error:
        if error.kind is not Kind.CONFLICT:  # somebody else is at it
            raise

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects finish their work before they are stopped, and how; pure."""

from __future__ import annotations

from ..model.carry import Column, Support, cell
from ..model.change import Action
from ..model.ports import Observation
from ..model.records import Resource
from ..model.states import WorkerState
from ..model.worker import Drain, Instance

FIELD = "lifecycle.drain"
#: The actions that end a run of a worker.
STOPS = frozenset((Action.REPLACE, Action.DELETE, Action.STOP, Action.RESTART))
#: Who has not become ready yet, or has ended, has no work to finish.
_AT_WORK = frozenset((WorkerState.RUNNING, WorkerState.DEGRADED, WorkerState.PAUSED, WorkerState.STOPPING))


def drain_of(instance: Instance | None, resource: Resource | None, seen: Observation | None) -> Drain | None:
    """Return how an object finishes its work: as the document says, else as state remembers, else as its own record does.

    A drain that the document has just lost holds once more: to lose it and to be stopped may not come together.
    """
    if instance is not None and FIELD in instance.degrade:
        return None
    written = instance.lifecycle.drain if instance else None
    remembered = resource.lifecycle.drain if resource else None
    return written or remembered or (seen.drain if seen else None)


def finishes(seen: Observation | None, drain: Drain | None, column: Column) -> bool:
    """Tell whether an object is waited for before it is stopped."""
    if seen is None or drain is None or seen.state not in _AT_WORK:
        return False
    return cell(column, FIELD).support in (Support.NATIVE, Support.EMULATED)

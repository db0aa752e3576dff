# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a worker learns that its files have changed: it is reloaded by the update itself, or restarted after it; pure."""

from __future__ import annotations

from ..model.change import Action, FieldChange
from ..model.ports import Observation
from ..model.states import Intent
from ..model.worker import Spec
from .difference import covered

#: Who does not run reads them then.
NEXT_START = "read at its next start"


def changes_files(fields: tuple[FieldChange, ...]) -> bool:
    """Tell whether a file is among what differs."""
    return any(covered(field.path, ("files",)) for field in fields)


def telling(spec: Spec, seen: Observation, intent: Intent) -> tuple[str, Action | None]:
    """Say how a worker is told of changed files, and which step does that after the update, if one is needed."""
    if intent is not Intent.STARTED or not seen.state.alive:
        return NEXT_START, None
    reload = spec.get("reload")
    if not reload:
        return "restart", Action.RESTART
    return f"reload by {reload.get('signal', 'command')}", None

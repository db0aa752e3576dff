# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state remembers of secrets, by name: how far each store had got, and the settings of the last converge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.state_store import StateStore
from ..model.store import Seen

SEEN = "store/"  # and the name of the store
SETTINGS = "settings"  # audit and identity in normal form, and the stores that are anchors


def remembered_by(state: StateStore) -> Mapping[str, Any]:
    """Return what a state remembers; nothing where it is lost."""
    return state.remembered() if state.exists() else {}


def seen_before(remembered: Mapping[str, Any], name: str) -> Seen | None:
    """Return how far a store was known to have got."""
    found = remembered.get(SEEN + name)
    return Seen(*found) if found else None

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching: an event says who changed, and a look says how it is now. So an event may come twice or late."""

from __future__ import annotations

import time
from collections.abc import Generator

from ...model.address import Address
from ...model.ports import News
from .changes import Changes
from .engine import Engine
from .records import short
from .survey import Survey, revision

_TICK = 1.0
#: Several changes follow each other closely, and one look sees them all.
_GATHER = 0.02


def watch(engine: Engine, survey: Survey, seconds: float) -> Generator[News, None, None]:
    """Tell which containers change; ends when the Engine does."""
    until = time.monotonic() + seconds
    with Changes(engine, survey.owner) as changes:
        known = {short(row.container): row.key for row in survey.rows()}
        yield News()
        while (left := until - time.monotonic()) > 0:
            touched = changes.take(min(_TICK, left))
            if changes.cut:
                return
            if touched:
                time.sleep(_GATHER)
                touched |= changes.take(0)
            yield _look(survey, known, touched) if touched else News()


def _look(survey: Survey, known: dict[str, tuple[Address, int]], touched: set[str]) -> News:
    """Look at those who changed, and keep in ``known`` what they are called."""
    at = revision()
    seen = survey.look(touched)
    before = {known[one] for one in touched if one in known}
    for one in touched:
        known.pop(one, None)
    for one, observation in seen.items():
        known[one] = (observation.address, observation.generation)
    return News(tuple(seen.values()), tuple(before.difference(known.values())), at)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state backends that the suite runs on. A new one joins by adding a line to BACKENDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import LINEAGE, OWNER, T0, Verified

#: Opens the same stored state each time it is called, as another process would.
Open = Callable[..., Any]


def sqlite(place: Path) -> Open:
    """One file in a directory of its own."""
    return lambda read_only=False, **options: SqliteState(place / "owner" / "state.db", read_only=read_only, **options)


BACKENDS: dict[str, Callable[[Path], Open]] = {
    "sqlite": sqlite,
}


@pytest.fixture(params=BACKENDS)
def open_state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open one and the same state; everything that was opened is closed at the end."""
    opened = []
    backend = BACKENDS[request.param](tmp_path)

    def verified(**options: Any) -> Verified:
        opened.append(backend(**options))
        return Verified(opened[-1])

    yield verified
    for store in opened:
        store.close()


@pytest.fixture
def store(open_state: Open) -> Any:
    """An initialised, empty state."""
    state = open_state()
    state.initialise(OWNER, LINEAGE, T0)
    return state

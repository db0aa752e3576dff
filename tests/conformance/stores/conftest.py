# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores that the suite runs on. A new one joins by adding a line to RIGS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.store import Store
from ansible_collections.hodei.workers.tests.conformance.stores.rigs import LocalRig, Rig
from ansible_collections.hodei.workers.tests.support.places import quick_directory

RIGS: dict[str, Callable[[Path], Rig]] = {
    "local": LocalRig,
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A store of its own, empty."""
    with quick_directory() as place:
        made = RIGS[request.param](place)
        yield made
        made.close()


@pytest.fixture
def store(rig: Rig) -> Store:
    """A handle on it."""
    return rig.open()

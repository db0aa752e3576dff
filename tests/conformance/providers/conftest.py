# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The providers that the suite runs on. A new one joins by adding a line to RIGS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig, Rig

RIGS: dict[str, Callable[[Path], Rig]] = {
    "process": ProcessRig,
}


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A provider with a place of its own; whatever a test leaves is removed."""
    made = RIGS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def fleet(rig: Rig) -> Fleet:
    """Short words for the calls."""
    return Fleet(rig)

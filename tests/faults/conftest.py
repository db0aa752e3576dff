# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real supervisor in a place of its own, a real Engine. Tests of our own engine have fleets of their own kind."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig
from ansible_collections.hodei.workers.tests.support.docker_fleets import clear
from ansible_collections.hodei.workers.tests.support.places import quick_directory, short_directory


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[ProcessRig]:
    """Processes below a directory of the test's own."""
    made = ProcessRig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def fleet(rig: ProcessRig) -> Fleet:
    """Short words for the calls."""
    return Fleet(rig)


@pytest.fixture
def engine(shared_testbed: Any) -> Iterator[Any]:
    """An Engine with nothing of ours on it, before and after."""
    found = shared_testbed.need("docker")
    clear(found.api)
    yield found
    clear(found.api)


@pytest.fixture
def user(testbed: Any) -> pwd.struct_passwd:
    """Somebody without rights."""
    found: pwd.struct_passwd = testbed.need("second_user")
    return found


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that others can walk through; pytest closes its own ones at each start."""
    with short_directory() as path:
        path.chmod(0o711)
        yield path


@pytest.fixture
def place() -> Iterator[Path]:
    """Where state is."""
    with quick_directory() as path:
        yield path

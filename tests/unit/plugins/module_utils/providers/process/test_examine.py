# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of a supervisor against the collection's, as the doctor says it."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.finding import Level
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.client import Greeting, Version
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.examine import _version

OURS = Version("1.2.0", "ours")


@pytest.mark.parametrize(
    ("version", "digest", "level", "words"),
    [
        ("1.2.0", "ours", Level.OK, "this collection's"),
        ("1.1.0", "old", Level.WARNING, "the next change replaces it"),
        ("1.3.0", "new", Level.WARNING, "newer than this collection's 1.2.0"),
    ],
)
def test_version(version: str, digest: str, level: Level, words: str) -> None:
    found = _version(Greeting(1, version, digest, (), 1, frozenset()), OURS)
    assert found.level is level
    assert words in f"{found.message} {found.cure}"
    assert "running for" in found.message

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store cannot carry; for providers see planner_cases.yml."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.engine.carried import not_carried
from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Carry, Support
from ansible_collections.hodei.workers.plugins.module_utils.stores.objects import COLUMN
from ansible_collections.hodei.workers.tests.support.secret_fleets import SecretFleet


def test_it_is_told_of_the_secret_and_its_store(tmp_path: Path) -> None:
    document = SecretFleet(tmp_path).document("[{name: a, value: x, tags: {team: t}, expires: 30d}]")
    column = {**COLUMN, "tags": Carry(Support.NONE), "expires": Carry(Support.IGNORED, note="it has no clock")}
    (problem,), (warning,) = not_carried(document.secrets, {"store.local": column})
    assert (problem.path, problem.message) == ("secret.a.tags.team", "store 'local' cannot carry this")
    assert warning == "secret.a: store 'local' ignores expires: it has no clock"

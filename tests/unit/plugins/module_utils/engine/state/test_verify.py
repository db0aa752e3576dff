# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Operation, Resource, State
from ansible_collections.hodei.workers.tests.conformance.state.builders import RUNNER, WEB, operation, resource


def state(*resources: Resource, pending: tuple[Operation, ...] = (), **fields: object) -> State:
    return State(**{"owner": "ci", "lineage": "lin", "serial": 1, "resources": resources, "pending": pending, **fields})  # type: ignore[arg-type]


def test_invariant_18_sound_states() -> None:
    assert verify(state()) == []
    assert verify(state(resource(deposed=True), resource(generation=2), resource(WEB), pending=(operation("a"),))) == []


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (state(resource(deposed=True), resource()), "worker.runner[2] generation 1 is recorded twice"),
        (state(resource(), resource(generation=2)), "worker.runner[2] has 2 current objects"),
        (state(pending=(operation("a"), operation("a", WEB))), "operation a is pending twice"),
        (state(pending=(operation("a", ended_at=5.0),)), "operation a is pending, yet ended"),
        (state(resource(generation=-1)), "has generation -1"),
        (state(resource(dependencies=(RUNNER,))), "depends on itself"),
        (state(owner=""), "no owner"),
        (state(lineage=""), "no lineage"),
        (state(serial=-1), "serial is -1"),
    ],
)
def test_invariant_18_each_flaw_is_named(broken: State, words: str) -> None:
    (problem,) = verify(broken)
    assert words in problem

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: each line of planner_cases.yml, and what holds for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.engine.plan import make_plan
from ansible_collections.hodei.workers.plugins.module_utils.engine.planjson import change_from_dict, change_to_dict
from ansible_collections.hodei.workers.plugins.module_utils.engine.plantext import plan_text
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import (
    inputs_of,
    plan_of,
    summary,
)

CASES: list[dict[str, Any]] = [
    case
    for name in ("planner_cases.yml", "moves_cases.yml")
    for case in yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
]
each_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


@each_case
def test_case(case: dict[str, Any]) -> None:
    plan = plan_of(case)
    assert summary(plan) == case.get("plan", [])
    assert plan.blocked == case.get("blocked", {})
    assert plan.kept == case.get("kept", {})
    assert plan.overdue == case.get("overdue", {})
    assert [str(problem) for problem in plan.problems] == case.get("problems", [])
    assert list(plan.warnings) == case.get("warnings", [])
    assert list(plan.foreign) == case.get("foreign", [])


@each_case
def test_the_same_input_gives_the_same_plan(case: dict[str, Any]) -> None:
    inputs = inputs_of(case)
    assert make_plan(inputs) == make_plan(inputs_of(case)) == make_plan(inputs)


@each_case
def test_every_change_survives_a_plan_file(case: dict[str, Any]) -> None:
    changes = plan_of(case).pending
    assert [change_from_dict(change_to_dict(change)) for change in changes] == list(changes)


@each_case
def test_invariant_11_nothing_is_deleted_where_a_list_was_not_complete(case: dict[str, Any]) -> None:
    blind = {**case, "unseen": dict.fromkeys(case.get("providers", ["cloud"]), "it hangs")}
    assert not [change for change in plan_of(blind).pending if change.action in (Action.DELETE, Action.REPLACE)]


@each_case
def test_invariant_15_what_is_unknown_is_left_alone(case: dict[str, Any]) -> None:
    inputs = inputs_of({**case, "unseen": dict.fromkeys(case.get("providers", ["cloud"]), "it hangs")})
    unseen = [change for change in make_plan(inputs).pending if not inputs.world.at(change.address)]
    assert unseen == []


@each_case
def test_each_change_has_its_own_key_and_is_worth_a_line(case: dict[str, Any]) -> None:
    plan = plan_of(case)
    assert len({change.key for change in plan.pending}) == len(plan.pending)
    text = plan_text(plan)
    assert all(change.reason in text for change in plan.pending)
    assert all(line == line.rstrip() and len(line) < 320 for line in text.splitlines())

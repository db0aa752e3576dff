# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as text: golden texts that a person has read, and what must hold for large plans and for results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.engine.apply import Result
from ansible_collections.hodei.workers.plugins.module_utils.engine.plantext import plan_text, results_text, totals_text
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import plan_of

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("plantext_cases.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_text(case: dict[str, Any]) -> None:
    assert plan_text(plan_of(case)) == case["text"]


def test_many_equal_workers_of_different_names_are_counted_not_listed() -> None:
    plan = plan_of({"now": [{"name": f"w{number}"} for number in range(1000)]})
    lines = plan_text(plan).splitlines()
    assert len(lines) < 30
    assert "... and 980 more like these" in "\n".join(lines)
    assert totals_text(plan) == "Plan for tests: 1000 to create; 0 unchanged."


def test_one_line_more_is_shown_rather_than_counted() -> None:
    text = plan_text(plan_of({"now": [{"name": f"w{number}"} for number in range(21)]}))
    assert "more like these" not in text
    assert "worker.w20" in text


def test_deletions_are_never_hidden_among_others() -> None:
    many = [{"name": f"w{number}"} for number in range(50)]
    plan = plan_of({"was": [{"name": "precious"}], "now": [*many]})
    assert "worker.precious" in plan_text(plan)


def test_results_that_went_wrong_alike_share_a_line() -> None:
    plan = plan_of({"now": [{"name": "a", "count": 3}, {"name": "b", "depends_on": ["a"]}, {"name": "c"}]})
    error = HodeiError(Kind.TIMEOUT, "no reply within 30 s")
    results = [
        Result(change, "failed", error, str(error))
        if change.address.name == "a"
        else Result(change, "skipped", reason="worker.a[0] failed first")
        if change.address.name == "b"
        else Result(change, "done")
        for change in plan.pending
    ]
    assert results_text(results).splitlines() == [
        "  x worker.a[0-2] (3)  create failed: no reply within 30 s",
        "  ? worker.b  create skipped: worker.a[0] failed first",
    ]


def test_of_what_a_program_said_the_end_is_shown() -> None:
    plan = plan_of({"now": [{"name": "a"}]})
    said = (
        "it is failed: exited with code 1; its last output: Traceback (most recent call last):\n  ...\nKeyError: 'URL'"
    )
    text = plan_text(replace(plan, changes=tuple(replace(one, reason=said) for one in plan.changes)))
    assert "its last output: Traceback (most recent call last): ... KeyError: 'URL'\n" in text

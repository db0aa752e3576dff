# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as Markdown: totals first, nothing in it obeyed, cut at the limit and saying so."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.planmarkdown import LIMIT, plan_markdown
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Problem
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.engine.planning import plan_of

TWO = {"was": [{"name": "old"}], "now": [{"name": "web", "count": 2}]}


def test_totals_come_first_and_the_rest_unfolds() -> None:
    text = plan_markdown(plan_of(TWO))
    lines = text.splitlines()
    assert lines[0] == "### Plan for <code>tests</code>"
    assert lines[2] == "**2 to create, 1 to delete; 0 unchanged.**"
    assert "| `+` | create | 2 |" in lines
    assert "<details open><summary>What will be done</summary>" in lines
    assert text.count("<details") == text.count("</details>") == 1
    assert any(line.startswith("+   worker.web[0-1] (2)") for line in lines), "a diff colours it"
    assert any(line.startswith("-   worker.old") for line in lines)


def test_nothing_to_do_needs_no_table() -> None:
    text = plan_markdown(plan_of({"was": [{"name": "a"}], "now": [{"name": "a"}]}))
    assert "nothing to do" in text
    assert "|" not in text


def test_what_is_in_the_way_comes_before_what_would_be_done() -> None:
    plan = replace(plan_of(TWO), problems=(Problem("workers", "too many"),), warnings=("mind the gap",))
    text = plan_markdown(plan)
    assert "**A converge would refuse to start.**" in text
    places = [text.index(words) for words in ("In the way", "What will be done", "Good to know")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "value",
    [
        "```\n# loud",
        "`````` and more",
        "</details><script>alert(1)</script>",
        "@everyone #1 [x](http://e.vil)",
        "\x1b[31mred",
        "a\nb",
    ],
)
def test_no_value_leaves_its_block(value: str) -> None:
    plan = plan_of({"was": [{"name": "a", "command": ["x"]}], "now": [{"name": "a", "command": [value]}]})
    text = plan_markdown(replace(plan, warnings=(value,), foreign=(value,)))
    fences = re.findall("(?m)^(`{3,})(?:diff)?$", text)
    inside = False
    fence = ""
    for line in text.splitlines():
        if not inside and re.fullmatch("`{3,}diff", line):
            inside, fence = True, line.removesuffix("diff")
        elif inside and re.fullmatch("`{3,} *", line) and len(line.strip()) >= len(fence):
            inside = False
        elif not inside:
            assert not any(words in line for words in ("script", "everyone", "loud", "and more", "red")), line
    assert not inside
    assert fences
    assert "\x1b" not in text


def test_env_values_are_not_in_it() -> None:
    plan = plan_of(
        {"was": [{"name": "a", "env": {"T": "one-secret"}}], "now": [{"name": "a", "env": {"T": "two-secret"}}]}
    )
    text = plan_markdown(plan)
    assert "(changed)" in text
    assert "secret" not in text


@pytest.mark.parametrize("limit", [2_000, 10_000, LIMIT])
def test_it_is_cut_at_the_limit_and_says_so(limit: int) -> None:
    now = [{"name": f"w{number}", "labels": {"long": "ü" * number}} for number in range(400)]
    was = [{"name": f"w{number}", "labels": {"long": "x" * number}} for number in range(400)]
    plan = plan_of({"was": was, "now": now})
    plan = replace(plan, warnings=tuple(f"number {number} " + "ü`" * 300 for number in range(400)))
    text = plan_markdown(plan, limit)
    assert len(text.encode()) <= limit
    assert re.search(r"\*\d+ lines did not fit in here", text)
    assert text.count("<details") == text.count("</details>")
    assert "399 to update" in text

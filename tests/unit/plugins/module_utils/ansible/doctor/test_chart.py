# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart: no check hides another, and the table reads well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.doctor.chart import Chart, concluded, rows
from ansible_collections.hodei.workers.plugins.module_utils.ansible.doctor.machine import clock, compared_clock
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import (
    HodeiError,
    InvalidDocument,
    Kind,
    Problem,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.finding import Finding, Level, ok, problem, warning


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HodeiError(Kind.TIMEOUT, "no answer", hint="wait"), "no answer"),
        (PermissionError(13, "Permission denied", "/x/y"), "Permission denied (/x/y)"),
        (KeyError("a secret"), "internal error (KeyError)"),
        (InvalidDocument([Problem("a", "is wrong"), Problem("b", "is wrong too")]), "b: is wrong too"),
    ],
)
def test_a_check_that_fails_half_way_keeps_what_it_found(error: Exception, words: str) -> None:
    def check() -> Iterator[Finding]:
        yield ok("state", "so far")
        raise error

    chart = Chart()
    chart.note("state", check())
    chart.note("lease", [ok("lease", "free")])
    messages = [one.message for one in chart.findings]
    assert messages[0] == "so far"
    assert any(words in message for message in messages)
    assert messages[-1] == "free"
    assert "secret" not in " ".join(messages)


def test_the_table_keeps_areas_together_and_cures_below() -> None:
    result = concluded(rows([ok("a", "one"), problem("longer", "two\nlines\x1b[0m", "do it"), warning("a", "three")]))
    assert result["table"].splitlines() == [
        "ok       a       one",
        "warning          three",
        "problem  longer  two lines [0m",
        "                 -> do it",
    ]
    assert result["verdict"] == "problem"
    assert result["summary"] == "1 problem, 1 warning, 1 ok"
    assert result["totals"] == {"ok": 1, "warning": 1, "problem": 1}


def test_verdicts() -> None:
    assert concluded([])["verdict"] == "ok"
    assert concluded(rows([ok("a", "b")]))["summary"] == "all is well (1 ok)"
    assert concluded(rows([ok("a", "b"), warning("a", "c")]))["verdict"] == "warning"


@pytest.mark.parametrize(
    ("there", "level", "words"),
    [
        (100.0, Level.OK, "the same time"),
        (104.0, Level.OK, "the same time"),  # the task took from 100 to 105: it may have been any moment of these
        (107.5, Level.WARNING, "ahead of"),
        (40.0, Level.WARNING, "60 s behind"),
    ],
)
def test_two_clocks(there: float, level: Level, words: str) -> None:
    found = compared_clock(there, 100.0, 105.0)
    assert found.level is level
    assert words in found.message


def test_what_lies_in_the_future() -> None:
    assert [one.level for one in clock({"then": 10.0}, 20.0)] == [Level.OK]
    (found,) = clock({"then": 10.0, "later": 3620.0}, 20.0)
    assert found.message.startswith("later lies 60 min in the future")

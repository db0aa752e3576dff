# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""The ledger's check tells a test that passed from one that is missing, failed, or was skipped."""

from __future__ import annotations

import ledger
import pytest

OUTCOMES = {
    "tests/unit/test_a.py::test_one[x]": "passed",
    "tests/unit/test_a.py::test_one[y]": "skipped",
    "tests/unit/test_a.py::test_two": "failed",
    "tests/unit/test_b.py::test_three": "skipped",
}


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("tests/unit/test_a.py::test_on", "no such test ran"),
        ("tests/unit/test_c.py", "no such test ran"),
        ("tests/unit/test_a.py", "failed"),
        ("tests/unit/test_a.py::test_two", "failed"),
        ("tests/unit/test_b.py::test_three", "was skipped"),
    ],
)
def test_names_what_is_not_proved(named: str, reason: str) -> None:
    assert ledger.problems(f"| W1 | `{named}` |", OUTCOMES) == [f"{named}: {reason}"]


@pytest.mark.parametrize("named", ["tests/unit/test_a.py::test_one", "tests/unit/test_a.py::test_one[x]"])
def test_accepts_what_passed(named: str) -> None:
    assert ledger.problems(f"| W1 | `{named}` |", OUTCOMES) == []


def test_a_page_must_exist() -> None:
    assert ledger.problems("[page](no-such-page.md#part), [site](https://example.org/x)", {}) == [
        "no-such-page.md: no such page"
    ]

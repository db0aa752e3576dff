# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Hold docs/features.md to its word: each test it names by id exists, and passed in the run that just ended.

A test id is written as pytest writes it, in backticks: `tests/unit/model/test_x.py::test_y`; without brackets it stands
for all its parameters, and a bare file or folder for all tests in it. Pages are named by ordinary links.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEDGER = ROOT / "docs" / "features.md"
RESULTS = ROOT / ".cache" / "results"


def ran() -> dict[str, str]:
    """Test id -> outcome, of the last run."""
    lines = [line for path in sorted(RESULTS.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return {row["test"]: row["outcome"] for row in map(json.loads, lines)}


def covers(named: str, test: str) -> bool:
    return test == named or any(test.startswith(named.rstrip("/") + mark) for mark in ("::", "[", "/"))


def problems(text: str, outcomes: dict[str, str]) -> list[str]:
    found = []
    for named in sorted(set(re.findall(r"`(tests/[^`\s]+)`", text))):
        matched = {outcome for test, outcome in outcomes.items() if covers(named, test)}
        if not matched:
            found.append(f"{named}: no such test ran")
        elif "failed" in matched:
            found.append(f"{named}: failed")
        elif matched == {"skipped"}:
            found.append(f"{named}: was skipped")
    for page in sorted(set(re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text))):
        if not (LEDGER.parent / page).exists():
            found.append(f"{page}: no such page")
    return found


def main() -> int:
    if not LEDGER.is_file():
        return 0
    found = problems(LEDGER.read_text(), ran())
    for problem in found:
        print(f"docs/features.md: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""A pytest plugin that writes one JSON line per test to $HODEI_RESULTS, for the summary and the ledger's check."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def without_group(nodeid: str) -> str:
    """Return a test's id as it is without pytest-xdist, which appends ``@group``."""
    test, _at, group = nodeid.rpartition("@")
    return test if test and "]" not in group else nodeid


class Results:
    """Keeps the worst phase of each test: an error in teardown is a failure of a test that passed."""

    SEVERITY = ("passed", "skipped", "xfailed", "failed")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes: dict[str, tuple[str, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome: str = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        test = without_group(report.nodeid)
        before, seconds = self.outcomes.get(test, ("passed", 0.0))
        worst = max(before, outcome, key=self.SEVERITY.index)
        self.outcomes[test] = (worst, seconds + report.duration)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.outcomes[report.nodeid] = ("failed", 0.0)

    def pytest_sessionfinish(self) -> None:
        lines = [
            json.dumps({"test": test, "outcome": outcome, "seconds": round(seconds, 3)})
            for test, (outcome, seconds) in self.outcomes.items()
        ]
        self.path.write_text("".join(line + "\n" for line in lines))


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get("HODEI_RESULTS")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(Path(path)))

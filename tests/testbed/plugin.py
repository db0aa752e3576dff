# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed in pytest: the fixture ``testbed``, and the list of what could not be had at the end of a run."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.testbed import registry, resources, syslog  # noqa: F401  pylint: disable=unused-import
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed, Unavailable
from ansible_collections.hodei.workers.tests.testbed.network import Network

_NETWORK = Network()
_MARK = "testbed: "


class PytestBed(Testbed):
    """A test bed whose missing resources end a test in the way that pytest shows."""

    def need(self, name: str) -> Any:
        """Return a resource, or skip the test; where CI could have had it, fail."""
        try:
            return super().need(name)
        except Unavailable as error:
            if error.possible and self.environ.get("CI") == "true":
                pytest.fail(f"{name} must be there when CI=true: {error}", pytrace=False)
            pytest.skip(f"{_MARK}{name}: {error}")


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    """Resources for one test."""
    bed = PytestBed(os.environ)
    try:
        yield bed
    finally:
        bed.close()


@pytest.fixture(scope="session")
def shared_testbed() -> Iterator[Testbed]:
    """Resources that take long to start, for all tests of a process."""
    bed = PytestBed(os.environ)
    try:
        yield bed
    finally:
        bed.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run the tests of the groups ``docker`` and ``docker-...`` in a network of their own, unless somebody else's Engine is used."""
    group = item.get_closest_marker("xdist_group")
    if group is None or not group.args[0].startswith("docker") or os.environ.get("HODEI_TEST_DOCKER"):
        return (yield)
    with _NETWORK.entered():
        return (yield)


def skips(reports: Sequence[Any]) -> dict[str, list[str]]:
    """Return the reasons among skipped reports that are ours, each with the tests that it concerns."""
    found: dict[str, list[str]] = {}
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _unused, mark, text = reason.partition(_MARK)
        if mark:
            found.setdefault(text, []).append(report.nodeid)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what the test bed did not have, with the reason and the tests that did not run."""
    found = skips(terminalreporter.stats.get("skipped", []))
    if found:
        terminalreporter.section("not had by the test bed", sep="-")
    for reason, tests in sorted(found.items()):
        terminalreporter.write_line(reason)
        for test in tests:
            terminalreporter.write_line(f"    {test}")

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Tests are kept by the ids that the ledger names, whether they ran in a group or not."""

from __future__ import annotations

import pytest
from pytest_plugin.hodei_results import without_group


@pytest.mark.parametrize(
    ("reported", "kept"),
    [
        ("tests/a.py::test_one@docker", "tests/a.py::test_one"),
        ("tests/a.py::test_one[x@y]@docker", "tests/a.py::test_one[x@y]"),
        ("tests/a.py::test_one[x@y]", "tests/a.py::test_one[x@y]"),
        ("tests/a.py::test_one", "tests/a.py::test_one"),
    ],
)
def test_a_group_is_no_part_of_the_id(reported: str, kept: str) -> None:
    assert without_group(reported) == kept


def test_groups_are_given_to_one_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-xdist has to know pytest's ids well enough to append them."""
    interactor = pytest.importorskip("xdist.remote").WorkerInteractor
    monkeypatch.setattr(request.config.option, "loadgroup", True, raising=False)
    monkeypatch.setattr(request.node, "_nodeid", request.node.nodeid)
    request.node.add_marker(pytest.mark.xdist_group("some"))
    interactor.pytest_collection_modifyitems(None, request.config, [request.node])
    assert request.node.nodeid.endswith("@some")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as hosts: their names, and what stands in for what cannot be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible import listing
from ansible_collections.hodei.workers.plugins.module_utils.engine.current import Holding
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Observation
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Resource
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState

WEB = Address("worker", "web", 0)


def resource(**more: Any) -> Resource:
    """Return what state remembers."""
    return Resource(WEB, 2, "local", "web+0.2", {"labels": {"queue": "a"}}, "digest", **more)


def seen(state: WorkerState = WorkerState.RUNNING) -> Observation:
    """Return what a provider shows."""
    return Observation(WEB, 3, "lineage", state, "web+0.3", "digest", "etag", ports={"http": 20001})


def test_names_are_told_apart() -> None:
    """`web-0` may be a worker of its own; then the first of `web` is called otherwise, whatever the order."""
    plain, keyed = Address("worker", "web-0"), WEB
    expected = {plain: "web-0", keyed: "web.0", Address("worker", "web", 1): "web-1"}
    assert listing.host_names(reversed(expected)) == expected
    assert listing.host_names([keyed]) == {keyed: "web-0"}


def test_what_is_seen_counts() -> None:
    """State and ports from the provider, labels from state, none where state was lost."""
    host = listing.host_variables(WEB, Holding(seen(), resource()), {(WEB, 3): "other"}, {})
    assert host == {
        "hodei_address": "worker.web[0]", "hodei_name": "web", "hodei_index": 0, "hodei_labels": {"queue": "a"},
        "hodei_provider": "other", "hodei_state": "running", "hodei_generation": 3, "hodei_native_id": "web+0.3",
        "hodei_ports": {"http": 20001},
    }  # fmt: skip
    assert listing.is_running(host)
    lost = listing.host_variables(WEB, Holding(seen(WorkerState.FAILED)), {(WEB, 3): "local"}, {})
    assert lost is not None
    assert (lost["hodei_labels"], listing.is_running(lost)) == ({}, False)


def test_what_is_not_seen_is_unknown_and_what_is_gone_is_no_host() -> None:
    """A provider that did not answer hides its workers; one that did, and shows none, has none."""
    hidden = listing.host_variables(WEB, Holding(None, resource()), {}, {"local": "no answer"})
    assert hidden is not None
    assert (hidden["hodei_state"], hidden["hodei_provider"], hidden["hodei_ports"]) == ("unknown", "local", {})
    assert not listing.is_running(hidden)
    assert listing.host_variables(WEB, Holding(None, resource()), {}, {"other": "no answer"}) is None


def test_where_no_fleet_is_nothing_is_made(tmp_path: Path) -> None:
    """And the cache's form is the same again."""
    found = listing.list_fleet(json.dumps({"owner": "ci"}), {"HODEI_STATE_DIR": str(tmp_path / "state")})
    assert (found.owner, found.hosts) == ("ci", {})
    assert "there is no fleet of owner 'ci'" in found.warnings[0]
    assert not (tmp_path / "state").exists()
    assert listing.Listed(**found.as_dict()) == found


@pytest.mark.parametrize("state", list(WorkerState))
def test_every_state_is_a_host_that_runs_or_not(state: WorkerState) -> None:
    """The same as everywhere else."""
    assert listing.is_running({"hodei_state": state.value}) is state.alive

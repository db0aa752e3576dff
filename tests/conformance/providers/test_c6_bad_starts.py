# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C6: what cannot start is failed, with a reason, by the deadline."""

from __future__ import annotations

import socket
import time

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs

NEVER = {"policy": "never"}


def test_what_is_not_there_cannot_run(fleet: Fleet) -> None:
    """A missing program or image is named."""
    outcome = fleet.create("missing", fleet.rig.impossible())
    assert outcome.error is not None
    assert outcome.error.kind is Kind.NOT_FOUND
    assert "to-be-found" in outcome.error.message
    assert outcome.observation is not None
    assert outcome.observation.state is WorkerState.FAILED
    assert outcome.observation.reason


def test_a_program_that_ends_at_once_is_told_with_its_last_words(fleet: Fleet) -> None:
    """Exit code and output are in the reason; the values of its environment are not."""
    spec = {
        **fleet.rig.shell("echo 'cannot open database with hunter22'; exit 7"),
        "restart": NEVER,
        "env": {"PASSWORD": "hunter22"},
    }
    fleet.provider = fleet.rig.open(settle=20.0)
    outcome = fleet.create("brief", spec)
    assert outcome.error is not None
    assert "exited with code 7" in outcome.error.message
    assert "cannot open database" in outcome.error.message
    assert "hunter22" not in str(outcome.error)
    assert outcome.observation is not None
    assert "hunter22" not in outcome.observation.reason
    assert (outcome.observation.state, outcome.observation.exit_code) == (WorkerState.FAILED, 7)


def test_a_port_that_is_taken(fleet: Fleet) -> None:
    """It is named, before anything is started."""
    needs(fleet, "ports")
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        spec = {**fleet.rig.shell("sleep 600"), "ports": [{"name": "http", "host": port, "container": port}]}
        outcome = fleet.create("port", spec)
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert str(port) in outcome.error.message
    assert fleet.rig.objects() == 0


def test_a_worker_that_never_gets_well(fleet: Fleet) -> None:
    """The caller is told by the deadline that its health check sets."""
    needs(fleet, "health")
    health = {
        "command": ["/bin/sh", "-c", "exit 1"],
        "interval": 0.1,
        "timeout": 2.0,
        "failures": 2,
        "start_period": 0.0,
    }
    began = time.monotonic()
    outcome = fleet.create("unwell", {**fleet.rig.shell("sleep 600"), "health": health, "restart": NEVER})
    assert time.monotonic() - began < 20
    assert outcome.error is not None
    assert outcome.error.kind is Kind.TIMEOUT
    assert outcome.observation is not None
    assert outcome.observation.state is WorkerState.DEGRADED


def test_one_bad_item_does_not_harm_the_others(fleet: Fleet) -> None:
    """Partial success is a result."""
    good = [fleet.request("mixed", fleet.rig.shell("sleep 600"), key=key) for key in range(3)]
    bad = fleet.request("mixed", fleet.rig.impossible(), key=9)
    outcomes = {outcome.address.key: outcome for outcome in fleet.provider.create([good[0], bad, *good[1:]])}
    assert [outcomes[key].error for key in range(3)] == [None] * 3
    assert outcomes[9].error is not None

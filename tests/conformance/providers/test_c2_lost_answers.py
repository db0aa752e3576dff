# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C2 and C3: whoever asked is killed before the answer; the next one finds what was made, once."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet

COUNT = 12


def in_a_child(work: object, die_after: float | None) -> None:
    """Run something in a child process that is killed after some seconds, or as soon as it has an answer."""
    pid = os.fork()
    if pid == 0:
        try:
            for _unused in work():  # type: ignore[operator]
                if die_after is None:
                    os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(0)
    if die_after is not None:
        time.sleep(die_after)
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("die_after", [None, 0.0, 0.01, 0.05, 0.15])
def test_a_create_whose_answer_is_lost_is_adopted(fleet: Fleet, die_after: float | None) -> None:
    """None lost, none doubled."""
    requests = [fleet.request("lost", fleet.rig.shell("sleep 600"), key=key) for key in range(COUNT)]
    in_a_child(lambda: fleet.rig.open().create(requests), die_after)

    outcomes = list(fleet.provider.create(requests))
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert len(outcomes) == COUNT
    seen = fleet.provider.list().observations
    assert sorted(one.address.key or 0 for one in seen) == list(range(COUNT))
    assert {one.state for one in seen} == {WorkerState.RUNNING}
    assert fleet.rig.objects() == COUNT

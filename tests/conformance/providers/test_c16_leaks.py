# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C16: after many cycles nothing is left: no descriptors, no threads, no native objects."""

from __future__ import annotations

import os
import threading

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Support, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, Verb
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

#: A thousand with HODEI_SOAK=1.
CYCLES = 1000 if os.environ.get("HODEI_SOAK") else 25
SIDE_BY_SIDE = 5


def test_cycles_leave_nothing(fleet: Fleet) -> None:
    """Create, run something inside, delete, five at a time; the first rounds warm up what is cached."""
    keeper = fleet.make("keeper", fleet.rig.shell("sleep 600"))
    health = {"command": ["/bin/true"], "interval": 1.0, "timeout": 5.0, "failures": 3}
    plain = fleet.rig.shell("sleep 600")
    requests = [fleet.request("cycle", plain, key=key) for key in range(SIDE_BY_SIDE - 1)]
    checked = cell(fleet.provider.fingerprint().column, "health").support is not Support.NONE
    last = {**plain, "health": health} if checked else plain
    requests.append(fleet.request("cycle", last, key=SIDE_BY_SIDE - 1))
    targets = [fleet.target("cycle", key=key, grace=0.5) for key in range(SIDE_BY_SIDE)]

    def cycle() -> None:
        assert [outcome.error for outcome in fleet.provider.create(requests)] == [None] * SIDE_BY_SIDE
        assert fleet.provider.exec(ExecRequest(targets[0], ("/bin/true",))).exit_code == 0
        assert [outcome.error for outcome in fleet.provider.act(Verb.DELETE, targets)] == [None] * SIDE_BY_SIDE

    cycle()
    handles, threads = fleet.rig.handles(), threading.active_count()
    for _unused in range(CYCLES // SIDE_BY_SIDE):
        cycle()
    wait_for(lambda: fleet.rig.handles() <= handles + 2, "descriptors to be closed")
    wait_for(lambda: threading.active_count() <= threads, "threads to end")
    assert [one.external_id for one in fleet.provider.list().observations] == [keeper.external_id]
    assert fleet.rig.objects() == 1

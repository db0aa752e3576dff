# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C13: planted orphans are collected, and nothing else: what is young, in use, not named or protected stays; a dry run tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Ports, Tools
from ansible_collections.hodei.workers.plugins.module_utils.engine.orphans import Collect, collect, look
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Lease
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document, Lifecycle
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import LINEAGE, OWNER, Fleet

LOST = "22222222-2222-4222-8222-222222222222"
LIVING = "33333333-3333-4333-8333-333333333333"
GRACE = 0.5


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteState]:
    """The state of our fleet, which knows nothing."""
    made = SqliteState(tmp_path / "c13.db")
    made.initialise(OWNER, LINEAGE, time.time())
    yield made
    made.close()


def test_planted_orphans_go_and_nothing_else(fleet: Fleet, store: SqliteState) -> None:
    """By owner, lineage, age and lease."""
    spec = fleet.rig.shell("sleep 600")
    fleet.make("wanted", spec)
    fleet.make("unknown", spec)
    fleet.make("orphan", spec, lineage=LOST)
    fleet.make("held", spec, lineage=LIVING)
    fleet.make("safe", spec, lineage=LOST, lifecycle=Lifecycle(prevent_destroy=True))
    time.sleep(GRACE)
    between = time.time()
    time.sleep(GRACE)
    fleet.make("young", spec, lineage=LOST)
    before = {one.external_id for one in fleet.provider.list().observations}

    now = time.time()
    request = Collect(
        document=Document(OWNER, LINEAGE, (), {"local": {}}, {}, "", names=("wanted",)),
        holder="conformance",
        lineages=(LOST, LIVING, LINEAGE),
        older_than=now - between,
        max_deletes=10,
        leases=(Lease("another", 1, now, now + 600, 600.0, LIVING),),
    )
    ports = Ports(store=store, providers={"local": fleet.provider})
    tools = Tools(new_id=iter(map(str, range(100))).__next__, clock=lambda: now)
    dry = look(request, ports, tools, store.read())
    assert {one.external_id for one in fleet.provider.list().observations} == before, "a dry run changes nothing"
    assert {one.seen.address.name for one in dry.going} == {"orphan", "unknown"}

    done = collect(request, ports, tools)
    assert [one.error for one in done.going] == [None, None]
    left = {one.address.name for one in fleet.provider.list().observations}
    assert left == {"wanted", "held", "safe", "young"}
    assert fleet.rig.objects() == 4

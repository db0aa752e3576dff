# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random documents on a real supervisor: converged is converged, also when the supervisor was killed and another adopts the workers.

One changed field is that change and no other, and the machine is then as the document says.
"""

from __future__ import annotations

import copy
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, reject, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.engine.carried import not_carried
from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Tools
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.fields import PROCESS_CONFIG
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.tests.support.expected import Wanted, hold_to, wanted_changes
from ansible_collections.hodei.workers.tests.support.fleets import KEY, LINEAGE, OWNER, Fleet, actions
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.support.process_documents import HOST_ENV, SERVE, Workers, process_workers
from ansible_collections.hodei.workers.tests.support.process_world import Pids, World
from ansible_collections.hodei.workers.tests.support.random_documents import one_of
from ansible_collections.hodei.workers.tests.testbed.resources import free_ports
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SOAK = bool(os.environ.get("HODEI_SOAK"))
DOCUMENTS = int(os.environ.get("HODEI_DOCUMENTS", 400 if SOAK else 25))
#: A run that looks for faults makes what it found small; others tell it as it is.
PHASES = (Phase.explicit, Phase.generate, *((Phase.shrink,) if os.environ.get("HODEI_SHRINK") else ()))
#: New processes: what of a change does not let a worker go on.
ANEW = {"replace", "start", "start+pause", "update+restart", "create"}


class ProcessFleet(Fleet):
    """A fleet whose workers are processes."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.provider = ProcessProvider(
            "local", {"directory": str(place), "settle": 0.02}, OWNER, environ={**os.environ, **HOST_ENV}
        )
        self.providers = {"local": self.provider}  # type: ignore[dict-item]
        self.world = World(place / OWNER / "process")

    @property
    def tools(self) -> Tools:
        """The clock of the machine."""
        return Tools(new_id=super().tools.new_id, clock=time.time)

    def supervisor(self) -> int:
        """Return the supervisor's pid, 0 when there is none."""
        connection = self.provider._client.connect()
        if connection is None:
            return 0
        with connection:
            return connection.greeting.pid

    def settle(self, document: Document) -> Pids:
        """Converge, and once more: nothing is left to do, and the machine is as the document says."""
        report = self.converge(document, allow_empty=True, max_deletes=1000)
        assert [str(one.error) for one in report.results if one.error] == []
        return self.settled(document)

    def settled(self, document: Document) -> Pids:
        """Check that nothing is left to do, and that it is not done either."""
        pids = self.world.check(document.instances)
        assert actions(self.preview(document)) == {}, "converged is converged"
        assert not self.converge(document).changed
        assert self.world.pids() == pids
        return pids

    def lose_supervisor(self, document: Document, pids: Pids) -> None:
        """Kill it: its workers do not notice, nobody sees a change, and the next one adopts them."""
        killed = self.supervisor()
        if not killed:
            return  # it has left: nobody had anything for it to do
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: self.supervisor() != killed, "the supervisor to be gone")
        assert actions(self.preview(document)) == {}
        assert self.settled(document) == pids
        assert bool(self.supervisor()) or not pids


def read(workers: Workers) -> Document | None:
    """Parse a document; None when it is not valid."""
    raw = RawDocument(OWNER, LINEAGE, [Fragment(copy.deepcopy(workers))], {"local": {"type": "process"}})
    try:
        return parse(raw, key=KEY, provider_schemas={"process": PROCESS_CONFIG})
    except InvalidDocument:
        return None


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with quick_directory() as directory:
        directory.chmod(0o755)
        yield directory


@pytest.fixture(scope="module")
def fleet(place: Path) -> Iterator[ProcessFleet]:
    """One supervisor for all documents, each of which follows the one before."""
    made = ProcessFleet(place)
    yield made
    made.converge(read([]), destroy=True, allow_empty=True, max_deletes=1000)  # type: ignore[arg-type]
    wait_for(lambda: not made.world.pids(), "the workers to end")
    if supervisor := made.supervisor():
        with suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGTERM)
        wait_for(lambda: not made.supervisor(), "the supervisor to leave")


def possible(fleet: ProcessFleet, workers: Workers) -> Document | None:
    """Parse a document; None when this machine cannot run it."""
    document = read(workers)
    if document is None or fleet.provider.validate(document.instances):
        return None
    if any(one.state == "paused" and one.lifecycle.drain for one in document.instances):
        return None  # a paused worker cannot be asked whether it works: what stops it waits for `timeout`
    if any(
        one.spec.get("health", {}).keys() & {"tcp", "http"} and SERVE not in one.spec["command"]
        for one in document.instances
    ):
        return None  # nobody would answer
    if any(("program" in one.spec) is one.spec["command"][0].startswith("/") for one in document.instances):
        return None  # a program and its arguments change together
    columns = {"local": fleet.provider.fingerprint().column}
    return None if not_carried(document.instances, columns)[0] else document


def runs_on(before: Pids, after: Pids, wanted: dict[str, Wanted]) -> None:
    """Check that whose change needs no new process has the old one, and whose does not."""
    for worker in before.keys() & after.keys():
        name, dash, index = worker.partition("-")
        change = wanted.get(f"worker.{name}[{index}]" if dash else f"worker.{name}")
        anew = change is not None and change.action in ANEW
        assert (before[worker] != after[worker]) is anew, (worker, change)


def walk(fleet: ProcessFleet, found: Workers, changed: Workers, lose: tuple[bool, bool]) -> None:
    """Converge a document, change it, converge that."""
    before, after = possible(fleet, found), possible(fleet, changed)
    assert before
    assert after
    pids = fleet.settle(before)
    if lose[0]:
        fleet.lose_supervisor(before, pids)
    wanted = wanted_changes(before, after, {"local": fleet.provider.fingerprint().column})
    hold_to(fleet.preview(after, allow_empty=True, max_deletes=1000), wanted)
    now = fleet.settle(after)
    runs_on(pids, now, wanted)
    if lose[1]:
        fleet.lose_supervisor(after, now)


def test_processes(fleet: ProcessFleet, place: Path) -> None:
    """Whatever the process provider carries."""
    sources = [str(place / name) for name in ("source-1", "source-2")]
    for source in sources:
        Path(source).mkdir(mode=0o755)
    ports = free_ports(3)
    turns = 0

    @settings(
        max_examples=DOCUMENTS,
        deadline=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=PHASES,
        report_multiple_bugs=False,
    )
    @given(data=st.data(), lose=st.tuples(*[st.sampled_from([False, False, False, True])] * 2))
    def turn(data: st.DataObject, lose: Any) -> None:
        nonlocal turns
        found = data.draw(process_workers("abc", sources, ports))
        before = possible(fleet, found)
        if before is None:
            reject()
        (other,) = data.draw(process_workers("x", sources, ports[:1]))
        for changed in data.draw(one_of(found, other)):
            after = possible(fleet, changed)
            if after is not None and wanted_changes(before, after, {"local": fleet.provider.fingerprint().column}):
                break
        else:
            reject()
        turns += 1
        note(f"walk(fleet, {found!r}, {changed!r}, {lose!r})")
        walk(fleet, found, changed, lose)

    turn()
    assert turns >= DOCUMENTS

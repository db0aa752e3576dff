# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full, read-only or refuses in the middle of a write: the state is the old or the new one (invariant 3)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.records import State
from ansible_collections.hodei.workers.tests.conformance.state.builders import (
    LINEAGE,
    OWNER,
    T0,
    TTL,
    ended,
    operation,
    resource,
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
ENVIRONMENT = {"PYTHONPATH": ":".join(sys.path)}

LIMITED = """
import resource as limits, sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
store = SqliteState(sys.argv[1])
lease = store.acquire("ana", TTL, T0, break_lease=True)
limits.setrlimit(limits.RLIMIT_FSIZE, (int(sys.argv[2]), limits.RLIM_INFINITY))
big = resource(spec={"command": ["x" * 20000]})
try:
    store.end(lease, [ended("a", put=(big,))])
    print("done")
except HodeiError as error:
    print(error.kind.value)
"""

ENDLESS = """
import sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
store = SqliteState(sys.argv[1])
lease = store.acquire("ana", TTL, T0, break_lease=True)
for number in range(store.read().serial, 10**9):
    name = Address("worker", f"w{number}")
    store.begin(lease, [operation(f"op{number}", name)])
    store.end(lease, [ended(f"op{number}", put=(resource(name, dependencies=()),))])
    print(number + 1, flush=True)
"""


def initialised(path: Path) -> SqliteState:
    store = SqliteState(path)
    store.initialise(OWNER, LINEAGE, T0)
    return store


def begun(path: Path) -> State:
    store = initialised(path)
    store.begin(store.acquire("ana", TTL, T0), [operation("a")])
    store.close()
    return SqliteState(path, read_only=True).read()


def test_invariant_3_write_cut_short_at_any_size_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    """The limit cuts writes short at that byte (a short write, then EFBIG), as a quota does."""
    seen = set()
    for limit in (*range(0, 45_000, 2_900), 10**9):
        path = tmp_path / str(limit) / "state.db"
        old = begun(path)
        program = [sys.executable, "-c", LIMITED, str(path), str(limit)]
        answer = subprocess.run(program, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout.strip()
        seen.add(answer)
        state = SqliteState(path, read_only=True).read()
        assert verify(state) == []
        if answer == "done":
            assert (state.serial, len(state.resources), state.pending) == (1, 1, ())
        else:
            assert state == old
        writer = SqliteState(path)
        writer.acquire("next", TTL, T0, break_lease=True)
        assert writer.read() == state
        writer.close()
    assert seen == {"done", "resource_exhausted"}


def test_invariant_3_killed_at_random_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    initialised(path).close()
    acknowledged = 0
    for turn in range(int(os.environ.get("HODEI_SOAK", "0")) * 200 or 12):
        child = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, path], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _line in range(1 + 7 * turn % 23):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()  # communicate() would pass over what a readline() has read ahead
        child.wait(60)
        acknowledged = int(rest.splitlines()[-1]) if rest.endswith("\n") else acknowledged
        state = SqliteState(path, read_only=True).read()
        assert verify(state) == []
        assert len(state.resources) == state.serial
        assert acknowledged <= state.serial <= acknowledged + 1
        assert len(state.pending) <= 1
        settle(path)


def settle(path: Path) -> None:
    """End what was in flight, as the next run does, so that the writer may use the number again."""
    store = SqliteState(path)
    lease = store.acquire("settler", TTL, T0, break_lease=True)
    for item in store.read().pending:
        store.end(lease, [ended(item.op_id, put=(resource(item.address, dependencies=()),))])
    store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "hodei-test", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@needs_root
class TestSmallDisk:
    def test_invariant_3_full_disk_is_told_and_what_was_there_stays(self, disk: Path) -> None:
        store = initialised(disk / "ci" / "state.db")
        lease = store.acquire("ana", TTL, T0)
        error, last = None, store.read()
        for number in range(10_000):
            try:
                store.begin(lease, [operation(f"op{number}", native_name="x" * 5_000)])
            except HodeiError as caught:
                error = caught
                break
            last = store.read()
        assert error is not None
        assert error.kind is Kind.RESOURCE_EXHAUSTED
        assert "disk is full" in error.message
        assert "Free space" in error.hint
        assert store.read() == last
        assert SqliteState(store.path, read_only=True).read() == last
        store.close()
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        assert store.read() == last
        assert store.end(store.renew(lease, T0), [ended("op0", put=(resource(),))]) == last.serial + 1
        store.close()

    def test_full_disk_at_initialise_can_be_repeated(self, disk: Path) -> None:
        (disk / "filler").write_bytes(b"x" * (1 << 20))
        store = SqliteState(disk / "ci" / "state.db")
        with pytest.raises(HodeiError) as caught:
            store.initialise(OWNER, LINEAGE, T0)
        assert caught.value.kind in (Kind.RESOURCE_EXHAUSTED, Kind.CONFIGURATION)
        (disk / "filler").unlink()
        store.initialise(OWNER, LINEAGE, T0)
        assert store.read().owner == OWNER
        store.close()

    @pytest.mark.parametrize("crashed", [False, True])
    def test_invariant_3_read_only_disk_is_told_for_writing_and_fine_for_looking(
        self, disk: Path, crashed: bool
    ) -> None:
        store = initialised(disk / "ci" / "state.db")
        store.begin(store.acquire("ana", TTL, T0), [operation("a")])
        store.close()
        if crashed:
            subprocess.run([sys.executable, "-c", CRASH, store.path], env=ENVIRONMENT, check=False)
            assert (disk / "ci" / "state.db-wal").stat().st_size > 0
        before = SqliteState(store.path, read_only=True).read()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert SqliteState(store.path, read_only=True).read() == before
        assert SqliteState(store.path, read_only=True).exists()
        with pytest.raises(HodeiError) as caught:
            store.acquire("bob", TTL, T0, break_lease=True)
        assert caught.value.kind is Kind.CONFIGURATION
        assert "read-only" in str(caught.value) or "readonly" in str(caught.value)


CRASH = """
import os, sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
store = SqliteState(sys.argv[1])
store.begin(store.acquire("eve", TTL, T0, break_lease=True), [operation("b", WEB)])
os._exit(9)
"""

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to SQLite; the behaviour of the port is in tests/conformance/state."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.history import trim
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Run
from ansible_collections.hodei.workers.tests.conformance.state.builders import (
    LINEAGE,
    OWNER,
    T0,
    TTL,
    ended,
    operation,
    resource,
)

CRASH = """
import os, sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
store = SqliteState(sys.argv[1])
lease = store.acquire("ana", TTL, T0)
store.begin(lease, [operation("crashed")])
os._exit(9)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "ci" / "state.db")
    state.initialise(OWNER, LINEAGE, T0)
    yield state
    state.close()


def crash(path: Path) -> None:
    """Leave a log behind, as a killed process does."""
    done = subprocess.run([sys.executable, "-c", CRASH, path], env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 9
    assert path.with_name("state.db-wal").stat().st_size > 0


def tree(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {item.name: (item.read_bytes(), item.stat().st_mtime_ns) for item in directory.iterdir()}


class TestFiles:
    def test_files_are_private(self, store: SqliteState) -> None:
        store.acquire("ana", TTL, T0)
        assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(item.stat().st_mode) for item in store.path.parent.iterdir()} == {0o600}

    def test_constructor_and_looking_create_nothing(self, tmp_path: Path) -> None:
        for read_only in (False, True):
            state = SqliteState(tmp_path / "none" / "state.db", read_only=read_only)
            assert not state.exists()
            with pytest.raises(HodeiError):
                state.read()
            state.close()
        assert list(tmp_path.iterdir()) == []

    def test_close_leaves_one_file(self, store: SqliteState) -> None:
        store.acquire("ana", TTL, T0)
        store.close()
        assert os.listdir(store.path.parent) == ["state.db"]

    def test_writes_are_synced_by_each_commit(self, store: SqliteState) -> None:
        store.acquire("ana", TTL, T0)
        connection = store._writer()
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2

    def test_path_with_odd_characters(self, tmp_path: Path) -> None:
        state = SqliteState(tmp_path / "a ?b#c%20d" / "state.db")
        state.initialise(OWNER, LINEAGE, T0)
        assert SqliteState(state.path, read_only=True).read().owner == OWNER
        state.close()

    def test_replaced_file_is_not_written(self, store: SqliteState, tmp_path: Path) -> None:
        lease = store.acquire("ana", TTL, T0)
        other = SqliteState(tmp_path / "other.db")
        other.initialise(OWNER, LINEAGE, T0)
        other.close()
        os.replace(other.path, store.path)
        with pytest.raises(HodeiError, match="was replaced") as caught:
            store.begin(lease, [operation("a")])
        assert caught.value.kind is Kind.CONFLICT

    def test_deleted_file_is_noticed(self, store: SqliteState) -> None:
        lease = store.acquire("ana", TTL, T0)
        store.path.unlink()
        with pytest.raises(HodeiError) as caught:
            store.begin(lease, [operation("a")])
        assert caught.value.kind is Kind.NOT_FOUND

    @pytest.mark.parametrize("text", [b"not a database, but long enough to have a header" * 4, b"x"])
    def test_file_of_another_kind_is_refused(self, tmp_path: Path, text: bytes) -> None:
        path = tmp_path / "state.db"
        path.write_bytes(text)
        for read_only in (False, True):
            with pytest.raises(HodeiError) as caught:
                SqliteState(path, read_only=read_only).read()
            assert caught.value.kind is Kind.INTERNAL
        with pytest.raises(HodeiError):
            SqliteState(path).initialise(OWNER, LINEAGE, T0)
        assert path.read_bytes() == text

    def test_initialise_completes_what_was_cut_short(self, tmp_path: Path) -> None:
        (tmp_path / "state.db").touch()
        state = SqliteState(tmp_path / "state.db")
        assert not state.exists()
        state.initialise(OWNER, LINEAGE, T0)
        assert state.read().owner == OWNER
        state.close()


class TestLooking:
    def test_looking_changes_no_file(self, store: SqliteState) -> None:
        store.close()
        before = tree(store.path.parent)
        reader = SqliteState(store.path, read_only=True)
        assert reader.exists()
        assert reader.read().owner == OWNER
        assert tree(store.path.parent) == before

    def test_log_of_a_crash_is_read_and_left_alone(self, store: SqliteState) -> None:
        store.close()
        crash(store.path)
        before = tree(store.path.parent)
        reader = SqliteState(store.path, read_only=True)
        assert [item.op_id for item in reader.read().pending] == ["crashed"]
        assert tree(store.path.parent) == before

    def test_log_without_its_index_is_read_and_left_alone(self, store: SqliteState) -> None:
        store.close()
        crash(store.path)
        store.path.with_name("state.db-shm").unlink()
        before = tree(store.path.parent)
        reader = SqliteState(store.path, read_only=True)
        assert [item.op_id for item in reader.read().pending] == ["crashed"]
        assert tree(store.path.parent) == before

    def test_reader_sees_what_a_living_writer_committed(self, store: SqliteState) -> None:
        reader = SqliteState(store.path, read_only=True)
        lease = store.acquire("ana", TTL, T0)
        for number in range(3):
            store.begin(lease, [operation(f"op{number}")])
            assert len(reader.read().pending) == number + 1

    def test_writer_in_a_transaction_does_not_block_looking(self, store: SqliteState) -> None:
        lease = store.acquire("ana", TTL, T0)
        store.begin(lease, [operation("a")])
        connection = store._writer()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM operation")
        assert len(SqliteState(store.path, read_only=True).read().pending) == 1
        connection.execute("ROLLBACK")

    def test_snapshots_are_whole_while_another_process_writes(self, store: SqliteState) -> None:
        """A run that opens, writes and closes again and again: the log comes and goes under the reader."""
        store.close()
        program = f"""
import sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
for turn in range(60):
    store = SqliteState({str(store.path)!r})
    lease = store.acquire("ana", TTL, T0, break_lease=True)
    items = [resource(generation=index, deposed=True, external_id=str(turn)) for index in range(20)]
    store.begin(lease, [operation(f"{{turn}}-{{index}}") for index in range(20)])
    store.end(lease, [ended(f"{{turn}}-{{index}}", put=(item,)) for index, item in enumerate(items)])
    store.close()
"""
        writer = subprocess.Popen([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)})
        looks = 0
        try:
            while writer.poll() is None:
                state = SqliteState(store.path, read_only=True).read()
                assert len({item.external_id for item in state.resources}) <= 1
                assert len(state.resources) in (0, 20)
                looks += 1
        finally:
            writer.wait(60)
        assert writer.returncode == 0
        assert looks > 10


class TestBounds:
    def test_old_history_is_forgotten_and_operations_in_flight_are_not(self, store: SqliteState) -> None:
        lease = store.acquire("ana", TTL, T0)
        store.begin(lease, [operation("stuck", begun_at=T0)])
        for number in range(10):
            at = T0 + 100 * number
            store.start_run(lease, Run(f"r{number}", "converge", at))
            store.begin(lease, [operation(f"op{number}", begun_at=at + 1)])
            store.end(lease, [ended(f"op{number}", ended_at=at + 2)])
        connection = store._writer()
        trim(connection, T0 + 900, keep_runs=4)
        assert [run.run_id for run in store.history(99)] == ["r9", "r8", "r7", "r6"]
        names = [event.at for event in store.events(resource().address, 99)]
        assert names == [T0 + 902, T0 + 802, T0 + 702, T0 + 602, T0]
        trim(connection, T0 + 900, keep_seconds=150)
        assert [run.run_id for run in store.history(99)] == ["r9", "r8"]
        trim(connection, T0 + 900, keep_operations=1)
        assert [event.at for event in store.events(resource().address, 99)] == [T0 + 902, T0]
        assert [item.op_id for item in store.read().pending] == ["stuck"]

    def test_finishing_a_run_trims(self, store: SqliteState) -> None:
        lease = store.acquire("ana", TTL, T0)
        store.finish_run(lease, Run("old", "converge", T0, ended_at=T0 + 1))
        later = T0 + 91 * 86_400
        store.finish_run(lease, Run("new", "converge", later, ended_at=later + 1))
        assert [run.run_id for run in store.history(9)] == ["new"]

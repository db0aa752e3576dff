# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.migrate import STEPS
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import AuditHead
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.records import STATE_FORMAT, State
from ansible_collections.hodei.workers.tests.conformance.state.builders import (
    LINEAGE,
    OWNER,
    T0,
    TTL,
    ended,
    operation,
    resource,
)


def add_note(connection: sqlite3.Connection) -> None:
    """A step that only these tests know: format 3 to 4."""
    connection.execute("ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT ''")


def failing(connection: sqlite3.Connection) -> None:
    add_note(connection)
    raise sqlite3.OperationalError("interrupted")


NEWER = (*STEPS, add_note)


def format_on_disk(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state of format 3 with content, closed."""
    store = SqliteState(tmp_path / "state.db")
    store.initialise(OWNER, LINEAGE, T0)
    lease = store.acquire("ana", TTL, T0)
    store.begin(lease, [operation("a"), operation("b")])
    store.end(lease, [ended("a", put=(resource(),))])
    store.release(lease)
    store.close()
    return store.path


def content(path: Path, **options: object) -> State:
    store = SqliteState(path, read_only=True, **options)  # type: ignore[arg-type]
    return store.read()


def test_steps_lead_to_the_present_format() -> None:
    assert len(STEPS) == STATE_FORMAT


def test_older_state_is_copied_and_brought_forward(path: Path) -> None:
    before = content(path)
    store = SqliteState(path, steps=NEWER)
    assert store.read() == before
    store.acquire("ana", TTL, T0)
    store.close()
    copy = path.with_name("state.db.v3.bak")
    assert (format_on_disk(path), format_on_disk(copy)) == (4, 3)
    assert content(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600


def test_looking_at_an_older_state_changes_nothing(path: Path) -> None:
    before, files = path.read_bytes(), os.listdir(path.parent)
    assert content(path, steps=NEWER) == content(path)
    assert (path.read_bytes(), os.listdir(path.parent)) == (before, files)


@pytest.mark.parametrize("read_only", [False, True])
def test_newer_state_is_refused_with_both_versions_and_the_cure(path: Path, read_only: bool) -> None:
    newer = SqliteState(path, steps=NEWER)
    newer.read()
    newer.close()
    before = path.read_bytes()
    with pytest.raises(HodeiError) as caught:
        SqliteState(path, read_only=read_only).read()
    assert caught.value.kind is Kind.COMPATIBILITY
    assert "format 4" in caught.value.message
    assert "up to 3" in caught.value.message
    assert "state.db.v3.bak" in caught.value.hint
    assert path.read_bytes() == before


def test_failed_migration_leaves_the_old_state_and_can_be_repeated(path: Path) -> None:
    before = content(path)
    with pytest.raises(HodeiError):
        SqliteState(path, steps=(*STEPS, failing)).read()
    assert format_on_disk(path) == 3
    assert content(path) == before
    store = SqliteState(path, steps=NEWER)
    assert store.read() == before
    store.close()


def test_state_that_was_brought_forward_meanwhile_is_not_written(path: Path) -> None:
    old = SqliteState(path)
    lease = old.acquire("ana", TTL, T0)
    newer = SqliteState(path, steps=NEWER)
    newer.read()
    with pytest.raises(HodeiError) as caught:
        old.begin(lease, [operation("c")])
    assert caught.value.kind is Kind.COMPATIBILITY
    assert [item.op_id for item in newer.read().pending] == ["b"]
    old.close()
    newer.close()


def test_a_state_of_format_1_gets_a_place_for_anchors_and_memory(tmp_path: Path) -> None:
    old = SqliteState(tmp_path / "state.db", steps=STEPS[:1])
    old.initialise(OWNER, LINEAGE, T0)
    old.close()
    assert SqliteState(old.path, read_only=True).anchors().get("w") is None
    assert format_on_disk(old.path) == 1
    store = SqliteState(old.path)
    store.anchor(AuditHead("w", 1, "a"))
    assert store.anchors().get("w") == AuditHead("w", 1, "a")
    store.remember({"a": 1})
    assert store.remembered() == {"a": 1}
    assert store.read().lineage == LINEAGE
    store.close()

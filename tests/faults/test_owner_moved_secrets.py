# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a fleet that gets another owner: values, versions, tags and the audit chain go with it, whenever the move is cut short."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_fleet
from ansible_collections.hodei.workers.plugins.module_utils.ansible.store_session import open_session
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.store import SecretInfo, Stage
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.config import local_store
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.audit_chains import verified
from ansible_collections.hodei.workers.tests.support.forks import in_child, kill_points
from ansible_collections.hodei.workers.tests.support.owners import Owners, moved
from ansible_collections.hodei.workers.tests.support.places import quick_directory

STEP = 1 if os.environ.get("HODEI_SOAK") else 4
MOST_HITS = 300
SECRETS: list[dict[str, Any]] = [
    {"name": "given", "value": "one", "tags": {"team": "ci"}},
    {"name": "made", "generate": {"type": "token"}},
]
GIVEN: dict[str, Any] = {"moved": moved("old", "new"), "secrets": SECRETS}


def store_of(place: Path, owner: str) -> LocalStore:
    """Open an owner's store as somebody else does."""
    config = {"most_bytes": 1 << 16, "most_versions": 10}
    return local_store(config, place / owner / "stores" / "local", read_only=True, seen=None)


def content(place: Path, owner: str) -> dict[str, tuple[Any, ...]]:
    """Return what matters of each secret, whoever it belongs to."""
    store = store_of(place, owner)
    found = {}
    for info in store.list():
        value = "" if info.deleted_at else store.get(info.name).value.text()
        tags = {key: tag for key, tag in info.metadata.tags.items() if key not in ("hodei.owner",)}
        found[info.name.path] = (value, [one.number for one in info.versions], info.deleted_at, tags)
    store.close()
    return found


def owners_of(infos: list[SecretInfo]) -> set[str]:
    return {info.metadata.tags["hodei.owner"] for info in infos}


@pytest.fixture
def place() -> Iterator[Path]:
    with quick_directory() as directory:
        yield directory


@pytest.fixture
def born(place: Path) -> Path:
    """A fleet of secrets, one of them deleted."""
    owners = Owners(place / "template")
    owners.workers = []
    owners.place.mkdir()
    assert "audit key" in owners.initialised("old", secrets=SECRETS)["made"]
    for secrets in ([*SECRETS, {"name": "gone", "value": "x"}], SECRETS):
        assert not owners.converge("old", secrets=secrets).get("refused")
    return owners.place


def is_moved(place: Path, before: dict[str, tuple[Any, ...]], records: int) -> None:
    """Check that nothing was lost on the way."""
    assert content(place, "new") == before
    assert owners_of(list(store_of(place, "new").list())) == {"new"}
    state = SqliteState(place / "new" / "state.db", read_only=True)
    assert state.read().owner == "new"
    report = verified(audit_directory(place / "new"), dict(state.anchors()))
    assert report.intact
    assert report.anchored == report.records > records
    assert not (place / "new" / "moving-from").exists()


def test_planned_moved_and_moved_already(born: Path) -> None:
    owners = Owners(born)
    owners.workers = []
    before, records = content(born, "old"), verified(audit_directory(born / "old")).records
    planned = owners.converge("new", check=True, **GIVEN)
    assert {one["action"] for one in planned["plan"]["changes"]} <= {"no-op", "noop"}, planned["plan"]["changes"]
    assert owners_of(list(store_of(born, "old").list())) == {"old"}, "a plan changes nothing"
    assert owners.converge("new", **GIVEN)["changed"]
    is_moved(born, before, records)
    assert not owners.converge("new", **GIVEN)["changed"]
    assert not owners.converge("new", secrets=SECRETS)["changed"], "without the entry, too"


def test_a_lookup_by_the_former_name_is_told_the_new_one(born: Path) -> None:
    owners = Owners(born)
    owners.workers = []
    owners.converge("new", **GIVEN)
    os.symlink("new/.", born / "old")  # as long as a process lives that knows the fleet by it
    address: dict[str, Any] = {"store": "local", "config": {}, "owner": "old", "backend": None, "state_dir": str(born)}
    with pytest.raises(HodeiError, match="owner 'old' was moved to 'new'"):
        open_session(address)
    session = open_session({**address, "owner": "new"})
    taken = session.use(
        SecretName("given"), Stage.CURRENT, {}, lambda: session.read(SecretName("given"), Stage.CURRENT)
    )
    assert taken.value.text() == "one"
    session.close()


def test_secrets_of_another_fleet_with_that_name_stay(born: Path) -> None:
    """The lineage tells fleets apart; what belongs to another stops the move before anything is done."""
    owners = Owners(born)
    owners.workers = []
    store = local_store({"most_bytes": 99, "most_versions": 9}, born / "old/stores/local", read_only=False, seen=None)
    info = store.describe(SecretName("made"))
    store.annotate(info.name, type(info.metadata)(None, {**info.metadata.tags, "hodei.lineage": "f" * 36}))
    store.close()
    assert "belongs to lineage" in owners.converge("new", **GIVEN)["refused"]
    assert (born / "old" / "state.db").exists()


@pytest.mark.parametrize("knows", [True, False], ids=["state", "lost-state"])
def test_killed_at_failpoints(born: Path, place: Path, knows: bool) -> None:
    work = place / "work"
    before, records = content(born, "old"), verified(audit_directory(born / "old")).records
    owners = Owners(work)
    owners.workers = []

    def run() -> None:
        os.environ["HODEI_STATE_DIR"] = str(work)
        run_fleet(owners.module("new", **GIVEN))

    count = 0
    for count in kill_points(born, work, run, step=STEP, most=MOST_HITS):
        there = "new" if (work / "new" / "stores").is_dir() else "old"
        assert content(work, there) == before, "no reader lacks anything meanwhile"
        if not knows:
            for path in work.glob("*/state.db*"):
                path.unlink(missing_ok=True)
        assert in_child(run) == 0, f"converge after death {count} failed"
        is_moved(work, before, records)
    print(f"kill matrix, owner of secrets: {count} kill points, each {STEP}")
    assert count > 10

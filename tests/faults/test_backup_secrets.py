# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores and audit chain in a backup: what goes in, what comes back, what an older store needs, and a restore that is killed."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_backup import run_backup
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import FILE, LocalStore
from ansible_collections.hodei.workers.tests.support.audit_chains import verified
from ansible_collections.hodei.workers.tests.support.forks import in_child, kill_points
from ansible_collections.hodei.workers.tests.support.owners import Owners
from ansible_collections.hodei.workers.tests.support.places import quick_directory

CANARY = "".join(("Can", "ary", "-4711"))
SECRETS: list[dict[str, Any]] = [{"name": "a", "value": CANARY}]
STEP = 1 if os.environ.get("HODEI_SOAK") else 2


@pytest.fixture
def owners() -> Iterator[Owners]:
    """An owner whose secrets are in a backup, with keys (full) and without (plain)."""
    with quick_directory() as directory:
        made = Owners(directory / "state")
        made.workers = []
        made.place.mkdir()
        made.initialised("old", secrets=SECRETS)
        made.converge("old", secrets=SECRETS)
        for name, keys in (("plain", False), ("full", True)):
            done = backup(made, name, keys=keys)
            assert (done["stores"], len(done["keys"])) == (["local"], 3 if keys else 1)
        yield made


def backup(owners: Owners, name: str, **given: Any) -> dict[str, Any]:
    """Run fleet_backup."""
    path = str(owners.place.parent / name)
    full: dict[str, Any] = {"path": path, "state": "present", "force": False, "accept": [], "keys": False, **given}
    return owners.converge("old", run=run_backup, **full)


def value(owners: Owners) -> str:
    place = owners.place / "old" / "stores" / "local"
    store = LocalStore(place / FILE, key_source({"file": str(place / "store.key")}), read_only=True)
    try:
        return store.get(SecretName("a")).value.text()
    finally:
        store.close()


def is_whole(owners: Owners) -> None:
    """Check that what is there belongs together, and that a converge has nothing to do."""
    home = owners.place / "old"
    state = SqliteState(home / "state.db", read_only=True)
    assert verified(audit_directory(home), dict(state.anchors())).intact
    done = owners.converge("old", secrets=SECRETS)
    assert not done.get("refused"), done
    assert value(owners) == CANARY


def test_what_goes_in(owners: Owners) -> None:
    """The encrypted file and the chain; keys only where they are asked for, and they are told."""
    home, parts = owners.place / "old", {}
    for name in ("plain", "full"):
        text = (owners.place.parent / name).read_bytes()
        assert CANARY.encode() not in text
        parts[name] = {one: base64.b64decode(data) for one, data in json.loads(text)["files"].items()}
    secret = [path.read_bytes() for path in (home / "stores/local/store.key", *(home / "audit/keys").glob("*.key"))]
    assert len(secret) == 2
    assert not set(secret) & set(parts["plain"].values())
    assert set(secret) <= set(parts["full"].values())
    assert {"stores/local/secrets.db", "audit/000000000001.jsonl"} <= set(parts["plain"])


def test_all_is_lost_and_comes_back(owners: Owners) -> None:
    shutil.rmtree(owners.place / "old")
    done = backup(owners, "full", state="restored")
    assert done["restored"] == ["audit", "store.local"]
    is_whole(owners)
    assert not backup(owners, "full", state="restored", force=True)["restored"]


def test_without_keys_the_users_copy_opens_it(owners: Owners) -> None:
    key = owners.place / "old" / "stores" / "local" / "store.key"
    kept = key.read_bytes()
    shutil.rmtree(owners.place / "old")
    assert backup(owners, "plain", state="restored")["restored"] == ["audit", "store.local"]
    assert not key.exists()
    assert "store.key does not exist" in str(owners.converge("old", secrets=SECRETS))
    key.write_bytes(kept)
    key.chmod(0o600)
    assert value(owners) == CANARY


def test_an_older_store_needs_a_word(owners: Owners) -> None:
    """With the state, and where the store itself is lost, too; a chain that has got further is kept."""
    newer = [{"name": "a", "value": "newer"}]
    owners.converge("old", secrets=newer)
    store = owners.place / "old" / "stores" / "local" / FILE
    for path in (None, store):
        if path is not None:
            path.unlink()
        said = backup(owners, "plain", state="restored", force=True)["refused"]
        assert "is newer: its generation is" in said
        assert "accept: [store.NAME]" in said
    assert (
        "'store.x' is nothing" in backup(owners, "plain", state="restored", force=True, accept=["store.x"])["refused"]
    )
    claim = {"identity": {"claimed": "eve"}, "accept": ["store.local"]}
    assert "claimed:eve may not" in backup(owners, "plain", state="restored", force=True, **claim)["refused"]
    misspelt = {"identity": {"claimd": "eve"}, "accept": ["store.local"]}
    assert "claimd" in backup(owners, "plain", state="restored", force=True, **misspelt)["refused"]
    done = backup(owners, "plain", state="restored", force=True, accept=["store.local"])
    assert done["restored"] == ["store.local"]
    is_whole(owners)


def test_a_fleet_whose_runs_only_say_who_they_are_restores_nothing_older(owners: Owners) -> None:
    """A task that leaves its claim out is believed no more: what was converged counts."""
    owners.converge("old", secrets=SECRETS, identity={"claimed": "eve"})
    said = backup(owners, "plain", state="restored", force=True, accept=["store.local"])["refused"]
    assert "claimed:eve may not restore" in said


def test_another_store_needs_a_word(owners: Owners) -> None:
    """Though it has not got as far as the backup's: its secrets would be lost."""
    shutil.rmtree(owners.place / "old" / "stores")
    owners.initialised("old", secrets=SECRETS)
    owners.initialised("old", secrets=SECRETS, accept=["store.local"])
    said = backup(owners, "full", state="restored", force=True)["refused"]
    assert "is another one than that of the backup" in said
    assert "store.local" in backup(owners, "full", state="restored", force=True, accept=["store.local"])["restored"]


def test_another_chain_is_not_overwritten(owners: Owners) -> None:
    home = owners.place / "old"
    shutil.rmtree(home / "audit")
    owners.initialised("old", secrets=SECRETS, accept=["audit"])
    owners.converge("old", secrets=[{"name": "b", "value": "x"}])
    said = backup(owners, "full", state="restored", force=True, accept=["store.local"])["refused"]
    assert "is another one than that of the backup" in said


def test_a_restore_that_is_killed_is_done_again(owners: Owners) -> None:
    """Nothing lost and nothing believed that does not belong together, at each failpoint, into an empty place and over what is newer."""
    owners.converge("old", secrets=[{"name": "a", "value": "newer"}])
    place = owners.place.parent
    for name in ("empty", "newer"):
        template, work = place / name, place / f"{name}-work"
        template.mkdir()
        if name == "newer":
            shutil.copytree(owners.place / "old", template / "old")
        there = Owners(work)
        there.workers = []

        def run(there: Owners = there) -> None:
            full: dict[str, Any] = {
                "path": str(place / "full"),
                "state": "restored",
                "force": True,
                "accept": ["store.local"],
                "keys": False,
            }
            os.environ["HODEI_STATE_DIR"] = str(there.place)
            run_backup(there.module("old", **full))

        count = 0
        for count in kill_points(template, work, run, step=STEP, most=100):
            assert in_child(run) == 0, f"restore after death {count} failed"
            is_whole(there)
        assert count > 1
        is_whole(there)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document says of the audit chain and of who asks reaches converges and lookups; what somebody put back or took away is noticed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import segments
from ansible_collections.hodei.workers.tests.support.playbook import Site, task

LOOKUP = "lookup('hodei.workers.secret', 'a')"


def show(**more: Any) -> dict[str, Any]:
    """Write a task that looks a secret up."""
    return {"ansible.builtin.debug": {"msg": "{{ " + LOOKUP + " }}"}, "ignore_errors": True, **more}


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A user with secrets and an anchor, converged once."""
    made = make_site(hodei_secrets=[{"name": "a", "value": "one"}])
    (made.place / "anchors").mkdir()
    made.set(hodei_audit={"anchors": [{"directory": str(made.place / "anchors")}]})
    made.tasks(task("fleet_init"), task("fleet"))
    return made


def anchored(site: Site) -> int:
    """Return the number of the last record that the anchor outside knows."""
    (file,) = (site.place / "anchors").iterdir()
    return int(json.loads(file.read_text())["seq"])


def test_each_run_tells_the_anchors(site: Site) -> None:
    """Converges, tasks and lookups, and a new key; audit_info asks them without being told to."""
    before = anchored(site)
    assert before
    looked, fresh, key, again, verdict = site.tasks(
        show(),
        task("secret", name="b", value="x"),
        task("audit_key"),
        task("audit_key", max_age="1h"),
        task("audit_info", verify=True),
    )
    assert looked["msg"] == "one"
    assert (fresh["changed"], key["changed"], again["changed"], again["key"]) == (True, True, False, key["key"])
    assert verdict["intact"]
    assert [one.name for one in (site.home / "audit" / "keys").glob("*.key")] == [f"{key['key']}.key"]
    later = site.one("audit_info", verify=True)
    assert later["anchored"] == anchored(site) == later["verified"], (
        "the lookup's record is anchored when its playbook has ended"
    )


def test_a_chain_that_was_cut_or_taken_away_is_refused_and_accepted_by_a_word(site: Site) -> None:
    """By tasks and lookups, before anything is appended; a second key does not hide it; the user may begin a new one."""
    (segment,) = segments(site.home / "audit")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0])
    cut, looked, key, verdict = site.tasks(
        task("secret", name="b", value="x"), show(), task("audit_key"), task("audit_info", verify=True)
    )
    for one in (cut, looked, key):
        assert "cut off" in one["msg"]
    assert verdict["failed"]
    shutil.rmtree(site.home / "audit")
    gone, looked, init, verdict = site.tasks(
        task("secret", name="b", value="x"), show(), task("fleet_init"), task("audit_info", verify=True)
    )
    for one in (gone, looked, init):
        assert "is gone from" in one["msg"]
        assert "hodei_accept=audit" in one["msg"]
    assert verdict["failed"]
    site.set(hodei_audit={"on_failure": "warn"})
    warned, claimed, lost = site.tasks(
        task("fleet"),
        task("fleet_init", identity={"claimed": "eve"}, accept=["audit"]),
        task("fleet_init", accept=["audit", "store.nope"]),
    )
    assert not warned["failed"]
    assert any("missing in the audit chain" in text or "not known to all" in text for text in warned["warnings"])
    assert "claimed:eve may not accept" in claimed["msg"]
    assert "'store.nope' is nothing that can be accepted" in lost["msg"]
    said, accepted, again, fine = site.tasks(
        show(), task("fleet_init", accept=["audit"]), task("fleet_init"), task("secret", name="b", value="x")
    )
    assert said["msg"] == "one", "warn: what cannot be recorded is done"
    assert "audit key" in accepted["made"]
    assert "is lost" in accepted["accepted"][0]
    assert not again["changed"]
    assert fine["changed"]


def test_a_store_that_was_put_back_is_refused_and_accepted_by_a_word(site: Site) -> None:
    store, copy = site.home / "stores" / "local", site.place / "copy"
    shutil.copytree(store, copy)
    site.one("secret", name="a", value="two")
    shutil.rmtree(store)
    shutil.copytree(copy, store)
    changed, looked, told, accepted, fine, seen = site.tasks(
        task("fleet"),
        show(),
        task("secret_info"),
        task("fleet_init", accept=["store.local"]),
        task("secret", name="c", value="x"),
        task("secret_info"),
    )
    for one in (changed, looked, told):
        assert one["failed"]
        assert "was put back: it is at generation" in one["msg"]
        assert "hodei_accept=store.NAME" in one["msg"]
    assert accepted["changed"]
    assert not fine["failed"]
    assert seen["stores"]["local"]["remembered"] == seen["stores"]["local"]["generation"]
    assert any("accepted: the store" in one["why"] for one in site.one("audit_info")["records"] if "why" in one)


def test_where_state_was_lost_it_says_what_cannot_be_told(site: Site) -> None:
    for path in site.home.glob("state.db*"):
        path.unlink()
    lineage = site.tasks(task("fleet_init"))[0]["lineage"]
    first, second = site.tasks(task("fleet", lineage=lineage), task("fleet", lineage=lineage))
    assert any("nothing of store 'local'" in text and "not detectable" in text for text in first.get("warnings", ()))
    assert not any("not detectable" in text for text in second.get("warnings", ()))
    with closing(sqlite3.connect(site.home / "state.db")) as state:
        assert state.execute("SELECT count(*) FROM memory").fetchone()[0] == 2


def test_what_is_wrong_with_settings_is_told_at_once(site: Site) -> None:
    """In a document, with its place and a cure."""
    audit = {
        "on_failure": "ignore",
        "keep": "soon",
        "anchors": [{"directory": "x"}, {"store": "a", "syslog": "b:1"}, {}],
    }
    identity = {"oidc": {"issuer": "https://sso.example", "audience": "hodei", "clients": []}}
    wrong = site.refused("fleet", audit=audit, identity=identity)
    for text in (
        "audit.on_failure",
        "audit.keep",
        "audit.anchors[0].directory",
        "audit.anchors[1]",
        "audit.anchors[2]",
    ):
        assert text in wrong
    assert "identity.oidc" in wrong
    wrong = site.refused("fleet", audit={"anchors": [{"store": "vault"}]})
    assert "audit.anchors[0].store: there is no store 'vault'" in wrong

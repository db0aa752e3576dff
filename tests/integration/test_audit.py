# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module audit_info, as an auditor runs it: who did what, is the chain whole, and what a SIEM gets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.anchors import (
    FileAnchor,
    StateAnchor,
    StoreAnchor,
)
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import segments
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import open_audit
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, Entry, Result
from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_stores
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Store
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas, store_type
from ansible_collections.hodei.workers.tests.support.audit_chains import entry
from ansible_collections.hodei.workers.tests.support.playbook import Site, task


def test_an_audit_from_the_first_look_to_the_evidence(site: Site) -> None:
    site.set([])
    site.variables["hodei_stores"] = {"local": {"type": "local"}}
    nothing, dry, init, again = site.tasks(
        task("audit_info"), task("fleet_init", check=True), task("fleet_init"), task("fleet_init")
    )
    assert ("audit key" in dry["made"], "audit key" in init["made"], again["changed"]) == (True, True, False)
    assert (nothing["records"], nothing["total"], nothing["changed"]) == ([], 0, False)
    place, elsewhere, out = site.home / "audit", site.place / "anchors", site.place / "audit.log"
    elsewhere.mkdir()
    audit = open_audit(site.home, site.owner)
    audit.record(
        entry("db/password"), Entry(Action.WRITE, Result.DENIED, "claimed:eve", secret="@acme/tls/key", why='"no"')
    )
    audit.record(entry("db/other", Action.USE, play="site", task="web : configure", host="web1"))
    state = SqliteState(site.home / "state.db")
    store = local_store(site.home / "stores" / "local")
    audit.anchor(StateAnchor(state), FileAnchor(elsewhere), StoreAnchor(store, "local"))
    state.close()
    store.close()
    anchors = [{"directory": str(elsewhere)}, {"store": "local"}]
    (segment,) = segments(place)
    with segment.open("ab") as file:  # what a crash leaves of a write, which nobody was told of
        file.write(b'{"record":{"half')
    files = {path: path.stat().st_mtime_ns for path in site.home.rglob("*") if path.is_file()}
    everything, denied, of_db, verified, dry, exported, again, messages = site.tasks(
        task("audit_info", limit=2),
        task("audit_info", results=["denied"], actor="claimed:*"),
        task("audit_info", secret="db/*", what=["use"], since="3650d"),
        task("audit_info", verify=True, anchors=anchors),
        task("audit_info", path=str(out), check=True),
        task("audit_info", path=str(out)),
        task("audit_info", path=str(out)),
        task("audit_info", path=f"{out}.5424", format="rfc5424", secret="@acme/*"),
    )
    assert everything["total"] == 4
    assert [one["seq"] for one in everything["records"]] == [3, 4]
    assert [(one["who"], one["verified"], one["secret"]) for one in denied["records"]] == [
        ("claimed:eve", False, "@acme/tls/key")
    ]
    assert [(one["host"], one["task"]) for one in of_db["records"]] == [("web1", "web : configure")]
    assert (verified["intact"], verified["anchored"], verified["first"]) == (True, 4, 1)
    assert [(one["flaw"], one["tampering"]) for one in verified["findings"]] == [("torn", False)]
    assert (dry["changed"], exported["changed"], again["changed"]) == (True, True, False)
    assert [json.loads(line)["seq"] for line in out.read_text().splitlines()] == [1, 2, 3, 4]
    assert out.stat().st_mode & 0o777 == 0o600
    (message,) = (site.place / "audit.log.5424").read_text().splitlines()
    assert message.startswith("<108>1 ")
    assert r'why="\"no\""' in message
    assert messages["total"] == 1
    assert {path: path.stat().st_mtime_ns for path in files} == files  # looking has changed nothing
    evidence(site, anchors, head=verified["head"])


def local_store(home: Path) -> Store:
    """Open the store that init has made."""
    config = read_stores({"local": {"type": "local"}}, store_schemas())[0]["local"]
    return store_type("local").make("local", config, home)


def evidence(site: Site, anchors: list[dict[str, str]], head: str) -> None:
    """Cut copies of the chain, edit them, and take it away: each is found, by the anchors or by the chain itself."""
    for owner in ("cut", "edited"):
        shutil.copytree(site.home, site.home.with_name(owner))
    (path,) = segments(site.home.with_name("cut") / "audit")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    (path,) = segments(site.home.with_name("edited") / "audit")
    path.write_bytes(path.read_bytes().replace(b"claimed:eve", b"claimed:bob"))
    for path in segments(site.home / "audit"):
        path.unlink()
    cut, remembered, edited, wrong_key, wrong, no_store, gone = site.tasks(
        task("audit_info", owner="cut", verify=True, anchors=anchors),
        task("audit_info", owner="cut", verify=True, anchors=[{"head": head}]),
        task("audit_info", owner="edited", verify=True),
        task("audit_info", owner="edited", verify=True, public_keys=[str(site.place / "audit.log")]),
        task("audit_info", owner="edited", verify=True, anchors=[{"moon": "1"}]),
        task("audit_info", owner="edited", verify=True, anchors=[{"store": "moon"}]),
        task("audit_info", verify=True),
    )
    assert cut["failed"]
    for anchor in ("the state", f"the directory {anchors[0]['directory']}", "the store local"):
        assert f"{anchor} has seen record 4, and the chain ends at record 3" in cut["msg"]
    assert remembered["failed"]
    assert edited["failed"]
    assert {one["flaw"] for one in edited["findings"]} >= {"edited"}
    assert "it is no public key" in wrong_key["msg"]
    assert "is no anchor" in wrong["msg"]
    assert "there is no store 'moon'" in no_store["msg"]
    assert gone["failed"]
    assert "the state has seen record 4, and the chain ends at record 0" in gone["msg"]

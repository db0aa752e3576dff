# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as users have them: in an inventory, one at a time, deleted and back."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Run, Site, task

CANARY = "canary-4711-yellow"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(hodei_secrets=[{"name": "db/password", "generate": "password"}, {"name": "api/key", "value": CANARY}])
    yield made
    made.close()


def quiet(run: Run) -> Run:
    """Check that no value was shown."""
    assert CANARY not in run.output
    assert CANARY not in repr(run.tasks)
    return run


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in result["secrets"]}


def test_with_the_fleet(site: Site) -> None:
    """Planned, converged, changed, pruned and brought back with the workers of a document."""
    made = quiet(site.run("init", "-vvvv")).results[0]["made"]
    assert made == ["key", "state", "key of store local", "store of store local", "audit key"]
    assert quiet(site.run("init")).changed == 0
    assert "2 to create; 0 unchanged." in quiet(site.run("plan", "-vvvv")).output
    assert quiet(site.run("converge", "-vvvv", "--diff")).code == 0
    assert quiet(site.run("converge")).changed == 0
    site.variables["hodei_secrets"] = [{"name": "db/password", "generate": "password", "tags": {"team": "ci"}}]
    assert "secret.api/key" in quiet(site.run("converge", "--diff")).output
    (known,) = site.tasks(task("secret_info"))
    found = by_name(known)
    assert found["api/key"]["deleted_at"]
    assert found["db/password"]["tags"] == {"team": "ci"}
    assert [one["stage"] for one in found["db/password"]["versions"]] == ["current"]
    for file in site.place.rglob("*"):
        if file.is_file() and file.name not in ("inventory.yml",):
            assert CANARY.encode() not in file.read_bytes(), file


def test_one_at_a_time(site: Site) -> None:
    site.variables["hodei_secrets"] = []
    site.run("init")
    ssh = {"name": "ci/ssh", "generate": {"type": "ssh_key"}, "tenant": "acme"}
    first, again, planned, changed, gone, back, lost, over = site.tasks(
        task("secret", ssh),
        task("secret", ssh),
        task("secret", name="api/key", value=CANARY, check=True, diff=True),
        task("secret", secrets={"api/key": {"value": CANARY}, "copy": {"from": {"secret": "api/key"}}}),
        task("secret", name="api/key", state="absent"),
        task("secret", name="api/key", state="restored"),
        task("secret", name="api/key", state="destroyed"),
        task("secret_info", names=["api/key", "@acme/ci/ssh"]),
    )
    assert (first["changed"], again["changed"], planned["changed"], changed["changed"]) == (True, False, True, True)
    assert [one["name"] for one in first["secrets"]] == ["@acme/ci/ssh"]
    assert planned["secrets"] == []
    assert set(by_name(changed)) == {"api/key", "copy"}
    assert by_name(gone)["api/key"]["deleted_at"]
    assert back["restored"] == ["secret.api/key"]
    assert by_name(back)["api/key"]["deleted_at"] is None
    assert lost["changed"]
    assert lost["secrets"] == []
    assert set(by_name(over)) == {"@acme/ci/ssh"}


def test_what_is_wrong_is_told_at_once_and_without_values(site: Site) -> None:
    site.run("init")
    several, short, missing = site.tasks(
        task(
            "secret",
            secrets=[
                {"name": "../a", "value": CANARY},
                {"name": "b", "value": CANARY, "generate": "token"},
                {"name": "c", "generate": {"type": "password", "length": 8, "classes": {"digits": 8}}},
                {"name": "d", "valu": CANARY},
                {"name": "e", "store": "vault", "value": CANARY},
                {"name": "f", "generate": "uuid", "rules": {"max_length": 32}},
            ],
        ),
        task("secret", name="f", value=CANARY, rules={"min_length": 100}),
        task("secret", name="g"),
    )
    assert [one["path"] for one in several["problems"]] == [
        "secrets[0].name",
        "secrets[1]",
        "secrets[2].generate",
        "secrets[3]",
        "secrets[5].rules.max_length",
        "secrets[4].store",
    ]
    assert "100 characters" in short["msg"]
    assert "nothing says what its value is" in missing["msg"]
    for one in (several, short, missing):
        assert CANARY not in repr(one)


def test_a_store_that_is_not_there_is_not_made_by_a_converge(site: Site) -> None:
    """Nor does init make another key where the data are still there."""
    site.run("init")
    site.run("converge")
    store = site.place / "state" / site.owner / "stores" / "local"
    (store / "store.key").rename(site.place / "saved.key")
    for playbook in ("converge", "init"):
        run = site.run(playbook)
        assert run.code
        assert "store.key" in run.output
    assert not (store / "store.key").exists()
    (site.place / "saved.key").rename(store / "store.key")
    assert site.run("converge").changed == 0
    shutil.rmtree(store)
    run = site.run("converge")
    assert run.code
    assert "hodei.workers.init" in run.output
    assert not store.exists()


def test_keys_that_are_in_no_file(site: Site) -> None:
    """That of one store comes through a pipe, as often as tasks and lookups need it, and that of another lies in the first."""
    out, into = os.pipe()
    first = {"type": "local", "key": {"fd": out}}
    both = {"local": first, "inner": {"type": "local", "key": {"secret": "keys/inner", "store": "local"}}}
    site.variables["hodei_secrets"] = []
    inner = {"name": "api/key", "value": CANARY, "store": "inner"}
    play = site.write_play(
        [
            task("fleet_init", stores={"local": first}),
            task("fleet_init", stores=both),
            task(
                "secret", name="keys/inner", generate={"type": "token", "encoding": "base64"}, stores={"local": first}
            ),
            task("fleet_init", stores=both),
            task("secret", secrets=[inner], stores=both),
            {
                "ansible.builtin.assert": {
                    "that": "lookup('hodei.workers.secret', 'api/key', store='inner')[:6] == 'canary'"
                },
                "vars": {"hodei_stores": both},
            },
        ]
    )
    with open(into, "wb") as pipe:
        pipe.write(base64.b64encode(os.urandom(32)))
    try:
        done = site.finish(site.start(play, "-vvv", pass_fds=(out,)))
    finally:
        os.close(out)
    assert [one["failed"] for one in done.results] == [False, True, False, False, False, False], done.output
    assert "there is no such secret" in done.results[1]["msg"]
    assert "stores.inner.key" in done.results[1]["msg"]
    assert not list(site.place.rglob("*store.key"))
    refused = site.refused("secret_info", stores=both)
    assert f"there is no descriptor {out} of ansible-playbook" in refused


def test_the_key_of_a_store_moves_is_exchanged_and_lost(site: Site) -> None:
    """As docs/stores/local.md has it: another place, another key, another machine, no key at all."""
    site.run("init")
    site.play("converge")
    store = site.home / "stores" / "local"
    written = (store / "store.key").read_text()

    def under(key: dict[str, Any], *old: dict[str, Any]) -> None:
        site.set(hodei_stores={"local": {"type": "local", "key": key, "old_keys": list(old)}})

    site.environment["STORE_KEY"] = written
    (store / "store.key").unlink()
    under({"env": "STORE_KEY"})
    assert site.play("converge").changed == 0

    new = site.write("new.key", base64.b64encode(os.urandom(32)).decode())
    new.chmod(0o600)
    under({"file": str(new)}, {"env": "STORE_KEY"})
    assert site.play("converge").changed == 0
    made = [site.play("init", *options).results[0]["made"] for options in (["--check"], [], [])]
    assert made == [["another key of store local"], ["another key of store local"], []]
    under({"file": str(new)})
    assert site.play("converge").changed == 0
    under({"env": "STORE_KEY"})
    assert "sealed" in site.run("plan").output

    other = Site(owner=site.owner, hodei_secrets=[], hodei_stores={"local": {"key": {"env": "ESCROWED"}}})
    try:
        other.environment["ESCROWED"] = new.read_text()
        (other.home / "stores" / "local").mkdir(parents=True)
        shutil.copy(store / "secrets.db", other.home / "stores" / "local")
        (other.home / "stores" / "local" / "secrets.db").chmod(0o600)
        that = "lookup('hodei.workers.secret', 'api/key')[:6] == 'canary'"
        assert other.run(other.write_play([{"ansible.builtin.assert": {"that": that}}])).code == 0
    finally:
        other.close()

    new.unlink()
    under({"file": str(new)})
    assert site.run("init").code
    store.rename(site.place / "unreadable")
    made = site.play("init").results[0]["made"]
    assert made == ["key of store local", "store of store local"]
    assert site.play("converge").changed == 1
    assert site.play("converge").changed == 0
    (known,) = site.tasks(task("secret_info"))
    assert set(by_name(known)) == {"db/password", "api/key"}

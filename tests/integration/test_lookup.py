# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup in real playbooks: one login for all of it, wherever a template may stand, and nothing left when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.support.secrets_site import brokers, store_of
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

PLUGINS = Path(__file__).resolve().parent.parent / "support" / "lookup"
CANARY = "".join(("Can", "ary-", "in-the-mine"))
BRACES = "as it is: {{ 7 * 7 }} {% if %}"
HOSTS, LOOKUPS = 20, 5


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """A user with secrets."""
    made = make_site()
    made.environment |= {"ANSIBLE_LOOKUP_PLUGINS": str(PLUGINS), "HODEI_OWNER": made.owner}
    secrets = {f"s{number}": b"value %d" % number for number in range(LOOKUPS)}
    account = json.dumps({"user": "me", "token": CANARY}).encode()
    more = {"braces": BRACES.encode(), "account": account, "gone": b"x", "@acme/s0": b"theirs", "binary": b"\xff\x00"}
    store = store_of(made, {**secrets, **more})
    store.put(SecretName("s0"), store.get(SecretName("s1")).value)
    store.delete(SecretName("gone"))
    store.close()
    return made


def secret(name: str, **options: Any) -> str:
    """Write a lookup."""
    written = "".join(f", {key}={value!r}" for key, value in options.items())
    return f"lookup('hodei.workers.secret', {name!r}{written})"


def show(template: str, **keywords: Any) -> dict[str, Any]:
    """Write a task that shows what a template is."""
    return {"ansible.builtin.debug": {"msg": "{{ " + template + " }}"}, "ignore_errors": True, **keywords}


def test_two_hundred_lookups_of_twenty_hosts_log_in_once(site: Site) -> None:
    """In five forks at a time."""
    site.hosts = {f"h{number}": {} for number in range(HOSTS)}
    all_of_them = " ~ ' ' ~ ".join(secret(f"s{number}") for number in range(LOOKUPS))
    tasks = [show(all_of_them), show(all_of_them), show("lookup('broker_status', 'logins')", run_once=True)]
    done = site.play(site.write_play(tasks, hosts="all"), "--forks", "5")
    *shown, logins = [one["msg"] for one in done.results]
    assert set(shown) == {"value 1 value 1 value 2 value 3 value 4"}
    assert len(shown) * LOOKUPS == 200
    assert logins == 1


def test_wherever_a_template_may_stand(site: Site) -> None:
    """Names of plays and tasks, facts, loops, queries; a value with braces is a value."""
    tasks = [
        {"ansible.builtin.set_fact": {"fact": "{{ " + secret("account", field="token") + " }}"}, "no_log": True},
        show("fact | length", name="task {{ " + secret("account", field="user") + " }}"),
        show("lookup('broker_status', fact, fact ~ 'x', 'me', 'meat', wantlist=True)"),
        show(secret("braces")),
        show("item", **{"with_hodei.workers.secret": ["braces", "s3"]}),
        show("query('hodei.workers.secret', 's2', 'nope', 's3', on_missing='skip')"),
        show(secret("s0", version="previous") + " ~ " + secret("s0", version=1) + " ~ " + secret("s0", tenant="acme")),
        show(secret("nope", default="instead") + " ~ " + secret("gone", on_deleted="warn", default="")),
        show(secret("nope")),
        show(secret("gone")),
        show(secret("account", field="nope")),
        show(secret("s0", version="newest")),
        show(secret("binary")),
        show(secret("../s0")),
        show(secret("s0", store="vault")),
        show("lookup('broker_status', 'logins')"),
    ]
    play = site.write_play(tasks, name="play {{ " + secret("account", field="user") + " }}")
    done = site.run(play, "-vvvv")
    said = [[item["msg"] for item in one.get("results", [])] or one.get("msg") for one in done.results]
    assert "PLAY [play me]" in done.output
    assert "TASK [task me]" in done.output
    assert CANARY not in done.output
    assert said[1:8] == [
        len(CANARY),
        [True, True, True, False],
        BRACES,
        [BRACES, "value 3"],
        ["value 2", "value 3"],
        "value 0value 0theirs",
        "instead",
    ]
    expected = (
        "nope: there is no such secret",
        "gone: ",
        "account: the secret has no field 'nope'",
        "'newest' is no version of a secret",
        "binary: the secret is no UTF-8 text",
        "cannot be the name of a secret",
        "there is no store 'vault'",
    )
    for words, found in zip(expected, said[8:15], strict=True):
        assert words in str(found)
    assert said[15] == 1
    wait_for(lambda: not brokers(site), "the broker to go with its playbook")


def test_under_ansible_runner(site: Site) -> None:
    """As AWX runs playbooks: one login, no value in what it keeps of the job but what the play itself shows, nobody left at its end."""
    hidden = {"ansible.builtin.set_fact": {"fact": "{{ " + secret("account", field="token") + " }}"}, "no_log": True}
    open_one, logins = show(secret("s1")), show("lookup('broker_status', 'logins')")
    play = site.write_play([hidden, show("fact | length"), hidden, open_one, logins], name="of a job")
    private = site.place / "job"
    (private / "project").mkdir(parents=True)
    play.rename(private / "project" / "play.yml")
    words = [
        "ansible-runner",
        "run",
        str(private),
        "-p",
        "play.yml",
        "--inventory",
        str(site.inventory()),
        "--ident",
        "1",
        "-vvvv",
    ]
    done = subprocess.run(words, env=site.environment, cwd=site.place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wait_for(lambda: not brokers(site), "the broker to go with its playbook")
    kept = {path: path.read_bytes() for path in (private / "artifacts" / "1").rglob("*") if path.is_file()}
    events = [json.loads(text) for path, text in kept.items() if path.parent.name == "job_events"]
    told = [
        one["event_data"]["res"]["msg"]
        for one in sorted(events, key=lambda one: int(one["counter"]))
        if one.get("event") == "runner_on_ok" and "msg" in one["event_data"]["res"]
    ]
    assert told == [len(CANARY), "value 1", 1]
    assert [path.name for path, text in kept.items() if b"value 1" in text], "the control: what is shown is found"
    assert not [path for path, text in kept.items() if CANARY.encode() in text]
    assert CANARY not in done.stdout + done.stderr


def test_what_our_modules_write_the_next_lookup_sees(make_site: Callable[..., Site]) -> None:
    """And each use is in the audit chain, also of what was in memory."""
    site = make_site(hodei_secrets=[{"name": "db/password", "value": "first"}])
    site.play("init")
    lookup = show(secret("db/password"))
    again = task("secret", name="db/password", value="second")
    audit = task("audit_info", what=["read"])
    results = site.tasks(task("secret", name="db/password", value="first"), lookup, lookup, again, lookup, audit)
    assert [results[number]["msg"] for number in (1, 2, 4)] == ["first", "first", "second"]
    assert [one["version"] for one in results[5]["records"] if one["secret"] == "db/password"] == [1, 1, 2]


def test_modules_on_the_controller_go_on_with_the_brokers_login(make_site: Callable[..., Site]) -> None:
    """With the passphrase out of reach only who borrows can open the store: to look and to write; nobody else, and not before a lookup."""
    site = make_site(hodei_secrets=[{"name": "db/password", "value": "first"}])
    passphrase = site.write("passphrase", "four words of mine\n")
    passphrase.chmod(0o600)
    site.set(hodei_stores={"local": {"type": "local", "key": {"passphrase": {"file": str(passphrase)}}}})
    site.play("init")
    site.play("secrets")
    hide, back = (
        {"ansible.builtin.command": f"mv {one} {two}"} for one, two in _both_ways(f"{passphrase}", f"{passphrase}.away")
    )
    info, lookup = task("secret_info"), show(secret("db/password"))
    write = task("secret", name="db/password", value="second")
    results = site.tasks(hide, info, back, lookup, hide, info, write, lookup, info | {"environment": {"PACKED": "1"}})
    assert [one["failed"] for one in results] == [False, True, False, False, False, False, False, False, True]
    assert "passphrase does not exist" in results[1]["msg"], "the control: nobody has logged in yet"
    assert "passphrase does not exist" in results[8]["msg"], "the control: what is packed is told nothing"
    assert [one["name"] for one in results[5]["secrets"]] == ["db/password"]
    assert results[6]["changed"]
    assert [results[number]["msg"] for number in (3, 7)] == ["first", "second"]


def _both_ways(one: str, other: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one, other), (other, one)


def test_a_broker_that_is_killed_in_mid_play_costs_one_more_login(site: Site) -> None:
    """The playbook goes on, with another."""
    begun, go = site.place / "begun", site.place / "go"
    waiting = {"ansible.builtin.shell": f"touch {begun}; until test -e {go}; do sleep 0.05; done"}
    tasks = [show(secret("s1")), waiting, show(secret("s1")), show("lookup('broker_status', 'logins')")]
    playbook = site.start(site.write_play(tasks))
    site.until(playbook, begun.exists, "the second task")
    (first,) = brokers(site)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not brokers(site), "its death")
    go.touch()
    done = site.finish(playbook)
    assert [one["msg"] for one in done.results if one.get("msg")] == ["value 1", "value 1", 1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_broker_goes_with_its_playbook(site: Site, number: signal.Signals) -> None:
    """However that ends."""
    begun = site.place / "begun"
    waiting = {"ansible.builtin.shell": f"touch {begun}; exec sleep 120"}
    playbook = site.start(site.write_play([show(secret("s1")), waiting]))
    site.until(playbook, begun.exists, "the second task")
    assert brokers(site)
    os.kill(playbook.pid, number)
    playbook.wait(60)
    wait_for(lambda: not brokers(site), "the broker to go")
    assert not list((site.place / "ansible").glob("ansible-local-*/hodei-broker-*"))

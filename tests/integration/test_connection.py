# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection plugin: ordinary modules run inside workers."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Result, Site, Task, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

MANY = 50
SLEEP = ["sleep", "infinity"]


def lively(site: Site, workers: Any) -> Site:
    """Converge a fleet, and list it in an inventory of its own."""
    site.set(workers)
    site.tasks(task("fleet_init"), task("fleet"))
    site.write(
        "ci.hodei.yml", {"plugin": "hodei.workers.workers", "owner": "ci-test", "backend": {"allow_ephemeral": True}}
    )
    del site.environment["ANSIBLE_REMOTE_TEMP"]
    return site


@pytest.fixture
def inside(site: Site) -> Site:
    """One worker to run tasks in."""
    return lively(site, [{"name": "a", "command": SLEEP, "env": {"COLOUR": "blue"}}])


def run(
    site: Site, *tasks: Task, hosts: str = "hodei_workers", options: tuple[str, ...] = (), **play: Any
) -> list[Result]:
    """Run tasks inside workers."""
    return site.tasks(*tasks, options=("-i", str(site.place / "ci.hodei.yml"), *options), hosts=hosts, **play)


def by_hand(site: Site, address: str) -> list[Result]:
    """Ping a worker that somebody wrote into an inventory."""
    host = {"ansible_connection": "hodei.workers.worker", "hodei_address": address}
    path = site.write("hosts.yml", {"all": {"hosts": {"x": host}}})
    return site.tasks(task("ansible.builtin.ping"), options=("-i", str(path)), hosts="x")


def raw(command: str) -> Task:
    """Write a task that runs a shell command, without Python."""
    return {"ansible.builtin.raw": command, "ignore_errors": True}


@pytest.mark.parametrize("pipelining", ["1", pytest.param("0", marks=pytest.mark.soak)])
def test_ordinary_modules(inside: Site, pipelining: str) -> None:
    """ping, copy, command, template, fetch and setup, in its environment, directory and temporary place."""
    inside.environment["ANSIBLE_PIPELINING"] = pipelining
    inside.write("page.j2", "{{ greeting }} from {{ hodei_address }}\n")
    big = inside.place / "big"
    big.write_bytes(random.Random(1).randbytes(8 << 20))
    ping, copied, said, made, fetched, facts, again = run(
        inside,
        task("ansible.builtin.ping"),
        task("ansible.builtin.copy", src=str(big), dest="big copy"),
        task("ansible.builtin.command", argv=["sh", "-c", "echo $COLOUR $WORKER_ID; pwd; wc -c < 'big copy'"]),
        task("ansible.builtin.template", src="page.j2", dest="{{ '~/page' }}", mode="0640"),
        task("ansible.builtin.fetch", src="big copy", dest=f"{inside.place}/fetched", flat=True),
        task("ansible.builtin.setup", gather_subset=["!all", "env"]),
        task("ansible.builtin.template", src="page.j2", dest="{{ '~/page' }}", mode="0640"),
        vars={"greeting": "hello"},
    )
    home = inside.home / "providers" / "local" / "ci-test" / "process" / "workers" / "a.1"
    assert ping["ping"] == "pong"
    assert copied["changed"]
    assert said["stdout_lines"] == ["blue a", str(home), str(8 << 20)]
    assert (made["changed"], again["changed"]) == (True, False)
    assert (home / "page").read_text() == "hello from worker.a\n"
    assert hashlib.sha256((inside.place / "fetched").read_bytes()).digest() == hashlib.sha256(big.read_bytes()).digest()
    assert not fetched["failed"]
    assert facts["ansible_facts"]["ansible_env"]["HOME"] == str(home)
    assert not list((home / ".ansible" / "tmp").glob("*")), "what Ansible put there is gone"


def test_nothing_is_cut(inside: Site) -> None:
    """Ten megabytes of output, a command of half a megabyte, input that is no text, exit codes."""
    long, script, bad = run(
        inside,
        raw("head -c 10000000 /dev/zero | tr '\\0' x"),
        raw(f"echo {'y' * 500_000} | wc -c"),
        raw("echo oops >&2; exit 7"),
    )
    assert len(long["stdout"]) == 10_000_000
    assert script["stdout"].strip() == "500001"
    assert (bad["rc"], bad["stderr"].strip()) == (7, "oops")
    assert not list((inside.home / "providers").rglob(".command-*"))


def test_a_bad_day(inside: Site) -> None:
    """become, a supervisor that was killed, a worker that was replaced, stopped, and deleted."""
    (become,) = run(inside, task("ansible.builtin.ping"), become=True)
    assert "become is not available inside a worker" in become["msg"]

    os.kill(inside.supervisor(), signal.SIGKILL)
    wait_for(lambda: not inside.supervisor(), "the supervisor to die")
    (alone,) = run(inside, task("ansible.builtin.ping"))
    assert not alone["failed"], "another supervisor takes over"

    replace = task("fleet", replace=["a"]) | {"delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    replaced, after = run(inside, replace, task("ansible.builtin.command", argv=["pwd"]))
    assert not replaced["failed"], replaced["msg"]
    assert after["stdout"].endswith("/a.2"), "the one that took its place"

    inside.one("worker", name="a", command=SLEEP, env={"COLOUR": "blue"}, state="stopped")
    (stopped,) = run(inside, task("ansible.builtin.ping"))
    assert stopped["unreachable"]
    assert "worker.a: it is stopped" in stopped["msg"]

    (gone,) = by_hand(inside, "web[3]")
    assert gone["unreachable"]
    assert "worker.web[3]: there is no such worker" in gone["msg"]


def test_whose_task_it_is(inside: Site) -> None:
    """The worker's user: what an inventory says for SSH is not meant for workers; `hodei_user` is."""
    (keyword,) = run(inside, raw("id -u"), remote_user="no-such-user")
    assert keyword["stdout"].strip() == str(os.getuid())
    mine, theirs = (
        run(inside, raw("id -u"), vars=variables)[0]
        for variables in ({"ansible_user": "deploy"}, {"hodei_user": "no-such-user"})
    )
    assert mine["stdout"].strip() == str(os.getuid())
    assert theirs["failed"]
    assert "no-such-user" in theirs["stderr"] + theirs["stdout"] + theirs["msg"]


def test_a_host_written_by_hand(inside: Site) -> None:
    """Without the inventory plugin: an address, and the fleet's own variables."""
    (ping,) = by_hand(inside, "a")
    assert not ping["failed"], ping["msg"]


def test_a_command_that_takes_too_long(inside: Site) -> None:
    """Is killed, and told."""
    (slow,) = run(inside, raw("sleep 600"), vars={"hodei_timeout": "1s"})
    assert slow["failed"]
    assert "did not end within 1s and was killed" in slow["msg"]
    inside.environment["ANSIBLE_TIMEOUT"] = "1"
    (patient,) = run(inside, raw("sleep 2; echo done"))
    assert patient["stdout"].strip() == "done", "how long a connection may take to come about is something else"


def test_in_the_background(inside: Site) -> None:
    """`async` works: the job outlives its command."""
    started = task("ansible.builtin.command", argv=["sh", "-c", "sleep 1; echo done"]) | {"async": 60, "poll": 1}
    (done,) = run(inside, started)
    assert done["stdout"] == "done"


def test_fifty_at_once(site: Site) -> None:
    """All in one batch; each is itself."""
    lively(site, [{"name": "a", "count": MANY, "command": SLEEP}])
    site.environment["ANSIBLE_FORKS"] = str(MANY)
    results = run(site, task("ansible.builtin.ping"), raw('echo "$WORKER_ID {{ inventory_hostname }}"'))
    assert len(results) == 2 * MANY
    assert all(one["ping"] == "pong" for one in results[:MANY])
    assert all(len(set(one["stdout"].split())) == 1 for one in results[MANY:])

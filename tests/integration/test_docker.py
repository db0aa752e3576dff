# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a user of Docker: the shipped playbooks on a real Engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.containers import SLEEP, Containers
from ansible_collections.hodei.workers.tests.support.playbook import OWNER, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

pytestmark = pytest.mark.xdist_group("docker")


def test_from_an_empty_directory_to_nothing_left(docker_site: Site, containers: Containers) -> None:
    """Plan, converge, nothing to do, a killed container, a change, a replacement, less workers, none."""
    site = docker_site
    web = {**SLEEP, "image": containers.image, "restart": "never"}
    site.set([{"name": "queue", **web}, {"name": "runner", "count": 2, "depends_on": ["queue"], **web}])
    lineage = re.search(r"hodei_lineage: ([0-9a-f-]{36})", site.play("init").output)
    assert lineage
    site.set(hodei_lineage=lineage[1])
    assert "Plan for ci-test: 3 to create; 0 unchanged." in site.play("plan").output
    assert not containers.names(), "a plan makes nothing"
    assert site.play("converge").changed == 1
    first = containers.ids()
    assert set(first) == {f"{OWNER}.queue.1", f"{OWNER}.runner-0.1", f"{OWNER}.runner-1.1"}
    assert site.play("converge").changed == 0

    containers.api.kill(first[f"{OWNER}.runner-1.1"])
    wait_for(lambda: len(containers.ids(running=True)) == 2, "the container to end")
    assert "killed by SIGKILL" in site.play("plan").output
    assert site.play("converge").changed == 1
    healed = containers.ids(running=True)
    assert len(healed) == 3
    assert healed[f"{OWNER}.queue.1"] == first[f"{OWNER}.queue.1"]

    limited = {**web, "resources": {"memory": "64Mi"}}
    site.set([{"name": "queue", **limited}, {"name": "runner", "count": 2, "depends_on": ["queue"], **web}])
    assert re.search(r"~ +worker\.queue +update", site.play("plan").output)
    assert site.play("converge").changed == 1
    assert containers.ids()[f"{OWNER}.queue.1"] == first[f"{OWNER}.queue.1"], "changed in place"
    assert containers.inspect(f"{OWNER}.queue.1")["HostConfig"]["Memory"] == 64 << 20

    site.set([{"name": "queue", **limited, "env": {"COLOUR": "blue"}}, {"name": "runner", "count": 1, **web}])
    assert site.play("converge").changed == 1
    assert f"{OWNER}.queue.2" in containers.names()
    assert f"{OWNER}.queue.1" not in containers.names()
    assert not any("runner-1" in name for name in containers.names()), "scaled down"
    assert site.play("converge").changed == 0

    for path in site.home.glob("state.db*"):
        path.unlink()
    before = containers.ids()
    rebuilt = site.play("converge")
    assert rebuilt.changed == 0, rebuilt.output
    assert containers.ids() == before, "found again, nothing made anew"
    assert site.play("destroy", "-e", f"hodei_confirm={OWNER}").changed == 1
    assert not containers.names()
    assert not containers.volumes()


def test_what_there_is_and_what_is_used(docker_site: Site, containers: Containers) -> None:
    """capacity_info has real figures; the doctor says which Engine it is, and finds nothing wrong."""
    busy = {"image": containers.image, "command": ["sh", "-c", "while :; do :; done"], "init": True}
    docker_site.set([{"name": "busy", **busy}, {"name": "idle", **SLEEP, "image": containers.image}])
    capacity, doctor = docker_site.tasks(
        task("fleet_init"), task("fleet"), task("capacity_info"), task("fleet_doctor")
    )[2:]
    (seen,) = capacity["providers"].values()
    assert seen["workers"] == 2
    assert 0 < seen["cpu_used"] <= seen["cpu_total"] * 1.1
    assert 0 < seen["memory_used"] < seen["memory_total"]
    said = "\n".join(str(one) for one in doctor["findings"])
    assert f"{containers.url} (from url), API 1.41" in said
    assert not [one for one in doctor["findings"] if one["level"] == "problem"], said


def test_commands(docker_site: Site, containers: Containers) -> None:
    """Exit codes, streams apart, input, user, time, size; a time-out kills all that the command has started."""
    docker_site.set([{"name": "a", **SLEEP, "image": containers.image, "env": {"COLOUR": "blue"}}])

    def run(*command: str, **options: Any) -> dict[str, Any]:
        return task("worker_exec", address="a", command=list(command), **options)

    good, seven, missing, echoed, slow, long, raw, where, nobody = docker_site.tasks(
        task("fleet_init"),
        task("fleet"),
        run("sh", "-c", "echo $COLOUR; echo $WORKER_ID >&2"),
        run("sh", "-c", "echo partly; exit 7"),
        run("no-such-program"),
        run("cat", stdin="through\nthe pipe"),
        run("sh", "-c", "sleep 61 & (sleep 62 &) ; echo begun; sleep 63", timeout="300ms"),
        run("sh", "-c", "echo BEGIN; yes | head -c 100000", limit="1Ki"),
        run("printf", "\\377\\376"),
        run("pwd", chdir="/tmp"),
        task("worker_exec", address="b", command=["true"]),
    )[2:]
    assert (good["rc"], good["stdout"], good["stderr"]) == (0, "blue\n", "a\n")
    assert (seven["rc"], seven["stdout"]) == (7, "partly\n")
    assert (missing["failed"], missing["rc"]) == (True, 127)
    assert "no-such-program" in missing["stderr"]
    assert echoed["stdout"] == "through\nthe pipe"
    assert slow["timed_out"]
    assert slow["stdout"] == "begun\n"
    assert "did not end within 300ms" in slow["msg"]
    assert (long["stdout_truncated"], len(long["stdout"]), long["rc"]) == (True, 1024, 0)
    assert raw["stdout_base64"] == "//4="
    assert where["stdout"] == "/tmp\n"
    assert "worker.b: there is no such worker. There are: worker.a." in nobody["msg"]
    left = containers.api.top(f"{OWNER}.a.1")["Processes"]
    assert not [one for one in left if any(f"sleep 6{n}" in " ".join(one) for n in (1, 2, 3))]


def test_logs_and_a_port(docker_site: Site, containers: Containers) -> None:
    """The tail, what is recent, what comes while one watches over a restart; and a local port that leads to the worker's."""
    talk = "echo first; echo oops >&2; httpd -p $HODEI_PORT_HTTP -h /etc; while :; do sleep 0.2; echo tick; done"
    health = {"tcp": {"port": "http"}, "interval": "200ms", "start_period": "30s"}
    worker = {"name": "a", "image": containers.image, "command": ["sh", "-c", talk], "init": True}
    docker_site.set([{**worker, "ports": [{"name": "http"}], "health": health}])
    everything, tail, cut, forward = docker_site.tasks(
        task("fleet_init"),
        task("fleet"),
        task("worker_logs", address="a"),
        task("worker_logs", address="a", tail=1),
        task("worker_logs", address="a", limit=4),
        task("worker_forward", address="a", port="http", ttl="5m"),
    )[2:]
    assert {"first", "oops"} <= {*everything["log_lines"]}
    assert len(tail["log_lines"]) == 1
    assert (cut["truncated"], len(cut["log"])) == (True, 4)
    assert "root:x:0" in fetch(forward["local_port"], "/passwd")

    following = docker_site.start(
        docker_site.write_play([task("worker_logs", address="a", tail=0, follow="60s", limit=60)])
    )
    containers.api.restart(f"{OWNER}.a.1", timeout=0)
    (followed,) = docker_site.finish(following).results
    assert "first" in followed["log"] or "tick" in followed["log"]
    recent, closed = docker_site.tasks(
        task("worker_logs", address="a", since="1s"), task("worker_forward", address="a", port="http", state="absent")
    )
    assert "tick" in recent["log"]
    assert closed["changed"]


def fetch(port: int, path: str) -> str:
    """Ask a server of this machine."""
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return str(answer.read().decode())


def test_playbooks_inside(docker_site: Site, containers: Containers) -> None:
    """Containers are hosts: their inventory, and ordinary modules in several at once."""
    site = docker_site
    site.set([{"name": "a", "count": 3, **SLEEP, "image": containers.image, "env": {"COLOUR": "blue"}}])
    site.tasks(task("fleet_init"), task("fleet"))
    settings = {"owner": OWNER, "backend": {"allow_ephemeral": True}, "providers": site.variables["hodei_providers"]}
    site.write("ci.hodei.yml", {"plugin": "hodei.workers.workers", **settings})
    site.write("page.j2", "{{ greeting }} from {{ hodei_address }}\n")
    (site.place / "big").write_bytes(b"x" * (4 << 20))
    del site.environment["ANSIBLE_REMOTE_TEMP"]
    results = site.tasks(
        task("ansible.builtin.ping"),
        task("ansible.builtin.copy", src=str(site.place / "big"), dest="/tmp/big copy", mode="0640"),
        task("ansible.builtin.template", src="page.j2", dest="/tmp/page", mode="0640"),
        task(
            "ansible.builtin.command",
            argv=["sh", "-c", "echo $COLOUR $WORKER_ID; wc -c < '/tmp/big copy'; cat /tmp/page"],
        ),
        options=("-i", str(site.place / "ci.hodei.yml")),
        hosts="hodei_workers",
        vars={"greeting": "hello"},
    )
    assert not [one["msg"] for one in results if one["failed"]]
    assert {one["ping"] for one in results[:3]} == {"pong"}
    assert sorted(one["stdout"] for one in results[-3:]) == [
        f"blue a-{n}\n{4 << 20}\nhello from worker.a[{n}]" for n in range(3)
    ]


@pytest.fixture
def containers(shared_testbed: Testbed) -> Any:
    """What is on the Engine, by other eyes."""
    found = Containers(shared_testbed.need("docker"))
    yield found
    found.close()


@pytest.fixture
def docker_site(make_site: Callable[..., Site], containers: Containers) -> Site:
    """A user whose fleet is on that Engine."""
    made: Site = make_site(hodei_providers={"engine": {"type": "docker", "url": containers.url, "pull": "never"}})
    made.environment |= {"DOCKER_CONFIG": str(made.place / "docker")}
    return made


def test_one_reaper_serves_run_after_run(docker_site: Site, containers: Containers) -> None:
    """Whichever module asks for it: each brings the same code along."""
    docker_site.set([{**SLEEP, "name": "a", "image": containers.image, "lifecycle": {"ttl": "1h"}}])
    docker_site.tasks(task("fleet_init"), task("fleet"))
    (lock,) = docker_site.place.glob("state/**/docker/*/lock")
    first = lock.read_text()
    docker_site.tasks(task("fleet"), task("worker", name="a", state="restarted"))
    assert lock.read_text() == first

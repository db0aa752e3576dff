# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input and bad days of a user of Docker: what the messages say, and that nothing foreign is touched and nothing doubled."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.hodei.workers.tests.support.containers import SLEEP, Containers
from ansible_collections.hodei.workers.tests.support.playbook import OWNER, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

pytestmark = pytest.mark.xdist_group("docker")


@pytest.fixture
def containers(shared_testbed: Testbed) -> Iterator[Containers]:
    """What is on the Engine, by other eyes."""
    found = Containers(shared_testbed.need("docker"))
    yield found
    found.close()


@pytest.fixture
def docker_site(make_site: Callable[..., Site], containers: Containers) -> Site:
    """A user whose fleet is on that Engine."""
    return make_site(hodei_providers={"engine": {"type": "docker", "url": containers.url, "pull": "never"}})


@pytest.fixture
def taken(containers: Containers) -> Iterator[str]:
    """A container of somebody else that has a name of ours."""
    container = containers.api.create_container(containers.image, ["sleep", "1000"], name=f"{OWNER}.taken.1")["Id"]
    yield container
    containers.api.remove_container(container, force=True)


def test_each_of_many_is_told(docker_site: Site, containers: Containers, taken: str) -> None:
    """A taken name and port, a program that is not there, one that quits, one that is never well: the good one runs all the same."""
    here = {**SLEEP, "image": containers.image}
    never_well = {"command": ["sh", "-c", "echo no heart; exit 1"], "interval": "100ms", "failures": 2}
    with socket.create_server(("0.0.0.0", 0)) as somebody:
        port = somebody.getsockname()[1]
        docker_site.set(
            [
                {"name": "good", **here},
                {"name": "taken", **here},
                {"name": "port", **here, "ports": [{"name": "http", "host": port}]},
                {"name": "missing", **here, "command": ["/no/such/program"]},
                {"name": "quits", **here, "command": ["sh", "-c", "echo I cannot; exit 3"], "restart": "never"},
                {"name": "sick", **here, "health": never_well},
            ]
        )
        made, again = docker_site.tasks(task("fleet_init"), task("fleet"), task("fleet"))[1:]
    said = {one["address"]: str(one["reason"]) for one in made["results"] if one["status"] == "failed"}
    assert said.keys() == {f"worker.{name}" for name in ("taken", "port", "missing", "quits", "sick")}, said
    for name, text in {
        "taken": f"a container that is not ours has the name {OWNER}.taken.1",
        "port": f"port {port}/tcp of the host is taken, and by no container",
        "missing": "/no/such/program",
        "quits": "exited with code 3; its last output: I cannot",
        "sick": "no heart",
    }.items():
        assert text in said[f"worker.{name}"]
    assert again["failed"], "still so, and each is there once"
    names = containers.names()
    assert len({name.rpartition(".")[0] for name in names}) == len(names), "nothing is there twice"
    assert containers.inspect(taken)["State"]["Status"] == "created", "it is left alone"
    assert containers.inspect(f"{OWNER}.good.1")["State"]["Running"]


def test_somebody_meddles(docker_site: Site, containers: Containers) -> None:
    """A container that somebody paused, stopped, or removed by hand: seen, told, and put right."""
    docker_site.set([{"name": "a", "count": 3, **SLEEP, "image": containers.image}])
    docker_site.tasks(task("fleet_init"), task("fleet"))
    before = containers.ids()
    containers.api.pause(f"{OWNER}.a-0.1")
    containers.api.stop(f"{OWNER}.a-1.1", timeout=0)
    containers.api.remove_container(f"{OWNER}.a-2.1", force=True)
    seen, healed, still = docker_site.tasks(task("worker_info"), task("fleet"), task("fleet"))
    states = {one["address"]: one["state"] for one in seen["workers"]}
    assert states["worker.a[0]"] == "paused"
    assert states["worker.a[1]"] == "failed"
    assert states["worker.a[2]"] not in ("running", "paused")
    assert healed["changed"]
    assert not still["changed"]
    after = containers.ids(running=True)
    assert len(after) == 3
    assert after[f"{OWNER}.a-0.1"] == before[f"{OWNER}.a-0.1"], "woken, not made anew"


def test_no_engine(docker_site: Site, containers: Containers) -> None:
    """One line says where it was looked for, and what helps."""
    docker_site.set(
        [{"name": "a", **SLEEP, "image": containers.image}],
        hodei_providers={"engine": {"type": "docker", "socket": str(docker_site.place / "none.sock")}},
    )
    message = docker_site.tasks(task("fleet_init"), task("fleet"))[1]["msg"]
    assert f"the Docker Engine at unix://{docker_site.place}/none.sock (from socket) cannot be reached" in message
    assert "Is it running? Name another by `url`, `socket`, `context` or DOCKER_HOST." in message

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Compose and community.docker to a real Engine: converted or as on the page, converged, converged again, removed."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.resources import free_port

pytestmark = pytest.mark.xdist_group("docker")

SHOP = """
name: shop
x-worker: &worker
  image: ${IMAGE}
  init: true
  restart: unless-stopped
  stop_grace_period: 1s
  logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}
services:
  store:
    <<: *worker
    command: python3 -m http.server 8000 --directory /data
    ports: ["127.0.0.1:${PORT:?choose one}:8000"]
    volumes: ["data:/data"]
    environment: {GREETING: "{{ hello }}", LEVEL: }
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8000/"]
      interval: 500ms
      timeout: 5s
      retries: 20
    privileged: true
  reader:
    <<: *worker
    command:
      - sh
      - -c
      - |
        while ! wget -q -O /dev/null http://store:8000/; do sleep 0.2; done
        echo "$$PAUSE" > /tmp/seen; exec sleep 1000
    env_file: reader.env
    depends_on: {store: {condition: service_healthy}}
    deploy: {replicas: 2, resources: {limits: {memory: 128M, cpus: "0.5", pids: 50}}}
    tmpfs: /tmp:size=1m
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    healthcheck: {test: 'grep -q "^a b$$" /tmp/seen', interval: 500ms, retries: 60}
  shell: {<<: *worker, profiles: [debug]}
volumes: {data: }
"""

QUEUE = {
    "compose.yaml": """
include: [tools/compose.yaml]
services:
  api:
    extends: {file: common.yaml, service: base}
    environment: {ROLE: api}
    networks: {back: {aliases: [queue.local]}}
    depends_on: [tools]
  worker:
    extends: {service: api}
    scale: 2
    environment: {ROLE: worker}
    ulimits: {nofile: {soft: 512, hard: 1024}}
    labels: [team=ci]
    user: "1000:1000"
networks: {back: }
""",
    "compose.override.yaml": "services: {api: {shm_size: 2m, expose: ['9000']}}\n",
    "common.yaml": """
services:
  base:
    image: ${IMAGE}
    entrypoint: [sh, -c]
    command: ['echo "$$ROLE"; exec sleep 1000']
    restart: on-failure:3
    init: true
    stop_grace_period: 1s
""",
    "tools/compose.yaml": """
services: {tools: {image: "${IMAGE}", command: sleep 1000, init: true, network_mode: none, stop_grace_period: 1s}}
""",
}


@pytest.fixture
def fleet(shared_testbed: Testbed, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A user with an Engine, known by DOCKER_HOST; what the test leaves there is removed."""
    engine = shared_testbed.need("docker")
    made = make_site()
    made.environment |= {"DOCKER_HOST": engine.url, "IMAGE": engine.image}
    yield made
    for owner in ("shop", "queue"):
        for one in containers(shared_testbed, owner):
            engine.api.remove_container(one["Id"], v=True, force=True)
        for volume in engine.api.volumes(filters={"label": f"hodei.owner={owner}"})["Volumes"] or ():
            engine.api.remove_volume(volume["Name"])
        for network in engine.api.networks(filters={"label": f"hodei.owner={owner}"}):
            engine.api.remove_network(network["Id"])


def containers(testbed: Testbed, owner: str) -> list[dict[str, Any]]:
    """List the containers of a fleet."""
    found: list[dict[str, Any]] = testbed.need("docker").api.containers(
        all=True, filters={"label": f"hodei.owner={owner}"}
    )
    return found


def test_by_the_playbook(fleet: Site, shared_testbed: Testbed) -> None:
    """An inventory is written, which only its user can read; what it describes runs as Compose would run it."""
    fleet.write("compose.yaml", SHOP)
    fleet.write(".env", f"PORT={free_port()}\n")
    fleet.write("reader.env", "PAUSE='a b'\n")
    told = fleet.play("from_compose", "-e", "hodei_compose=compose.yaml", "-e", "hodei_compose_to=shop.yml").output
    assert "left out: compose.yaml:21: services.store.privileged: a worker is never privileged" in told
    assert "services.shell: no profile of it is active (debug); convert with profiles: [debug]" in told
    written = fleet.place / "shop.yml"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert "GREETING: !unsafe '{{ hello }}'" in written.read_text()
    again = fleet.run("from_compose", "-e", "hodei_compose=compose.yaml", "-e", "hodei_compose_to=shop.yml")
    assert again.code == 2
    assert "is there already; write another one by -e hodei_compose_to=PATH" in again.output

    exec_ = task("worker_exec", address="store", command=["sh", "-c", "echo $GREETING"])
    delete = task("fleet", state="absent", confirm="shop")
    made = fleet.tasks(task("fleet_init"), task("fleet"), task("fleet"), exec_, delete, options=["-i", str(written)])
    assert not any(one["failed"] for one in made), made
    assert [one["changed"] for one in made] == [True, True, False, True, True]
    assert made[3]["stdout"] == "{{ hello }}\n"
    assert not containers(shared_testbed, "shop")


def test_by_the_filter(fleet: Site, shared_testbed: Testbed) -> None:
    """The Compose file stays the source; a change of it is a change of the fleet."""
    for name, content in QUEUE.items():
        fleet.write(f"queue/{name}", content)
    converted = "{{ ((inventory_dir, 'queue') | path_join | hodei.workers.from_compose).%s }}"
    fleet.set(
        hodei_workers=converted % "workers",
        hodei_owner=converted % "owner",
        hodei_providers=converted % "providers",
        found=converted % "findings",
    )
    made = fleet.tasks(task("fleet_init"), task("fleet"), task("fleet"), {"ansible.builtin.debug": {"var": "found"}})
    assert not any(one["failed"] for one in made), made
    assert [one["changed"] for one in made[:3]] == [True, True, False]
    assert made[3]["found"] == []
    seen = {one["Names"][0].lstrip("/"): one for one in containers(shared_testbed, "queue")}
    assert sorted(seen) == ["queue.api.1", "queue.tools.1", "queue.worker-0.1", "queue.worker-1.1"]
    api = shared_testbed.need("docker").api
    worker = api.inspect_container(seen["queue.worker-1.1"]["Id"])
    assert worker["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert (worker["Config"]["User"], worker["Config"]["Labels"]["team"]) == ("1000:1000", "ci")
    assert worker["Config"]["Entrypoint"] == ["sh"]

    compose = yaml.safe_load(QUEUE["compose.yaml"])
    compose["services"]["worker"]["scale"] = 1
    fleet.write("queue/compose.yaml", compose)
    changed, deleted = fleet.tasks(task("fleet", max_deletes=1), task("fleet", state="absent", confirm="queue"))
    assert [one["address"] for one in changed["results"]] == ["worker.worker[1]"], changed
    assert not deleted["failed"], deleted
    assert not containers(shared_testbed, "queue")


def test_the_page_for_community_docker(fleet: Site, shared_testbed: Testbed) -> None:
    """The document beside its tasks."""
    page = (Path(__file__).resolve().parents[2] / "docs/from-community-docker.md").read_text()
    tasks, shown = (yaml.safe_load(one) for one in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    variables = shown["all"]["vars"]
    workers = variables["hodei_workers"]
    modules = [one["community.docker.docker_container"] for one in tasks[0]["tasks"][1:]]
    assert [one["image"] for one in modules] == [one["image"] for one in workers.values()]
    assert [one["command"] for one in modules] == [one["command"] for one in workers.values()]
    image = shared_testbed.need("docker").image
    workers["store"]["ports"][0]["host"] = free_port()
    fleet.set(**variables | {"hodei_workers": {name: {**one, "image": image} for name, one in workers.items()}})
    made = fleet.tasks(task("fleet_init"), task("fleet"), task("fleet"), task("fleet", state="absent", confirm="shop"))
    assert not any(one["failed"] for one in made), made
    assert [one["changed"] for one in made] == [True, True, False, True]
    assert not containers(shared_testbed, "shop")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on a real Engine with a real registry, as users of ansible-playbook meet them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_info import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.model.credential import Credential
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.endpoint import Endpoint
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.engine import Engine
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.images import Images
from ansible_collections.hodei.workers.tests.support.playbook import OWNER, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.registry import PASSWORD, USER, Registry
from ansible_collections.hodei.workers.tests.testbed.resources import free_port

pytestmark = pytest.mark.xdist_group("docker")


@pytest.fixture
def registry(shared_testbed: Testbed) -> Iterator[Registry]:
    """The registry; what the test had of it is taken from the Engine."""
    found: Registry = shared_testbed.need("registry")
    yield found
    api = shared_testbed.need("docker").api
    for one in containers(shared_testbed):
        api.remove_container(one["Id"], v=True, force=True)
    found.forget()


@pytest.fixture
def fleet(registry: Registry, shared_testbed: Testbed, make_site: Callable[..., Site]) -> Site:
    """A user whose fleet is on the Engine, and who never ran `docker login`."""
    made = make_site(hodei_providers=engine(shared_testbed))
    made.environment |= {"DOCKER_CONFIG": str(made.place / "docker")}
    return made


def engine(testbed: Testbed, **more: Any) -> dict[str, Any]:
    """Return the providers of a document."""
    return {"engine": {"type": "docker", "url": testbed.need("docker").url, **more}}


def containers(testbed: Testbed) -> list[dict[str, Any]]:
    """List the containers of the fleet, those that ended too."""
    found: list[dict[str, Any]] = testbed.need("docker").api.containers(
        all=True, filters={"label": f"hodei.owner={OWNER}"}
    )
    return found


def worker(image: str, name: str = "app", **more: Any) -> dict[str, Any]:
    """Return a worker that sleeps."""
    return {"name": name, "image": image, "command": ["/bin/sh", "-c", "exec sleep 1000"], "init": True, **more}


def test_pull_missing_always_and_never(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """Missing pulls once, never pulls nothing, always asks again."""
    registry.push("app:1", "one")
    image = f"{registry.open}/app:1"
    never, always = (engine(shared_testbed, pull=policy) for policy in ("never", "always"))
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet", workers=[worker(image)], providers=never),
        task("fleet", workers=[worker(image)]),
        task("fleet", workers=[worker(image), worker(image, "second")], providers=never),
        task("fleet", workers=[worker(image), worker(image, "third")], providers=always),
    )
    assert [one["failed"] for one in made] == [False, True, False, False, False], made
    assert f"{image} is not on the Engine, and `pull` is never" in made[1]["msg"]
    assert "docker load" in made[1]["msg"]
    assert registry.pulls("app:1") == 1
    assert registry.requests("HEAD", "app/manifests/1") > 1


def test_who_we_are_at_a_registry(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """Nobody, the wrong one, the right one in four ways; a password is in nothing that is left behind."""
    registry.push("private:1", "one")
    image = f"{registry.closed}/private:1"
    base = {"server": registry.closed, "username": USER}
    fleet.write("password", f"{PASSWORD}\n")
    ways: list[dict[str, Any]] = [
        {"password": "not the password"},
        {"password": {"env": "NOT_SET"}},
        {"password": {"secret": "not/there"}},
        {"password": {"file": str(fleet.place / "password")}},
        {"password": {"env": "REGISTRY_PASSWORD"}},
        {"password": {"secret": "registry", "field": "password"}},
        {"password": PASSWORD},
    ]
    secret = {"name": "registry", "fields": {"user": USER, "password": "{{ password }}"}}
    fleet.environment["REGISTRY_PASSWORD"] = PASSWORD
    written = [engine(shared_testbed, pull="always", registries=[{**base, **way}]) for way in ways]
    os.chmod(fleet.place / "password", 0o600)
    fleet.set(ways=written, password=PASSWORD, hodei_secrets=[])  # Ansible itself quotes a play whose task fails
    providers = [f"{{{{ ways[{number}] }}}}" for number in range(len(ways))]
    made = fleet.tasks(
        task("fleet_init", stores={"local": {}}),
        task("fleet", workers=[worker(image)]),
        *(
            task("fleet", workers=[worker(image, f"w{n}")], providers=one, secrets=[secret])
            for n, one in enumerate(providers)
        ),
        task("worker_info", providers=providers[-1]),
        options=["-vvv"],
    )
    assert f"registry {registry.closed} wants to know who asks" in made[1]["msg"]
    assert "docker login" in made[1]["msg"]
    assert f"does not accept user {USER}" in made[2]["msg"]
    place = "providers.engine.registries[0].password"
    assert "the environment variable NOT_SET is not set" in made[3]["msg"]
    assert f"{place}: secret not/there of store 'local' cannot be had: there is no such secret" in made[4]["msg"]
    assert [one["failed"] for one in made[5:]] == [False] * 5
    told = [json.loads(line)["record"] for line in read_lines(audit_directory(fleet.home))]
    uses = [one for one in told if one["what"] == "use"]
    assert {(one["secret"], one["why"], one["result"]) for one in uses} == {("registry", f"for {place}", "done")}
    login = {"auths": {registry.closed: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}}
    fleet.write("docker/config.json", json.dumps(login))
    fleet.one("fleet", workers=[worker(image, "login")], providers=engine(shared_testbed, pull="always"))
    api = shared_testbed.need("docker").api
    seen = [api.inspect_container(one["Id"]) for one in containers(shared_testbed)]
    left = [json.dumps(seen), json.dumps(made), *_texts(fleet.place)]
    said = [line for text in left for line in text.splitlines() if "not the password" in line or PASSWORD in line]
    assert not said


def test_a_password_that_the_same_run_writes(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """A first converge plans, makes the password, and pulls with it."""
    registry.push("private:1", "one")
    image = f"{registry.closed}/private:1"
    one = {"server": registry.closed, "username": USER, "password": {"secret": "registry"}}
    document: dict[str, Any] = {
        "providers": engine(shared_testbed, registries=[one]),
        "secrets": [{"name": "registry", "value": "{{ password }}"}],
        "workers": [worker(image)],
    }
    fleet.set(password=PASSWORD)
    made = fleet.tasks(
        task("fleet_init", providers=document["providers"]),
        task("fleet_plan", document),
        task("fleet", document),
        task("fleet", document),
    )
    assert [one["failed"] for one in made] == [False] * 4, made
    assert [one["changed"] for one in made[2:]] == [True, False]


@pytest.mark.parametrize("later", [PASSWORD, "wrong, too"])
def test_a_password_that_changes_meanwhile(registry: Registry, shared_testbed: Testbed, later: str) -> None:
    """It is looked up once more when it is refused, and once only; all that is pulled later uses the other one."""
    for name in ("private:1", "private:2"):
        registry.push(name, "one")
    turns = iter(["wrong", later])
    looked: list[str] = []

    def look() -> SecretValue:
        looked.append(next(turns))
        return SecretValue.of_text(looked[-1])

    config = {"registries": [{"server": registry.closed, "username": USER, "password": Credential("x", look)}]}
    with closing(Engine(Endpoint(shared_testbed.need("docker").url), 60.0)) as engine_:
        images = Images(engine_, config, {})
        wanted = [(f"{registry.closed}/private:{number}", "always") for number in (1, 2)]
        refused = images.prepare(wanted)
    assert looked == ["wrong", later] or later != PASSWORD
    assert {one.kind for one in refused.values()} == (set() if later == PASSWORD else {Kind.AUTHENTICATION})


def test_digests_pin(fleet: Site, registry: Registry) -> None:
    """What the document pins stays, whatever becomes of the tag."""
    digest = registry.push("app:1", "one")
    registry.push("app:1", "two")
    pinned = [f"{registry.open}/app@{digest}", f"{registry.open}/app:1@{digest}"]
    unknown = f"{registry.open}/app@sha256:{'0' * 64}"
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet", workers=[worker(image, f"w{n}") for n, image in enumerate(pinned)]),
        task("fleet", workers=[worker(image, f"w{n}") for n, image in enumerate(pinned)]),
        task("fleet", workers=[worker(unknown)]),
        *(task("worker_exec", address=f"w{n}", command=["cat", "/version"]) for n in range(2)),
    )
    assert [one["failed"] for one in made] == [False, False, False, True, False, False], made
    assert [one["changed"] for one in made[1:3]] == [True, False]
    assert f"registry {registry.open} has no such image" in made[3]["msg"]
    assert [one["stdout"] for one in made[4:]] == ["one", "one"]


def test_all_images_that_cannot_be_had_are_told_at_once(fleet: Site, registry: Registry) -> None:
    """By the plan, each with its worker, cause and cure; a registry that is only away is none of the document's faults."""
    nobody = f"127.0.0.1:{free_port()}"
    bad = {
        "no-tag": (f"{registry.open}/app:9", "has no such image"),
        "no-name": (f"{registry.open}/none:1", "has no such image"),
        "private": (f"{registry.closed}/app:1", "wants to know who asks"),
    }
    workers = [worker(image, name) for name, (image, _unused) in bad.items()]
    away = worker(f"{nobody}/app:1", "away")
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet_plan", workers=[*workers, away]),
        task("fleet", workers=[*workers, away]),
        task("fleet", workers=[away]),
    )
    assert made[1]["text"].count("cannot be had") == len(bad)
    for name, (image, words) in bad.items():
        (problem,) = (one for one in made[2]["problems"] if image in one["message"])
        assert problem["path"] == f"worker.{name}.image"
        assert words in problem["message"]
        assert problem["hint"]
    assert f"registry {nobody} cannot be reached from the Engine" in made[3]["msg"]
    assert "worker.away" in made[3]["msg"]


def test_a_scan_refuses(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """Once for each image and before it is used; its last lines say why."""
    for version in ("good", "bad"):
        registry.push(f"app:{version}", version)
    log = fleet.place / "scanned"
    script = f'echo "$0" >>{log}; case $0 in *bad) echo a secret in layer 3; exit 7;; esac'
    scan = {"command": ["sh", "-c", script, "$(HODEI_IMAGE)"], "timeout": "1m"}
    good, bad = (f"{registry.open}/app:{version}" for version in ("good", "bad"))
    broken = [{"command": ["/not/there"]}, {"command": ["sleep", "100"], "timeout": "100ms"}]
    workers = [worker(good, count=3), worker(bad, "bad", count=3)]
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet", workers=workers, providers=engine(shared_testbed, scan=scan)),
        *(task("fleet", workers=workers, providers=engine(shared_testbed, scan=one)) for one in broken),
    )
    assert [one["failed"] for one in made] == [False, True, True, True]
    assert "refused by the scan (sh ended with 7): a secret in layer 3" in made[1]["msg"]
    assert sorted(log.read_text().split()) == sorted([good, bad])
    assert "/not/there does not start" in made[2]["msg"]
    assert "did not end in 0.1 s" in made[3]["msg"]
    assert len(containers(shared_testbed)) == 3


def test_twenty_workers_pull_once(fleet: Site, registry: Registry) -> None:
    """However many ask, and two images side by side."""
    for name in ("app:1", "other:1"):
        registry.push(name, name)
    images = [f"{registry.open}/app:1", f"{registry.open}/other:1"]
    workers = [worker(images[0], count=18), worker(images[1], "other", count=2)]
    made = fleet.tasks(task("fleet_init"), task("fleet", workers=workers))
    assert [one["failed"] for one in made] == [False, False]
    assert [registry.pulls("app:1"), registry.pulls("other:1")] == [1, 1]


def test_a_tag_that_moves_is_drift(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """Told by a plan, which pulls nothing, and replaced; where nobody wants to know it, nobody is asked."""
    first = registry.push("app:1", "one")
    workers = [worker(f"{registry.open}/app:1", count=2)]
    always = engine(shared_testbed, pull="always")
    fleet.tasks(task("fleet_init"), task("fleet", workers=workers, providers=always))
    second = registry.push("app:1", "two")
    assert first != second
    made = fleet.tasks(
        task("fleet_plan", workers=workers),
        task("fleet_plan", workers=workers, providers=engine(shared_testbed, moved_tags="engine")),
        task("fleet_plan", workers=workers, providers=always),
        task("fleet", workers=workers, providers=always),
        task("fleet", workers=workers, providers=always),
        task("worker_exec", address="app[1]", command=["cat", "/version"], providers=always),
    )
    assert [one.get("pending") for one in made[:3]] == [0, 0, 2]
    assert "the tag now means another image, " + second[:19] in made[2]["text"]
    assert [one["changed"] for one in made[3:5]] == [True, False]
    assert made[5]["stdout"] == "two"


def test_a_tag_that_moves_on_the_engine(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """Whoever builds images where they run needs no registry; one that is away is told as a warning."""
    image = f"{registry.open}/built:1"
    workers = [worker(image)]
    local = engine(shared_testbed, pull="never", moved_tags="engine")
    registry.build("built:1", "one")
    fleet.tasks(task("fleet_init"), task("fleet", workers=workers, providers=local))
    registry.build("built:1", "two")
    away = engine(shared_testbed, moved_tags="registry", pull="missing")
    made = fleet.tasks(
        task("fleet", workers=workers, providers=local),
        task("fleet", workers=workers, providers=local),
        task("worker_exec", address="app", command=["cat", "/version"]),
        task("fleet_plan", workers=workers, providers=away),
        task("fleet_plan", workers=workers, providers=engine(shared_testbed, moved_tags="registry", pull="never")),
    )
    assert [one["changed"] for one in made[:2]] == [True, False]
    assert made[2]["stdout"] == "two"
    assert f"nobody knows whether the tag of {image} has moved" in json.dumps(made[3]["warnings"])
    assert "to pull never" in made[4]["msg"]


def test_a_worker_goes_on_until_its_new_image_is_there(fleet: Site, registry: Registry) -> None:
    """Even where it is stopped before the new one is made: what cannot be pulled stops nothing."""
    registry.push("app:1", "one")
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet", workers=[worker(f"{registry.open}/app:1")]),
        task("fleet", workers=[worker(f"127.0.0.1:{free_port()}/app:2")]),
        task("worker_exec", address="app", command=["cat", "/version"]),
    )
    assert made[2]["failed"]
    assert not made[2]["changed"]
    assert "cannot be reached from the Engine" in made[2]["msg"]
    assert made[3]["stdout"] == "one"


def test_images_are_listed_pulled_and_pruned(fleet: Site, registry: Registry, shared_testbed: Testbed) -> None:
    """Before anything is started; and what goes is what nobody uses, wants, or has left out of the patterns."""
    for name in ("used:1", "wanted:1", "other:1", "free:1"):
        registry.push(name, name)
    used, wanted, other, free = (f"{registry.open}/{name}:1" for name in ("used", "wanted", "other", "free"))
    workers = [worker(used), worker(wanted, "later", state="stopped")]
    api = shared_testbed.need("docker").api
    for name in (other, free):
        api.pull(name)
    registry.push("free:1", "newer")
    api.pull(free)  # the older one has no tag any more
    mine = f"{registry.open}/*"
    rules = {
        "workers": workers,
        "state": "absent",
        "older_than": "0s",
        "match": [f"{registry.open}/used*", f"{mine}ee*"],
    }
    made = fleet.tasks(
        task("fleet_init"),
        task("fleet_images", workers=workers, state="present", check=True),
        task("fleet_images", workers=workers, state="present"),
        task("fleet_images", workers=workers, state="present"),
        task("fleet", workers=workers),
        task("fleet_images", rules, check=True),
        task("fleet_images", {**rules, "older_than": "1d"}),
        task("fleet_images", rules),
        task("fleet_images", rules),
        task("fleet_images", {**rules, "match": []}),
        task("fleet_images", workers=[worker(f"{registry.open}/none:1")], state="present"),
    )
    assert [one.get("pulled") for one in made[1:4]] == [sorted([used, wanted])] * 2 + [[]]
    assert [one["changed"] for one in made[1:4]] == [True, True, False]
    assert [len(one["removed"]) for one in made[5:9]] == [2, 0, 2, 0]
    assert [one["changed"] for one in made[5:9]] == [True, False, True, False]
    assert registry.here() == {used, wanted, other}
    assert {name for one in made[7]["removed"] for name in one["names"]} > {free}
    assert "needs patterns" in made[9]["msg"]
    assert made[10]["failed"]
    assert "has no such image" in made[10]["msg"]


def _texts(place: Path) -> Iterator[str]:
    """Read all that a fleet leaves on disk, but for what the user wrote himself."""
    own = {"inventory.yml", "play.yml", "password"}
    for path in place.rglob("*"):
        if path.is_file() and path.name not in own:
            yield path.read_bytes().decode(errors="replace")

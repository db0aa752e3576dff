# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random documents on a real Engine: converged is converged, and one changed field of each worker is that change and no other.

A document has many workers, most of them never started: what they are made of is there all the same.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, reject, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.engine.carried import not_carried
from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Tools
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document, Instance
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.fields import COLUMN, DOCKER_CONFIG
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.provider import DockerProvider
from ansible_collections.hodei.workers.tests.support.container_documents import Workers, container_workers
from ansible_collections.hodei.workers.tests.support.expected import hold_to, wanted_changes
from ansible_collections.hodei.workers.tests.support.fleets import KEY, LINEAGE, OWNER, Fleet
from ansible_collections.hodei.workers.tests.support.random_documents import one_of
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.dockerd import DockerEngine

#: It takes half a minute; a machine that does much else beside it may need longer.
pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.timeout(36000 if os.environ.get("HODEI_SOAK") else 600)]

SOAK = bool(os.environ.get("HODEI_SOAK"))
#: So many specs, each with one field that changes; so many of them stand in one document.
SPECS = int(os.environ.get("HODEI_SPECS", 5000 if SOAK else 120))
WORKERS = 20
PHASES = (Phase.explicit, Phase.generate, *((Phase.shrink,) if os.environ.get("HODEI_SHRINK") else ()))
#: What makes a new container; all else leaves the one that is there.
ANEW = {"replace", "create"}
Containers = dict[str, dict[str, Any]]


class ContainerFleet(Fleet):
    """A fleet whose workers are containers."""

    def __init__(self, place: Path, engine: DockerEngine) -> None:
        import docker

        super().__init__(place)
        config = {"url": engine.url, "pull": "never", "settle": 0.02, "directory": str(place)}
        self.provider = DockerProvider("local", config, OWNER, environ={"A": "host"})
        self.providers = {"local": self.provider}  # type: ignore[dict-item]
        self.api = docker.APIClient(base_url=engine.url, version="1.41")

    @property
    def tools(self) -> Tools:
        """The clock of the machine."""
        return Tools(new_id=super().tools.new_id, clock=time.time)

    def containers(self) -> Containers:
        """Return what the Engine shows of each worker, by its id."""
        found = self.api.containers(all=True, filters={"label": f"hodei.owner={OWNER}"})
        shown = [self.api.inspect_container(one["Id"]) for one in found]
        return {dict(one.partition("=")[::2] for one in c["Config"]["Env"])["WORKER_ID"]: c for c in shown}

    def settle(self, document: Document) -> Containers:
        """Converge; then nothing is left to do, and the Engine shows what the document says."""
        report = self.converge(document, allow_empty=True, max_deletes=10_000)
        assert [f"{one.change.address}: {one.error}" for one in report.results if one.error] == []
        left = [f"{one.address}: {one.reason}: {one.fields}" for one in self.preview(document).plan.pending]
        assert left == [], "converged is converged"
        containers = self.containers()
        assert containers.keys() == {one.address.slug for one in document.instances}
        for one in document.instances:
            as_written(one, containers[one.address.slug])
        return containers


def as_written(one: Instance, container: dict[str, Any]) -> None:
    """Hold a container to its spec, not by way of our mapping."""
    spec, config, host = one.spec, container["Config"], container["HostConfig"]
    resources, security = spec.get("resources", {}), spec.get("security", {})
    status = {"stopped": ("created", "exited"), "paused": ("paused",), "started": ("running",)}[one.state]
    assert container["State"]["Status"] in status
    assert config["Cmd"][:2] == ["/bin/sh", "-c"]
    assert config["User"] == str(spec.get("user", ""))
    assert {name: config["Labels"][name] for name in spec.get("labels", {})} == {
        name: str(value) for name, value in spec.get("labels", {}).items()
    }
    assert {one.partition("=")[0] for one in config["Env"]} >= spec.get("env", {}).keys()
    for ours, theirs, unit in (("memory", "Memory", 1), ("cpu", "NanoCpus", 1_000_000), ("pids", "PidsLimit", 1)):
        if resources.get(ours):
            assert host[theirs] == resources[ours] * unit
    assert {one["Name"]: one["Soft"] for one in host["Ulimits"] or ()} == {
        name: limit["soft"] for name, limit in resources.get("ulimits", {}).items()
    }
    assert host["ReadonlyRootfs"] is security.get("read_only_root", False)
    assert ("no-new-privileges:true" in (host["SecurityOpt"] or ())) is security.get("no_new_privileges", True)
    assert ("seccomp=unconfined" in (host["SecurityOpt"] or ())) is ("seccomp" in security)
    for field, theirs in (("add_capabilities", "CapAdd"), ("drop_capabilities", "CapDrop")):
        assert {name.removeprefix("CAP_") for name in host[theirs] or ()} == set(security.get(field, ()))
    kinds = {"empty": "volume", "named": "volume", "host": "bind"}
    volumes = {one["path"].lstrip("/"): one for one in spec.get("volumes", ())}
    mounts = {one["Destination"].removeprefix("/work").lstrip("/"): one for one in container["Mounts"]}
    for path, volume in volumes.items():
        kind = volume.get("type", "empty")
        if kind != "tmpfs":
            assert mounts[path]["Type"] == kinds[kind]
            assert mounts[path]["RW"] is not volume.get("read_only", False)
    assert len(host.get("Tmpfs") or ()) == sum(one.get("type") == "tmpfs" for one in volumes.values())


@pytest.fixture(scope="module")
def fleet(shared_testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerFleet]:
    """One Engine and one fleet for all documents, each of which follows the one before."""
    made = ContainerFleet(tmp_path_factory.mktemp("fleet"), shared_testbed.need("docker"))
    yield made
    made.converge(read([]), destroy=True, allow_empty=True, max_deletes=10_000)  # type: ignore[arg-type]
    for name in ("hodei-random-1", "hodei-random-2"):
        if any(one["Name"] == name for one in made.api.volumes()["Volumes"] or ()):
            made.api.remove_volume(name)
    made.provider.close()
    made.api.close()


def read(workers: Workers) -> Document | None:
    """Parse a document; None when it is not valid."""
    raw = RawDocument(OWNER, LINEAGE, [Fragment(copy.deepcopy(workers))], {"local": {"type": "docker"}})
    try:
        return parse(raw, key=KEY, provider_schemas={"docker": DOCKER_CONFIG})
    except InvalidDocument:
        return None


def possible(fleet: ContainerFleet, worker: dict[str, Any]) -> Document | None:
    """Parse a document of one worker; None when this Engine cannot run it."""
    document = read([worker])
    if document is None or fleet.provider.validate(document.instances):
        return None
    return None if not_carried(document.instances, {"local": COLUMN})[0] else document


def test_containers(fleet: ContainerFleet, tmp_path: Path) -> None:
    """Whatever the Docker provider carries."""
    sources = [str(tmp_path), "/tmp"]
    image = "hodei/test:1"
    specs = 0

    @settings(
        max_examples=-(-SPECS // WORKERS),
        deadline=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=PHASES,
        report_multiple_bugs=False,
    )
    @given(data=st.data())
    def turn(data: st.DataObject) -> None:
        nonlocal specs
        found, changed = pairs(data, fleet, image, sources)
        if len(found) < WORKERS:
            reject()
        specs += len(found)
        note(f"{found!r}\n{changed!r}")
        before, after = read(found), read(changed)
        assert before
        assert after
        there = fleet.settle(before)
        wanted = wanted_changes(before, after, {"local": COLUMN})
        hold_to(fleet.preview(after, allow_empty=True, max_deletes=10_000), wanted)
        now = fleet.settle(after)
        for worker, container in now.items():
            change = wanted.get(f"worker.{worker}")
            anew = change is not None and change.action.partition("+")[0] in ANEW
            assert (there[worker]["Id"] != container["Id"]) is anew, (worker, change)

    turn()
    assert specs >= SPECS


def pairs(data: st.DataObject, fleet: ContainerFleet, image: str, sources: list[str]) -> tuple[Workers, Workers]:
    """Draw workers, and the same with one field changed in each; those that cannot be are left out."""
    found: Workers = []
    changed: Workers = []
    for _unused in range(3 * WORKERS):
        if len(found) == WORKERS:
            break
        one, other = data.draw(container_workers([f"w{len(found)}", "x"], image, sources))
        before = possible(fleet, one)
        if before is None:
            continue
        for (candidate,) in data.draw(one_of([one], other)):
            after = possible(fleet, candidate)
            if after is not None and wanted_changes(before, after, {"local": COLUMN}):
                found.append(one)
                changed.append(candidate)
                break
    return found, changed

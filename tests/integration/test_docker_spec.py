# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document says of a container, seen from inside the container and by the Engine; and what the Engine would do silently."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig, Fleet
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.dockerd import DockerEngine

pytestmark = pytest.mark.xdist_group("docker")


class Workers(Fleet):
    """One worker at a time, and the Engine by its own command."""

    def __init__(self, rig: DockerRig, engine: DockerEngine) -> None:
        super().__init__(rig)
        self._engine = engine

    def docker(self, *words: str) -> str:
        """Run the docker command."""
        command = ["docker", "-H", self._engine.url, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def inside(self, script: str) -> str:
        """Run a script in the worker."""
        result = self.provider.exec(ExecRequest(self.target("a"), ("sh", "-c", f"exec 2>&1; {script}")))
        return result.stdout.decode().strip()

    def spec(self, **more: Any) -> dict[str, Any]:
        """Return a worker that does nothing."""
        return {**self.rig.shell("while :; do sleep 0.1; done"), **more}


@pytest.fixture
def workers(shared_testbed: Testbed, tmp_path: Path) -> Iterator[Workers]:
    """A fleet on the Engine."""
    engine = shared_testbed.need("docker")
    rig = DockerRig(tmp_path, engine)
    yield Workers(rig, engine)
    rig.close()


def test_a_read_only_root_with_what_its_user_may_write_to(workers: Workers) -> None:
    """A volume of its own, one in memory, and a file in the first: all are its user's, and nothing else can be written."""
    workers.make(
        "a",
        workers.spec(
            user="nobody",
            security={"read_only_root": True, "non_root": True, "drop_capabilities": ["ALL"]},
            volumes=[
                {"name": "conf", "path": "conf", "mode": "0700"},
                {"name": "run", "path": "/run/app", "type": "tmpfs", "size": 65536},
            ],
            files=[{"path": "conf/app.toml", "content": "one", "mode": "0400"}],
        ),
    )
    assert (
        workers.inside("id -u; stat -c '%a %u' conf conf/app.toml; cat conf/app.toml")
        == "65534\n700 65534\n400 65534\none"
    )
    assert workers.inside("touch conf/x /run/app/x && echo can") == "can"
    assert "Read-only file system" in workers.inside("touch /work/x")
    assert "error" in workers.inside("head -c 100000 /dev/zero > /run/app/x")
    assert "65534" in workers.inside("grep NoNewPrivs /proc/self/status; id -u")
    assert workers.docker("ps", "-aq", "--filter", "name=hodei-helper") == ""


def test_a_directory_that_is_missing_is_never_made(workers: Workers, tmp_path: Path) -> None:
    """With and without an SELinux label, for which the Engine would make it."""
    for relabel in ({}, {"relabel": "shared"}):
        volume = {"name": "v", "path": "/v", "type": "host", "source": str(tmp_path / "not there"), **relabel}
        outcome = workers.create("a", workers.spec(volumes=[volume]))
        assert outcome.error is not None
        assert (outcome.error.kind, "does not exist" in outcome.error.message) == (Kind.CONFIGURATION, True)
        assert "never made for you" in outcome.error.hint
        assert workers.docker("ps", "-aq", "--filter", "label=hodei.owner=conformance") == ""
        assert not (tmp_path / "not there").exists()


def test_a_host_directory_and_a_named_volume(workers: Workers, tmp_path: Path) -> None:
    """Read-only where it says so; a new named volume is its user's, and outlives the worker."""
    tmp_path.chmod(0o755)
    (tmp_path / "here").write_text("hello")
    volumes = [
        {"name": "h", "path": "/h", "type": "host", "source": str(tmp_path), "read_only": True, "relabel": "private"},
        {"name": "hodei-spec-named", "path": "/n", "type": "named"},
    ]
    try:
        workers.make("a", workers.spec(user="1000:1000", volumes=volumes))
        assert workers.inside(
            "cat /h/here; echo; touch /n/kept && stat -c %u:%g /n $HODEI_VOLUME_HODEI_SPEC_NAMED"
        ) == ("hello\n1000:1000\n1000:1000")
        assert "Read-only file system" in workers.inside("touch /h/x")
        shown = json.loads(workers.docker("volume", "inspect", "hodei-spec-named"))
        assert shown[0]["Labels"] == {"hodei.volume-of": "conformance"}
    finally:
        workers.rig.close()
        workers.docker("volume", "rm", "-f", "hodei-spec-named")


def test_non_root_knows_the_image(workers: Workers) -> None:
    """Neither says a user, or a name that is root inside: nothing starts, and nothing is left."""
    for user in ({}, {"user": "root"}):
        outcome = workers.create("a", workers.spec(security={"non_root": True}, **user))
        assert outcome.error is not None
        assert "would run as root" in outcome.error.message
        assert workers.docker("ps", "-aq", "--filter", "label=hodei.owner=conformance") == ""


def test_a_seccomp_profile_is_in_force(workers: Workers, tmp_path: Path) -> None:
    """One that forbids mkdir, read here and applied there."""
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    workers.make("a", workers.spec(security={"seccomp": str(profile)}))
    assert "Operation not permitted" in workers.inside("mkdir /tmp/x")
    assert workers.inside("touch /tmp/y && echo can") == "can"


def test_what_somebody_updated_is_seen_and_put_right(workers: Workers) -> None:
    """Limits, their absence and the restart policy, in the container that runs."""
    spec = workers.spec(resources={"memory": 64 << 20, "cpu": 500}, restart={"policy": "always"})
    made = workers.make("a", spec)
    assert made.drift == {}
    changes = ["--memory=32m", "--memory-swap=32m", "--cpus=1", "--pids-limit=99", "--cpu-shares=512", "--restart=no"]
    workers.docker("update", *changes, made.external_id)
    seen = workers.see("a")
    assert seen is not None
    assert seen.drift == {
        "resources.memory": 32 << 20,
        "resources.cpu": "CpuShares 512",
        "resources.pids": 99,
        "restart": "never",
    }
    (outcome,) = workers.provider.update([workers.request("a", spec, drifted=tuple(seen.drift))])
    assert (outcome.error, outcome.observation and outcome.observation.drift) == (None, {})
    assert outcome.observation is not None
    assert outcome.observation.external_id == made.external_id
    (outcome,) = workers.provider.update([workers.request("a", workers.spec(), digest="digest-2")])
    assert (outcome.error, outcome.observation and outcome.observation.drift) == (None, {})


def test_swap_and_a_quota_are_limits_too(workers: Workers) -> None:
    """More swap than none; and a quota, which an Engine heeds more than a number of CPUs, and never forgets."""
    spec = workers.spec(resources={"memory": 64 << 20})
    made = workers.make("a", spec)
    workers.docker("update", "--memory-swap=128m", "--cpu-quota=50000", made.external_id)
    seen = workers.see("a")
    assert seen is not None
    assert seen.drift == {"resources.memory": f"MemorySwap {128 << 20}", "resources.cpu": "CpuQuota 50000"}
    for number, cpu in enumerate((None, 500, None)):
        wanted = {**spec, "resources": {"memory": 64 << 20, **({"cpu": cpu} if cpu else {})}}
        (outcome,) = workers.provider.update([workers.request("a", wanted, digest=f"digest-{number}")])
        assert (outcome.error, outcome.observation and outcome.observation.drift) == (None, {})
        shown = json.loads(workers.docker("inspect", made.external_id))[0]["HostConfig"]
        assert (shown["MemorySwap"], shown["CpuQuota"]) == (64 << 20, 50_000 if cpu else -1)


def test_a_renamed_container_is_still_ours(workers: Workers) -> None:
    """It gets its name back; a copy with our labels is not, and what was released stays so."""
    spec = workers.spec()
    made = workers.make("a", spec)
    workers.docker("commit", made.external_id, "hodei-spec-copy:1")
    try:
        workers.docker("run", "-d", "--name", "copy", "hodei-spec-copy:1", "sleep", "60")
        workers.docker("rename", made.external_id, "mine-now")
        seen = workers.see("a")
        assert seen is not None
        assert (seen.external_id, seen.drift) == (made.external_id, {"name": "mine-now"})
        (outcome,) = workers.provider.update([workers.request("a", spec, drifted=("name",))])
        assert outcome.observation is not None
        assert outcome.observation.drift == {}
        assert workers.docker("inspect", "-f", "{{.Name}}", made.external_id).strip() == "/conformance.a.1"
        workers.do(Verb.RELEASE, "a")
        assert workers.see("a") is None
    finally:
        workers.rig.close()
        workers.docker("rmi", "-f", "hodei-spec-copy:1")


def test_a_file_that_left_while_it_was_stopped(workers: Workers) -> None:
    """Nothing can remove it from a container that does not run; so it goes with the next start."""
    spec = workers.spec(files=[{"path": "a", "content": "1"}, {"path": "b", "content": "2"}])
    workers.make("a", spec, intent=Intent.STOPPED)
    less = workers.spec(files=[{"path": "a", "content": "1"}])
    (outcome,) = workers.provider.update([workers.request("a", less, digest="digest-2", intent=Intent.STOPPED)])
    assert outcome.error is None
    seen = workers.do(Verb.START, "a")
    assert seen is not None
    assert (seen.drift, workers.inside("ls -A /work")) == ({}, "a")

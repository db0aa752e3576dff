# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no container of an Engine can have is told before anything is made: where, what, and the cure."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Instance
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.checks import Checks
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_delivery import Secrets

INFO = {
    "Name": socket.gethostname(),
    "DockerRootDir": "/",
    "NCPU": 2,
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"]],
    "SecurityOptions": ["name=seccomp,profile=default"],
}


def told(spec: dict[str, Any], degrade: tuple[str, ...] = (), secrets_in: str = "", **info: Any) -> dict[str, str]:
    """Return field -> message of all problems at once; each has a cure and its place."""
    spec = {"image": "app", **spec}
    instance = Instance(Address("worker", "web"), "engine", spec, spec, "d", degrade=degrade, source="hodei_workers[0]")
    images = {"rooted": {"Config": {"User": "0:7"}}, "bare": {}}
    engine: Any = SimpleNamespace(endpoint=SimpleNamespace(local=False))
    secrets = Secrets(engine, "me", dict, secrets_in)
    problems = Checks(lambda: {**INFO, **info}, images.get, secrets).problems(instance)
    assert all(one.hint and one.source == "hodei_workers[0]" for one in problems)
    return {one.path.removeprefix("worker.web."): one.message for one in problems}


def volume(**more: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", "path": "/v", **more}]}


def file(path: str, **more: Any) -> dict[str, Any]:
    return {"files": [{"path": path, "content": "x"}], **more}


CLOSED = {"read_only_root": True}


@pytest.mark.parametrize(
    ("spec", "field", "what"),
    [
        ({"image": ""}, "image", "needs an image"),
        ({"user": "0:5", "security": {"non_root": True}}, "security.non_root", "as root"),
        ({"image": "rooted", "security": {"non_root": True}}, "security.non_root", "as root"),
        ({"image": "bare", "security": {"non_root": True}}, "security.non_root", "as root"),
        ({"user": "root", "security": {"non_root": True}}, "security.non_root", "as root"),
        (volume(type="host", source="/nowhere/at/all"), "volumes.v", "no directory /nowhere/at/all"),
        (volume(size=5), "volumes.v", "tmpfs only"),
        (volume(path="/"), "volumes.v", "cannot take this place"),
        (volume(path="a/../.."), "volumes.v", "cannot take this place"),
        ({"user": "app", **volume(type="tmpfs", mode="0700")}, "volumes.v", "which number the user app has"),
        (file("/etc/hosts", **volume(path="/etc")), "files./etc/hosts", "its own /etc/hosts over it"),
        (file("/proc/../sys/a"), "files./proc/../sys/a", "its own /sys over it"),
        (file("/v/a", **volume(type="tmpfs")), "files./v/a", "made anew at each start"),
        (file("/v/a", **volume(type="named")), "files./v/a", "not this worker's alone"),
        (volume(read_only=True), "volumes.v", "nobody may write"),
        (file("a", security=CLOSED, **volume()), "files.a", "the root file system is read-only"),
        ({"resources": {"memory": 5 << 20}}, "resources.memory", "below 6Mi"),
        ({"resources": {"cpu": 5}}, "resources.cpu", "below 10m"),
        ({"resources": {"cpu": 2500}}, "resources.cpu", "has 2 cores only"),
        ({"resources": {"storage": 1 << 30}}, "resources.storage", "overlay2 on extfs, has no limits"),
        ({"resources": {"ulimits": {"files": {}}}}, "resources.ulimits.files", "no such limit"),
        ({"security": {"add_capabilities": ["NET_ADM"]}}, "security.add_capabilities", "named NET_ADM"),
        ({"security": {"apparmor": "x"}}, "security.apparmor", "without AppArmor"),
        ({"security": {"selinux": {"type": "x"}}}, "security.selinux", "without SELinux"),
        ({"security": {"seccomp": "/nowhere.json"}}, "security.seccomp", "/nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be(spec: dict[str, Any], field: str, what: str) -> None:
    """One problem each."""
    found = told(spec)
    assert list(found) == [field]
    assert what in found[field]


@pytest.mark.parametrize(
    "spec",
    [
        {"user": "app", "security": {"non_root": True}, **volume(type="tmpfs", mode="1777", size=5)},
        {"image": "elsewhere", "security": {"non_root": True}},
        {"image": "rooted", "user": "app", "security": {"non_root": True}},
        {"user": "1000", **volume(type="tmpfs", mode="0700")},
        volume(type="host", source="/"),
        file("/v/a", security=CLOSED, **volume()),
        file("/dev/v/a", **volume(path="/dev/v")),
        file("/etc/hosts.d/a"),
        file("conf/a", security=CLOSED, volumes=[{"name": "conf", "path": "conf"}]),
        {"resources": {"memory": 6 << 20, "cpu": 2000, "ulimits": {"nofile": {}}}},
        {"security": {"seccomp": "unconfined", "drop_capabilities": ["ALL"], "add_capabilities": ["NET_BIND_SERVICE"]}},
    ],
)
def test_what_can_be(spec: dict[str, Any]) -> None:
    """It is not refused."""
    assert told(spec) == {}


def test_all_at_once_but_what_it_may_run_without() -> None:
    """Every problem in one pass."""
    spec = {"image": "", "resources": {"memory": 1 << 20, "storage": 1}, "security": {"apparmor": "x"}}
    assert set(told(spec)) == {"image", "resources.memory", "resources.storage", "security.apparmor"}
    assert set(told(spec, degrade=("resources", "security.apparmor"))) == {"image"}


def test_another_machine_tells_itself_what_it_lacks() -> None:
    """Of its directories we know nothing; what it has, it tells."""
    assert told(volume(type="host", source="/nowhere/at/all"), Name="elsewhere") == {}
    on_xfs = [["Backing Filesystem", "xfs"]]
    assert told({"resources": {"storage": 1}}, DriverStatus=on_xfs) == {}
    modules = ["name=apparmor", "name=selinux"]
    assert told({"security": {"apparmor": "x", "selinux": {"type": "y"}}}, SecurityOptions=modules) == {}


def test_a_seccomp_profile_is_json(tmp_path: Path) -> None:
    """As the Engine would say, only earlier."""
    profile = tmp_path / "profile.json"
    for text, found in (('{"defaultAction": "SCMP_ACT_ALLOW"}', []), ("{", ["security.seccomp"])):
        profile.write_text(text)
        assert list(told({"security": {"seccomp": str(profile)}})) == found


@pytest.mark.parametrize(("field", "info"), [("memory", "MemoryLimit"), ("cpu", "CpuCfsQuota"), ("pids", "PidsLimit")])
def test_a_limit_that_nobody_would_enforce(field: str, info: str) -> None:
    """Such an Engine makes the container without; who accepts that says so."""
    spec, lacking = {"resources": {"memory": 1 << 30, "cpu": 100, "pids": 9}}, dict[str, Any]({info: False})
    assert told(spec, **lacking) == {f"resources.{field}": "this Engine enforces no such limit"}
    assert told(spec, (f"resources.{field}",), **lacking) == {}
    assert told({}, **lacking) == {}


def secret(*places: str, **more: Any) -> dict[str, Any]:
    """Return a worker with secrets in files."""
    return {"secrets": [{"secret": "s", "file": place} for place in places], **more}


@pytest.mark.parametrize(
    ("spec", "field", "what"),
    [
        (secret("..data"), "secrets...data", "is ours"),
        (secret("/run/secrets"), "secrets./run/secrets", "is ours"),
        (secret("a", "./a"), "secrets../a", "another secret lies at /run/secrets/a"),
        (secret("a", "/run/secrets/a/b"), "secrets./run/secrets/a/b", "below another secret"),
        (secret("/etc/hosts"), "secrets./etc/hosts", "the Engine lays its own"),
        (secret("/v/key", **volume(type="tmpfs")), "secrets./v/key", "lies in volume v"),
        (secret("/etc/key", security=CLOSED), "secrets./etc/key", "read-only"),
        (secret("a", volumes=[{"name": "v", "path": "/run/secrets/x"}]), "volumes.v", "secrets of the worker lie in"),
        ({"secrets": [{"secret": "s", "env": "A"}], "command": ["x", "-p", "$(A)"]}, "command", "is a secret"),
        (secret("a", **file("/run/secrets/b")), "files./run/secrets/b", "only secrets lie in"),
    ],
)
def test_where_a_secret_cannot_lie(spec: dict[str, Any], field: str, what: str) -> None:
    assert what in told(spec)[field]


@pytest.mark.parametrize(
    "spec",
    [
        secret("a/b", "a/c", "/run/secrets/d", "/etc/key"),
        secret("a", security=CLOSED),
        secret("/v/key", security=CLOSED, **volume()),
        {"secrets": [{"secret": "s", "env": "A"}], **file("/run/secrets/b")},
    ],
)
def test_where_a_secret_can_lie(spec: dict[str, Any]) -> None:
    assert told(spec) == {}


def test_memory_that_cannot_be_had_is_told_before_anything_is_made() -> None:
    assert "the Engine is not on this machine" in told(secret("a"), secrets_in="memory")["secrets"]
    assert told({"secrets": [{"secret": "s", "env": "A"}]}, secrets_in="memory") == {}
    assert told(secret("a"), secrets_in="volume") == {}

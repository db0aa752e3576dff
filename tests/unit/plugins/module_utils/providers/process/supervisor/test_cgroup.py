# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of both versions, on directories that look like them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import cgroup
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.cgroup import (
    Groups,
    Place,
    find,
    parse_mounts,
    parse_own,
)

V1_OWN = "9:name=systemd:/\n4:memory:/job/1\n2:cpu,cpuacct:/job\n1:pids:/\n0::/\n"
V2_OWN = "0::/user.slice/hodei.scope\n"


def mountinfo(*lines: tuple[str, str, str]) -> str:
    """Write (mount point, kind, options) as proc(5) shows them."""
    return "".join(
        f"30 25 0:26 / {point} rw,relatime shared:4 - {kind} {kind} rw,{more}\n" for point, kind, more in lines
    )


def test_reading_what_proc_says() -> None:
    """Controllers with their positions and their mounts."""
    assert parse_own(V1_OWN)["cpuacct"] == "/job"
    assert parse_own(V2_OWN) == {"": "/user.slice/hodei.scope"}
    mounts = parse_mounts(
        mountinfo(("/cg/memory", "cgroup", "memory"), ("/cg/cpu", "cgroup", "cpu,cpuacct"), ("/cg", "cgroup2", "x"))
    )
    assert (mounts["memory"], mounts["cpuacct"], mounts[""]) == ("/cg/memory", "/cg/cpu", "/cg")


@pytest.fixture
def v1(tmp_path: Path) -> Place:
    """Controllers with a hierarchy each; the one of pids may not be written to."""
    for name in ("memory", "cpu", "pids"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    return Place("v1", {name: str(tmp_path / name) for name in ("memory", "cpu")})


def files(*paths: str) -> None:
    """Make the files that the kernel would."""
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()


def test_a_place_in_version_1(tmp_path: Path) -> None:
    """Our own position, or the mount where the position cannot be seen."""
    files(f"{tmp_path}/memory/job/1/cgroup.procs", f"{tmp_path}/cpu/cgroup.procs")
    mounts = mountinfo((f"{tmp_path}/memory", "cgroup", "memory"), (f"{tmp_path}/cpu", "cgroup", "cpu,cpuacct"))
    place = find(V1_OWN, mounts)
    assert place == Place("v1", {"memory": f"{tmp_path}/memory/job/1", "cpu": f"{tmp_path}/cpu"})
    assert place.carries == {"memory", "cpu"}


def test_a_place_in_version_2(tmp_path: Path) -> None:
    """Only with controllers to hand on; our own leaf is not the place but in it."""
    scope = tmp_path / "user.slice" / "hodei.scope"
    files(f"{scope}/cgroup.procs", f"{scope}/supervisor/cgroup.procs")
    mounts = mountinfo((str(tmp_path), "cgroup2", ""))
    (scope / "cgroup.controllers").write_text("")
    assert find(V2_OWN, mounts).carries == frozenset()
    (scope / "cgroup.controllers").write_text("cpu io memory pids\n")
    for own in (V2_OWN, "0::/user.slice/hodei.scope/supervisor\n"):
        place = find(own, mounts)
        assert place == Place("v2", {"unified": str(scope)})
        assert place.carries == {"memory", "cpu", "pids"}


def test_nowhere() -> None:
    """No groups, no promise."""
    assert find("", "").carries == frozenset()
    groups = Groups(Place("v1", {}), "hodei-x", ())
    assert groups.make("w", {"memory": 1}) == {}
    assert groups.carries == frozenset()


def test_limits_in_version_1(v1: Place, tmp_path: Path) -> None:
    """A directory per controller that is needed; what no controller carries is left out."""
    groups = Groups(v1, "hodei-x", ())
    assert groups.carries == {"memory", "cpu"}
    memory, cpu = f"{tmp_path}/memory/hodei-x/w", f"{tmp_path}/cpu/hodei-x/w"
    files(f"{memory}/memory.limit_in_bytes", f"{cpu}/cpu.cfs_period_us", f"{cpu}/cpu.cfs_quota_us")
    made = groups.make("w", {"memory": 1 << 20, "cpu": cgroup.quota(250), "pids": 5})
    assert made == {"memory": memory, "cpu": cpu}
    assert Path(memory, "memory.limit_in_bytes").read_text() == "1048576"
    assert Path(cpu, "cpu.cfs_quota_us").read_text() == "25000"
    assert cgroup.entries(made) == (f"{cpu}/cgroup.procs", f"{memory}/cgroup.procs")
    assert groups.make("plain", {}) == {}


def test_a_limit_that_cannot_be_set_is_an_error(v1: Place) -> None:
    """Promised is promised."""
    with pytest.raises(OSError, match=r"memory\.limit_in_bytes"):
        Groups(v1, "hodei-x", ()).make("w", {"memory": 1})


@pytest.fixture
def v2(tmp_path: Path) -> Place:
    """A delegated scope with nobody but us in it."""
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    files(f"{tmp_path}/cgroup.subtree_control", f"{tmp_path}/supervisor/cgroup.procs")
    return Place("v2", {"unified": str(tmp_path)})


def test_limits_in_version_2(v2: Place, tmp_path: Path) -> None:
    """We move to a leaf, hand on the controllers, and each worker has a group, limited or not."""
    groups = Groups(v2, "hodei-x", (os.getpid(),))
    assert (tmp_path / "supervisor" / "cgroup.procs").read_text() == str(os.getpid())
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    own = tmp_path / "worker-w"
    files(*(f"{own}/{name}" for name in ("memory.max", "cpu.max", "pids.max")))
    assert groups.make("w", {"memory": 5, "cpu": 1000, "pids": 9}) == {"unified": str(own)}
    assert [Path(own, name).read_text() for name in ("memory.max", "cpu.max", "pids.max")] == ["5", "1000 100000", "9"]
    assert groups.make("plain", {}) == {"unified": str(tmp_path / "worker-plain")}
    groups.close()


def test_a_scope_with_others_in_it_is_not_ours(v2: Place, tmp_path: Path) -> None:
    """Then there are no limits, and we leave it as it is."""
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n1\n")
    groups = Groups(v2, "hodei-x", (os.getpid(),))
    assert groups.carries == frozenset()
    assert groups.make("w", {"memory": 5}) == {}


@pytest.mark.parametrize(("key", "file"), [("unified", "memory.events"), ("memory", "memory.oom_control")])
def test_who_was_killed_for_memory(tmp_path: Path, key: str, file: str) -> None:
    """Both versions count."""
    assert cgroup.oom_kills({key: str(tmp_path)}) == 0
    (tmp_path / file).write_text("low 0\noom_kill 2\n")
    assert cgroup.oom_kills({key: str(tmp_path)}) == 2
    assert cgroup.oom_kills({}) == 0


def test_members_killing_and_removing(tmp_path: Path) -> None:
    """What is gone already is fine."""
    group = tmp_path / "g"
    files(f"{group}/cgroup.procs", f"{group}/cgroup.kill")
    (group / "cgroup.procs").write_text("7\n8\n")
    assert cgroup.pids({"unified": str(group)}) == [7, 8]
    assert cgroup.pids({}) == []
    cgroup.kill({"unified": str(group)})
    assert (group / "cgroup.kill").read_text() == "1"
    cgroup.kill({"unified": str(tmp_path / "gone")})
    cgroup.remove({"unified": str(group)})
    assert group.exists()
    cgroup.remove({"unified": str(tmp_path / "gone")})


def test_close_takes_empty_groups_along(v1: Place, tmp_path: Path) -> None:
    """One whose processes were slow to go, too."""
    groups = Groups(v1, "hodei-x", ())
    (tmp_path / "memory" / "hodei-x" / "late").mkdir(parents=True)
    groups.close()
    assert not (tmp_path / "memory" / "hodei-x").exists()


def test_quota() -> None:
    """The kernel takes no less than a millisecond."""
    assert (cgroup.quota(1), cgroup.quota(500), cgroup.quota(2000)) == (1000, 50_000, 200_000)


def test_what_held_the_groups_of_an_owner_of_before_goes_with_the_last(v1: Place) -> None:
    """Its own base stays, and so does another that still holds a group."""
    groups = Groups(v1, "new", ())
    before = {name: os.path.join(root, "old", "worker") for name, root in v1.roots.items()}
    now = {name: os.path.join(root, "new", "worker") for name, root in v1.roots.items()}
    for directory in (*before.values(), *now.values(), os.path.join(v1.roots["cpu"], "old", "other")):
        os.makedirs(directory)
    groups.drop(now)
    groups.drop(before)
    assert os.path.isdir(os.path.join(v1.roots["memory"], "new"))
    assert not os.path.exists(os.path.join(v1.roots["memory"], "old"))
    assert os.listdir(os.path.join(v1.roots["cpu"], "old")) == ["other"]

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.durable.place import judged, problem_of_place

MOUNTS = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:25 / /dev/shm rw - tmpfs tmpfs rw
31 27 0:26 / /home rw - ext4 /dev/vdb rw
32 31 0:40 / /home/ana/share rw - nfs4 nas:/ana rw
33 31 0:41 / /home/ana/my\040disk rw shared:7 master:1 - fuse.sshfs ana@x:/ rw
34 27 254:0 /var/lib/kubelet/pods/9f/volumes/kubernetes.io~empty-dir/scratch /scratch rw - ext4 /dev/vda rw
35 27 254:0 /tmp/awx_12_ab /runner rw - ext4 /dev/vda rw
36 27 254:9 / /data rw - xfs /dev/vdc rw
37 36 0:50 / /data rw - tmpfs tmpfs rw
38 27 0:51 / /cloud rw - 9p drvfs rw
39 27 0:52 / /var/lib/docker/volumes/x rw - btrfs /dev/vdd rw
"""
CONTAINER = "20 1 0:99 / / rw - overlay overlay rw,lowerdir=/a\n21 20 254:0 /var/lib/docker/volumes/s/_data /state rw - ext4 /dev/vda rw"


@pytest.mark.parametrize(
    "path",
    [
        "/home/ana/.local/state/hodei/ci",
        "/var/lib/hodei/ci",
        "/home/ana/shared/ci",
        "/root/x",
        "/temporary/ci",
        "/runner2/ci",
    ],
)
def test_places_that_stay(path: str) -> None:
    assert not judged(path, MOUNTS, {})


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/home/ana/share/ci", "network file system (nfs4 at /home/ana/share)"),
        ("/home/ana/my disk/ci", "network file system (fuse.sshfs"),
        ("/cloud/ci", "network file system (9p"),
        ("/dev/shm/ci", "in memory (tmpfs"),
        ("/data/ci", "in memory (tmpfs"),
        ("/scratch/ci", "emptyDir"),
        ("/tmp/ci", "under /tmp, which the system cleans"),
        ("/var/tmp/ci", "under /var/tmp"),
        ("/runner/project/ci", "under /tmp"),
    ],
)
def test_places_that_vanish_or_cannot_be_locked(path: str, words: str) -> None:
    assert words in judged(path, MOUNTS, {})


def test_layer_of_a_container_is_refused_and_its_volume_is_not() -> None:
    assert "layer of a container" in judged("/root/.local/state/hodei/ci", CONTAINER, {})
    assert not judged("/state/ci", CONTAINER, {})


def test_root_of_a_container_is_refused_on_any_file_system() -> None:
    assert judged("/root/ci", MOUNTS, {}, container=True)
    assert not judged("/home/ana/ci", MOUNTS, {}, container=True)


@pytest.mark.parametrize("name", ["GITHUB_WORKSPACE", "RUNNER_TEMP", "CI_PROJECT_DIR", "TMPDIR"])
def test_directories_of_one_job_are_refused(name: str) -> None:
    assert f"${name}" in judged("/home/ana/builds/1/state", MOUNTS, {name: "/home/ana/builds/1"})
    assert not judged("/home/ana/builds/11", MOUNTS, {name: "/home/ana/builds/1"})


def test_without_mountinfo_names_decide() -> None:
    assert judged("/private/var/folders/ab/ci", "", {})
    assert not judged("/Users/ana/.local/state/hodei/ci", "", {})


def test_links_are_followed_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/shm")
    problem = problem_of_place(tmp_path / "link" / "not-there-yet")
    assert problem is not None
    assert "/dev/shm/not-there-yet" in problem.message
    assert "allow_ephemeral" in problem.hint

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo PROVIDER=docker`: the same story as with processes, told by containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

pytestmark = pytest.mark.xdist_group("docker")
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo" / "demo.py"


def demo(place: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it; what it leaves in its place for temporary files is seen there."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "DOCKER_HOST": url, "TMPDIR": str(place), "PATH": path}
    command = [sys.executable, str(DEMO), "--provider", "docker", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.timeout(600)
def test_the_same_story(shared_testbed: Testbed, tmp_path: Path) -> None:
    """From the first plan to the last delete; nothing is left, neither on this machine nor on the Engine."""
    engine = shared_testbed.need("docker")
    ours = {"label": "hodei.owner=ci-demo"}
    told = demo(tmp_path, engine.url, "--image", engine.image)
    assert told.returncode == 0, told.stdout + told.stderr
    for text in (
        "6 jobs sent to the queue, 6 done by",
        "runner-2 has LOG_LEVEL=info and a note for runner-2",
        "Without the token: HTTP 401",
        "The workers are the same as before, and have the new one.",
        "$ docker kill",
        "killed by SIGKILL",
        "was replaced when its job had come to its end: 'last line'",
        "worker.jobs is container",
        "no container and no file was left behind",
    ):
        assert text in told.stdout
    assert not engine.api.containers(all=True, filters=ours)
    assert not engine.api.volumes(filters=ours)["Volumes"]
    assert not engine.api.networks(filters=ours)
    assert not [one for one in tmp_path.iterdir() if one.name.startswith("hodei")]


def test_without_an_engine(tmp_path: Path) -> None:
    """One line: where it was looked for, and what helps."""
    told = demo(tmp_path, f"unix://{tmp_path}/none.sock")
    assert told.returncode == 1
    (line,) = told.stderr.strip().splitlines()
    assert f"the Docker Engine at unix://{tmp_path}/none.sock (from DOCKER_HOST) cannot be reached" in line
    assert "Is it running? Name another by `url`, `socket`, `context` or DOCKER_HOST." in line
    assert not list(tmp_path.iterdir())

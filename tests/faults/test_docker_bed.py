# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's own Engine: what a killed run leaves of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.testbed.dockerd import remove_left
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

pytestmark = pytest.mark.xdist_group("docker")
USER = """
import sys, time
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed import resources
engine = Testbed().need("docker")
host = engine.api.create_host_config(init=True)
made = engine.api.create_container(engine.image, ["sleep", "600"], host_config=host)
engine.api.start(made["Id"])
print(engine.url, made["Id"], flush=True)
time.sleep(600)
"""


def test_a_killed_run_leaves_nothing(shared_testbed: Any) -> None:
    """No process, no mount; the directory goes with the next Engine."""
    shared_testbed.need("docker")  # or why there is none
    environ = {name: value for name, value in os.environ.items() if name != "HODEI_TEST_DOCKER"}
    user = subprocess.Popen([sys.executable, "-c", USER], stdout=subprocess.PIPE, text=True, env=environ)
    assert user.stdout is not None
    url, container = user.stdout.readline().split()
    place = Path(url.removeprefix("unix://")).parent
    assert concerned(place.name)
    user.send_signal(signal.SIGKILL)
    user.wait(60)
    wait_for(lambda: not concerned(place.name), "its processes to be gone")
    assert container not in Path("/proc/self/mountinfo").read_text()
    remove_left()
    assert not place.exists()
    assert not [*Path("/sys/fs/cgroup").glob(f"*/{place.name}")]


def concerned(name: str) -> list[str]:
    """Return the processes that a directory's name leads to, and those in its control groups: the containers."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "cgroup").read_bytes()
        except OSError:
            continue
        if name.encode() in told:
            found.append(process.name)
    return found

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person who takes one of the fleets of examples/ and tries it with the stand-in of its service."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Site
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Example(Site):
    """A copy of an example beside the state; ``extra`` is what `-e` gives to every run."""

    def __init__(self, *, name: str, port: int, owner: str) -> None:
        super().__init__(owner=owner)
        self.directory = self.place / "examples" / name
        self.port = port
        self.extra: dict[str, Any] = {"service_port": port, "hodei_backend": {"allow_ephemeral": True}}
        shutil.copytree(EXAMPLES / name, self.directory)
        shutil.copy(EXAMPLES / "stand_in.py", self.directory.parent)

    def command(self, playbook: str | Path, *options: str) -> list[str]:
        """Run with the two inventories of the example, not with that of a Site."""
        program, _i, _inventory, name, *rest = super().command(playbook, *options)
        inventories = [str(self.directory / each) for each in ("inventory.yml", "stand-in.yml")]
        return [program, "-i", inventories[0], "-i", inventories[1], "-e", json.dumps(self.extra), name, *rest]

    def call(self, path: str, body: Any = None) -> Any:
        """Ask the stand-in."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=10) as answer:
            return json.load(answer)

    def jobs(self) -> dict[str, dict[str, Any]]:
        """Return the jobs by name."""
        return {job["name"]: job for job in self.call("/stand-in/jobs")["jobs"]}

    def queue(self, name: str, script: str) -> None:
        """Give the service a job."""
        self.call("/stand-in/jobs", {"name": name, "script": script})

    def until_job(self, name: str, *states: str) -> dict[str, Any]:
        """Wait until a job is in one of these states."""
        wait_for(lambda: self.jobs()[name]["state"] in states, f"job {name} to be {' or '.join(states)}")
        return self.jobs()[name]

    def runners(self) -> dict[str, int]:
        """Return the processes of the runners: without the service."""
        return {name: pid for name, pid in self.pids().items() if name != "service"}

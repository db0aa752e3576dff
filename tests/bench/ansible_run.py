# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the bench play in a directory of its own and reads the times of its tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent.parent / ".venv" / "peers"


class Bed:
    """A fleet called `bench` with its state below one directory; pipelining on, as people who measure have it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "ansible.cfg").write_text("[defaults]\n")
        (directory / "inventory.yml").write_text(
            "all:\n  hosts:\n    localhost:\n      ansible_connection: local\n"
            '      ansible_python_interpreter: \'{{ lookup("env", "BENCH_PYTHON") }}\'\n'
            "  vars:\n    hodei_owner: bench\n    hodei_backend: {allow_ephemeral: true}\n"
        )

    def run(
        self, tags: str, extra: dict[str, Any], python: str = sys.executable, play: Path = HERE / "play.yml"
    ) -> dict[str, float]:
        """Run the tasks of some tags of a play; returns seconds by task name. Raises RuntimeError with the output when it fails."""
        times, variables = self.directory / "times.json", self.directory / "extra.json"
        variables.write_text(json.dumps(extra))
        command = ["ansible-playbook", "-i", str(self.directory / "inventory.yml"), str(play)]
        ended = subprocess.run(
            [*command, "--tags", tags, "-e", f"@{variables}"],
            env=self._environment(times, python),
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise RuntimeError(ended.stdout + ended.stderr)
        return {one["task"].lower(): one["seconds"] for one in json.loads(times.read_text())}

    def _environment(self, times: Path, python: str) -> dict[str, str]:
        ours = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
        return {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([ours, *map(str, PEERS.glob("lib/python3*/site-packages"))]),
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_LIBRARY": str(HERE / "library"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_times",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "tmp"),
            "BENCH_PYTHON": python,
            "HODEI_STATE_DIR": str(self.directory / "state"),
            "HODEI_TASK_TIMES": str(times),
        }

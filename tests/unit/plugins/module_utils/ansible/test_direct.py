# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module is run where the collection lies only when that changes nothing but the time it takes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible import direct

HERE: dict[str, Any] = {
    "transport": "local", "become": False, "wrapped": False, "environment": False, "interpreter": sys.executable,
    "keep_files": False,
}  # fmt: skip


def test_a_task_on_the_controller() -> None:
    assert direct.is_possible(**HERE)


@pytest.mark.parametrize(
    "other",
    [
        {"transport": "ssh"},
        {"become": True},
        {"wrapped": True},
        {"environment": True},
        {"interpreter": "/usr/bin/python3.99"},
        {"interpreter": None},
        {"keep_files": True},
    ],
    ids=str,
)
def test_another_user_machine_interpreter_or_environment(other: dict[str, Any]) -> None:
    assert not direct.is_possible(**(HERE | other))


def test_the_same_module_and_nothing_of_the_current_directory(tmp_path: Path) -> None:
    """Neither a json.py of the user nor an ansible_collections package of the interpreter gets in its way."""
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    package = tmp_path / "site" / "ansible_collections" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("")
    args = {"owner": "a quote's owner", "_payload": "{}"}
    done = subprocess.run(
        direct.command("hodei.workers.fleet_info"),
        shell=True,
        cwd=tmp_path,
        input=direct.arguments(args),
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["failed"]
    assert "a quote's owner" in result["msg"]


def test_nothing_of_the_task_is_in_the_command_line() -> None:
    words = shlex.split(direct.command("hodei.workers.fleet"))
    assert words[-1] == "ansible_collections.hodei.workers.plugins.modules.fleet"
    assert Path(words[-2], "hodei", "workers", "galaxy.yml").exists()

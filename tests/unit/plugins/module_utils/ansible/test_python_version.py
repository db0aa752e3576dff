# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interpreter that is too old is told so, in words that even it can read."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible import python_version as room

DOOR = Path(str(room.__file__))


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (4, 0)])
def test_new_enough(version: tuple[int, int]) -> None:
    assert room.too_old(version, "/usr/bin/python3") == ""


def test_too_old() -> None:
    message = room.too_old((3, 9), "/usr/bin/python3")
    assert message.startswith(
        "hodei.workers needs Python 3.11 or later where its modules run, and /usr/bin/python3 is 3.9."
    )
    assert "Set ansible_python_interpreter to a newer one" in message
    assert '"{{ ansible_playbook_python }}"' in message


def test_the_oldest_python_that_ansible_has_can_read_it() -> None:
    ast.parse(DOOR.read_text(), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("controller", "code"), [("", 1), ("import types; sys.modules['ansible.plugins'] = types.ModuleType('x')", 7)]
)
def test_a_module_ends_as_modules_do_and_the_controller_fails_the_import(controller: str, code: int) -> None:
    program = f"""
import sys
{controller}
sys.version_info = (3, 10, 1)
try:
    exec(open({str(DOOR)!r}).read())
except ImportError as error:
    print(error)
    sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    said = json.loads(done.stdout)["msg"] if code == 1 else done.stdout
    assert "is 3.10" in said

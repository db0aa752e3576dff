# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor without rights, as most users have it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: All that the scenarios import, and nothing that needs more than the standard library.
NEEDED = (
    "plugins/module_utils/model",
    "plugins/module_utils/providers",
    "tests/conformance/providers/rigs.py",
    "tests/faults/plain_user_scenarios.py",
    "tests/testbed/wait.py",
)
#: Whether this Python is new enough, and can be found by its own name again.
CAN_RUN = "import os, sys; sys.exit(sys.version_info < (3, 11) or not os.access(sys.executable, os.X_OK))"
PREFIX = "ansible_collections/hodei/workers"


def python_of(user: pwd.struct_passwd) -> str:
    """Return a Python that another user may run: our own may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        words = [*become(user), python, "-c", CAN_RUN]
        if os.path.exists(python) and subprocess.run(words, capture_output=True, check=False, cwd="/").returncode == 0:
            return python
    pytest.skip("no Python 3.11 on this machine may be run by another user")


def become(user: pwd.struct_passwd) -> list[str]:
    """Return the command that runs another as a user (util-linux)."""
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that another user can read; pytest closes its own ones at each start."""
    with tempfile.TemporaryDirectory(prefix="hodei-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.mark.parametrize("scenario", ["life", "limits"])
def test_without_rights(place: Path, testbed: Any, scenario: str) -> None:
    """Each scenario as another user where we are root, else as ourselves."""
    own = place / "own"
    own.mkdir()
    words = [sys.executable]
    if os.geteuid() == 0:
        user = testbed.need("second_user")
        os.chown(own, user.pw_uid, user.pw_gid)
        words = [*become(user), python_of(user)]
    for name in NEEDED:
        source, target = ROOT / name, place / PREFIX / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    module = f"{PREFIX}/tests/faults/plain_user_scenarios".replace("/", ".")
    code = f"import sys; sys.path.insert(0, {str(place)!r}); from {module} import {scenario}; {scenario}({str(own)!r})"
    done = subprocess.run(
        [*words, "-I", "-B", "-c", code], capture_output=True, text=True, check=False, timeout=100, cwd="/"
    )
    assert done.returncode == 0, done.stderr

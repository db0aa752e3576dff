# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a piece of a test as another user without rights where we are root, else as ourselves."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "ansible_collections/hodei/workers"
#: Whether this Python is new enough, and can be found by its own name again.
CAN_RUN = "import os, sys; sys.exit(sys.version_info < (3, 11) or not os.access(sys.executable, os.X_OK))"


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


def run_plainly(place: Path, testbed: Any, needed: Iterable[str], module: str, scenario: str) -> None:
    """Copy what a scenario imports to a place that everybody can read, and call it there with a directory of its own.

    ``needed`` are paths in this tree that need nothing but the standard library; ``module`` is one of tests/faults.
    """
    own = place / "own"
    own.mkdir()
    words = [sys.executable]
    if os.geteuid() == 0:
        user = testbed.need("second_user")
        os.chown(own, user.pw_uid, user.pw_gid)
        words = [*become(user), python_of(user)]
    for name in (*needed, f"tests/faults/{module}.py"):
        source, target = ROOT / name, place / PREFIX / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    full = f"{PREFIX}/tests/faults/{module}".replace("/", ".")
    code = f"import sys; sys.path.insert(0, {str(place)!r}); from {full} import {scenario}; {scenario}({str(own)!r})"
    done = subprocess.run(
        [*words, "-I", "-B", "-c", code], capture_output=True, text=True, check=False, timeout=100, cwd="/"
    )
    assert done.returncode == 0, done.stderr

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python our environments are built with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "python"


def test_an_environment_that_is_active_is_never_built_from_itself(tmp_path: Path) -> None:
    """``. tools/env; make venv`` after the lock has changed deletes the environment that ``python3`` is in."""
    active = tmp_path / "active"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", active], check=True)
    environ = {**os.environ, "PATH": f"{active}/bin{os.pathsep}{os.environ['PATH']}"}
    environ.pop("PYTHON", None)
    told = subprocess.run([SCRIPT], env=environ, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(told).is_file()
    assert not Path(told).is_relative_to(active)


def test_the_one_that_is_named_wins() -> None:
    """Over the distribution's, too."""
    named = {**os.environ, "PYTHON": sys.executable}
    told = subprocess.run([SCRIPT], env=named, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(told).resolve() == Path(sys._base_executable).resolve()  # type: ignore[attr-defined]

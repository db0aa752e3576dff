# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Resolve requirements/*.in into lock files with hashes, valid for every supported Python (`make lock`).

Name the ones to resolve, or none for all: `python tools/lock.py dev run`. No index address is written.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
UV = Path(sys.executable).with_name("uv")
HEADER = "# Made by `make lock`; do not edit.\n"


def lock(name: str, oldest: str) -> None:
    command = [str(UV), "pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", oldest]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]
    if name == "dev":  # the tests run with what the demo runs with
        command += ["--constraint", str(REQUIREMENTS / "run.lock")]
    command += ["--upgrade", str(REQUIREMENTS / f"{name}.in")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "://" in text:
        sys.exit(f"{name}.lock would name an address; nothing was written")
    (REQUIREMENTS / f"{name}.lock").write_text(HEADER + text)
    print(f"{name}.lock: {text.count('==')} packages")


def main() -> None:
    names = sys.argv[1:] or sorted((path.stem for path in REQUIREMENTS.glob("*.in")), key=lambda name: name == "dev")
    for name in names:
        lock(name, oldest="3.11")


if __name__ == "__main__":
    main()

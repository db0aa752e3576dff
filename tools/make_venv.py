# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Build a virtual environment from a lock file, once: `python tools/make_venv.py LOCK DIRECTORY`.

Everything is pinned and hashed in the lock, so nothing is resolved here. The environment is built anew only when the
lock, the Python or the place changes. Several makes may ask at the same time: the first builds, the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

STAMP = "hodei-stamp"


def fingerprint(lock: Path, venv: Path) -> str:
    """What the environment depends on: the lock's content, this Python, and where the environment lies."""
    python = f"{sys.version}\n{os.path.realpath(sys.executable)}\n{venv}\n"
    return hashlib.sha256(python.encode() + lock.read_bytes()).hexdigest()


def build(lock: Path, venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, text=True, check=False)
    if made.returncode:
        hint = "On Debian and Ubuntu the part that is missing is usually: apt-get install python3-venv"
        sys.exit(f"{made.stdout}{made.stderr}\n{sys.executable} cannot build a virtual environment. {hint}")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    got = subprocess.run([*pip, "--require-hashes", "--no-deps", "--no-compile", "-r", str(lock)], check=False)
    if got.returncode:
        sys.exit(f"{lock.name} could not be installed into {venv}; pip's words are above.")


def main() -> None:
    lock, venv = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    venv.parent.mkdir(parents=True, exist_ok=True)
    with (venv.parent / f".{venv.name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        stamp, wanted = venv / STAMP, fingerprint(lock, venv)
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        print(f"building {venv.name} environment from {lock.name} ...", file=sys.stderr, flush=True)
        build(lock, venv)
        stamp.write_text(wanted)


if __name__ == "__main__":
    main()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that tests start: from the PATH, else installed by the machine's package manager where we may."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.hodei.workers.tests.testbed.bed import Unavailable
from ansible_collections.hodei.workers.tests.testbed.network import outside

#: Servers lie in sbin, which an ordinary user's PATH leaves out.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_INSTALL_SECONDS = 300

Run = Callable[[Sequence[str]], str]


def program(name: str, *, apt: str, cache: Path, run: Run | None = None, path: str | None = None) -> str:
    """Return the path of a program, installing its Debian package if need be. Raises Unavailable with what was tried."""
    where = os.pathsep.join([os.environ.get("PATH", "") if path is None else path, *(() if path else _SBIN)])
    found = shutil.which(name, path=where)
    if found is None:
        apt_install(apt, cache, run or _run, path)
        found = shutil.which(name, path=where)
    if found is None:
        raise Unavailable(f"the package {apt} has no program {name}", possible=True)
    return found


def apt_install(package: str, cache: Path, run: Run, path: str | None = None) -> None:
    """Install a Debian package as root; one process of a parallel run at a time. Raises Unavailable."""
    if os.geteuid() != 0 or shutil.which("apt-get", path=path) is None:
        raise Unavailable(f"{package} is not installed, and only root can with apt-get", possible=False)
    with open(cache / "apt.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["apt-get", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", package]
        problem = run(command)
        if problem:
            problem = run(["apt-get", "update"]) or run(command)
    if problem:
        raise Unavailable(f"{package} could not be installed: {problem}", possible=True)


def _run(command: Sequence[str]) -> str:
    """Run a command; return its last words if it failed, else nothing."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        with outside():
            done = subprocess.run(
                command, env=environ, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
    except subprocess.TimeoutExpired:
        return f"{command[0]} took more than {_INSTALL_SECONDS} s"
    last = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
    return last if done.returncode else ""

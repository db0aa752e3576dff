# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this machine has a file system in memory that we may write to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

_IN_MEMORY = ("tmpfs", "ramfs")


def places() -> tuple[str, ...]:
    """Return where to look, best first: whatever the environment says, so that everybody finds the same.

    From /dev/shm systemd deletes what belongs to a user whose last session ends (RemoveIPC in logind.conf(5)), root's and other
    system users' excepted: so root, who may give files to users, has another place first.
    """
    shared = "/dev/shm"  # noqa: S108 - what we make there has a name that nobody can foresee
    return ("/run", shared) if os.geteuid() == 0 else (shared, f"/run/user/{os.geteuid()}")


def find(candidates: Iterable[str]) -> str:
    """Return the first of some directories that is in memory and open to us; empty when there is none."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        mounts = [line.split(" ")[1:3] for line in file]
    return next((one for one in candidates if _is_in_memory(one, mounts) and os.access(one, os.W_OK | os.X_OK)), "")


def _is_in_memory(path: str, mounts: Sequence[Sequence[str]]) -> bool:
    """Tell what kind of file system a path is on: that of the deepest mount point above it, and of those the last."""
    real = os.path.realpath(path)
    above = [(len(point), kind) for point, kind in mounts if f"{real}/".startswith(f"{point.rstrip('/')}/")]
    deepest = max((length for length, _unused in above), default=0)
    return [kind for length, kind in above if length == deepest][-1:] in ([one] for one in _IN_MEMORY)

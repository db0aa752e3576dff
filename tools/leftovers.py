# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Find the processes that a run left behind: they carry a variable of that run in their environment (Linux only)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

LINGER = 15.0  # seconds that a supervisor may take to see that it has no workers left


def marked(mark: str) -> list[int]:
    """The ids of the living processes, but this one, whose environment has the entry `mark` (NAME=value)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = mark.encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if inside and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def end(mark: str, linger: float = LINGER) -> list[str]:
    """Wait for what is about to leave, kill what stays, and return one line for each that had to be killed."""
    until = time.monotonic() + linger
    while (left := marked(mark)) and time.monotonic() < until:
        time.sleep(0.25)
    lines = []
    for pid in left:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
        lines.append(f"left behind: process {pid}: {command}")
    return lines

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Run one gate: `python tools/gate.py NAME COMMAND...`. One line when it is good, everything it said when it is not."""

from __future__ import annotations

import subprocess
import sys
import time


def main() -> int:
    name, *command = sys.argv[1:]
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    seconds = f"{time.monotonic() - started:.0f} s"
    if done.returncode == 0:
        print(f"ok      {name:<20} {seconds:>6}", flush=True)
    else:
        report = f"FAILED  {name:<20} {seconds:>6}   (alone: make {name})\n{done.stdout.rstrip()}\n"
        print("".join(f"{line}\n" for line in report.splitlines()), end="", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

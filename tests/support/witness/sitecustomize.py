# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded by every Python of a run whose PYTHONPATH has this directory: writes down what a bystander could have seen.

That is what programs were started with, what was logged to syslog, and what was in files that are deleted. To look at the process list
every now and then would miss most of it.
"""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from typing import Any

PLACE = os.environ.get("HODEI_TEST_WITNESS", "")
CRASH = os.environ.get("HODEI_TEST_CRASH", "")
STARTED = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "syslog.syslog")


def note(what: str, *seen: Any) -> None:
    """Append to what this process has seen."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    file = os.open(os.path.join(PLACE, f"{what}-{os.getpid()}"), flags, 0o600)
    os.write(file, f"{seen!r}\n".encode(errors="surrogateescape"))
    os.close(file)


def keep(path: Any, directory: int) -> None:
    """Keep a file that is being removed, by another name."""
    name = os.fsdecode(path)
    if directory >= 0:
        name = os.path.join(f"/proc/self/fd/{directory}", name)
    with suppress(OSError):  # no file, or one of another file system, such as a tmpfs
        os.link(name, os.path.join(PLACE, f"deleted-{os.getpid()}-{os.urandom(4).hex()}"))


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Be told by Python of what happens."""
    if event == "os.remove":
        keep(*arguments)
    elif event in STARTED:
        note(event, *arguments)
    elif CRASH and event == "sqlite3.connect" and "secrets.db" in str(arguments[0]):
        crash()


def crash() -> None:
    """End as a bug would end it: with a value in locals and in the error's text, or with a core."""
    if CRASH == "abort":
        os.abort()
    value = codecs.decode(CRASH, "rot13")
    raise RuntimeError(f"the value is {value}")


if PLACE:
    note("begun", sys.argv, sys.orig_argv, dict(os.environ))
    sys.addaudithook(watch)

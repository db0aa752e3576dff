# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's process: one per owner. What is heavy is imported after the forker has split off."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from typing import Any

from . import prctl
from .dirs import open_directories, open_owner
from .forker import Forker
from .wire import LOCK_NAME

_LONGEST_LOG = 1 << 20
#: A second supervisor ends with this code.
TAKEN = 3


def read_options(arguments: list[str]) -> dict[str, Any]:
    """Read the command line: a JSON object as providers/process/launch.py writes it, then what a predecessor appends."""
    options: dict[str, Any] = {"lock": -1, **json.loads(arguments[0])}
    if arguments[1:2] == ["--lock-fd"]:
        options["lock"] = int(arguments[2])
    options["detach"] = arguments[1:] == ["--detach"]
    return options


def take_lock(directory: int, inherited: int) -> int:
    """Become the owner's only supervisor; -1 when there is one already."""
    if inherited >= 0:
        os.set_inheritable(inherited, False)
        return inherited
    while True:
        fd = os.open(LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return -1
        if _is_in_place(fd, directory):
            return fd
        # The supervisor before us has removed the file that we have locked: take the new one.
        os.close(fd)


def _is_in_place(fd: int, directory: int) -> bool:
    try:
        return os.stat(LOCK_NAME, dir_fd=directory).st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def main() -> int:
    """Run a supervisor, in the background with ``--detach``; 0 when it has left in order, TAKEN when there is one already."""
    options = read_options(sys.argv[1:])
    if options["detach"] and os.fork():
        return 0
    os.chdir("/")
    os.umask(0o077)
    prctl.set_name("hodei-process")
    owner = open_owner(options["directory"])
    lock = take_lock(owner, options["lock"])
    if lock < 0:
        return TAKEN
    if os.fstat(2).st_size > _LONGEST_LOG:
        os.ftruncate(2, 0)
    prctl.become_subreaper()
    prctl.forbid_dumps()
    directories = open_directories(options["directory"], owner)
    forker = Forker()
    forker.start()
    from .service import serve

    serve(options, directories, lock, forker)
    return 0

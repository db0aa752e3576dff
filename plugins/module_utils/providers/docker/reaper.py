# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reaper: a small process that looks after containers between two runs, as long as one of them needs it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from typing import Any

from ...model.errors import HodeiError, Kind

LOCK, LOG = "lock", "reaper.log"
#: A second reaper ends with this code.
TAKEN = 3
_LINGER, _PAUSE, _PATIENCE = 2.0, 1.0, 60.0
#: Whoever looks whether there is one has the lock for less than that.
_LOOK, _LOOKS = 0.01, 10
_LONGEST_LOG = 1 << 20


def take_lock(directory: str) -> int | None:
    """Become the only reaper of a directory, which is to ``sign`` then; None when there is one."""
    lock = os.open(os.path.join(directory, LOCK), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    for _unused in range(_LOOKS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK)
        else:
            os.ftruncate(lock, 0)
            return lock
    os.close(lock)
    return None


def sign(lock: int, pid: int, stamp: str) -> None:
    """Write who has a lock, and by which code and options it goes."""
    os.pwrite(lock, f"{pid} {stamp}".encode(), 0)


def main(arguments: list[str]) -> int:
    """Run a reaper in the background; 0 when it runs, TAKEN when there is one."""
    options: dict[str, Any] = json.loads(arguments[0])
    if os.fstat(2).st_size > _LONGEST_LOG:
        os.ftruncate(2, 0)
    lock = take_lock(options["directory"])
    if lock is None:
        return TAKEN
    pid = os.fork()
    if pid:
        sign(lock, pid, options["stamp"])  # whoever has started us finds us
        return 0
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_unused: os._exit(0))  # containers go on, and the next run starts another
    while lock is not None:
        needed = _keep(options)
        os.close(lock)
        # Whoever has made a container since we looked found the lock taken, and relies on us.
        if not needed or not _is_needed(options):
            return 0
        lock = take_lock(options["directory"])
        if lock is not None:
            sign(lock, os.getpid(), options["stamp"])
    return TAKEN


def _provider(options: dict[str, Any]) -> Any:
    from .provider import DockerProvider

    return DockerProvider(options["provider"], options["config"], options["owner"])


def _keep(options: dict[str, Any]) -> bool:
    """Look after the containers; False when nobody is to be expected any more: the Engine is gone, or our directory."""
    from .changes import Changes

    heard = time.monotonic()
    while time.monotonic() - heard < _PATIENCE and os.path.isdir(options["directory"]):
        provider = _provider(options)
        try:
            with Changes(provider.engine, options["owner"]) as changes:
                try:
                    if provider.keeper.keep(changes, _LINGER):
                        return True
                finally:
                    heard = time.monotonic()
        except HodeiError as error:
            if error.kind is not Kind.NETWORK:
                sys.stderr.write(f"{error}\n")
        finally:
            provider.close()
        time.sleep(_PAUSE)
    return False


def _is_needed(options: dict[str, Any]) -> bool:
    provider = _provider(options)
    try:
        return bool(provider.keeper.is_needed())
    except HodeiError:
        return False
    finally:
        provider.close()

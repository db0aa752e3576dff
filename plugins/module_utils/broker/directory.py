# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The private directory that socket and locks lie in."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..model.errors import HodeiError, Kind

_POLL = 0.005


class PrivateDirectory:
    """An open directory that belongs to this user and that nobody else can enter.

    All that lies in it is reached through its descriptor, so that nobody can put another one in its place, and the path may be
    longer than the 107 bytes that a socket's address has room for.
    """

    def __init__(self, path: str) -> None:
        """Raises HodeiError(configuration)."""
        try:
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _unusable(path, error.strerror or "it cannot be opened") from None
        found = os.fstat(self.fd)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            os.close(self.fd)
            why = f"it belongs to user {found.st_uid} and has mode {stat.S_IMODE(found.st_mode):04o}"
            raise _unusable(path, why)

    def address(self, name: str) -> str:
        """Return the address of a socket in it."""
        return f"/proc/self/fd/{self.fd}/{name}"

    def remove(self, name: str) -> None:
        """Remove what is called so."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.fd)

    @contextmanager
    def locked(self, name: str, seconds: float) -> Iterator[bool]:
        """Hold a lock file; yields whether it could be had in that time."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o600, dir_fd=self.fd)
        try:
            yield _lock(file, time.monotonic() + seconds)
        finally:
            os.close(file)

    def close(self) -> None:
        """Close the directory."""
        os.close(self.fd)


def _lock(file: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        else:
            return True


def _unusable(path: str, why: str) -> HodeiError:
    return HodeiError(
        Kind.CONFIGURATION,
        f"the directory {path}, in which secrets are asked for, cannot be trusted: {why}",
        hint="Set local_tmp (ANSIBLE_LOCAL_TEMP) to a place on a local disk where this user may make directories (0700).",
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that belong to us while what is in them may belong to a worker, who may be hostile.

Everything goes through directory descriptors and never follows a link: a worker that plants one in its directory
cannot make root delete, own or write anything elsewhere.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from .wire import LOGS_DIR, RECORDS_DIR, WORKERS_DIR, RefusedError

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_directory(path: str, dir_fd: int | None = None) -> int:
    """Open a directory that is no link; raises OSError."""
    return os.open(path, _OPEN, dir_fd=dir_fd)


def ensure(name: str, mode: int, dir_fd: int | None = None) -> int:
    """Make a directory of ours if it is missing, and open it. ``mode`` holds whatever the umask says."""
    try:
        os.mkdir(name, mode, dir_fd=dir_fd)
    except FileExistsError:
        return open_directory(name, dir_fd)
    fd = open_directory(name, dir_fd)
    os.fchmod(fd, mode)
    return fd


def check_private(fd: int, path: str) -> None:
    """Refuse an owner directory that somebody else could have prepared."""
    found = os.fstat(fd)
    if found.st_uid != os.geteuid():
        raise RefusedError("configuration", f"{path} belongs to uid {found.st_uid}, not to this user", "Remove it.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise RefusedError("configuration", f"{path} may be written by others", f"Run: chmod go-w {path}")


def make_owned(name: str, dir_fd: int, uid: int, gid: int, mode: int = 0o700) -> int:
    """Make a directory for a worker, give it away by its descriptor, and open it; an existing one is left as it is."""
    try:
        os.mkdir(name, mode, dir_fd=dir_fd)
    except FileExistsError:
        return open_directory(name, dir_fd)
    fd = open_directory(name, dir_fd)
    try:
        if (uid, gid) != (os.geteuid(), os.getegid()):
            os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    except OSError:
        os.close(fd)
        raise
    return fd


def make_path(path: str, dir_fd: int, uid: int, gid: int, mode: int = 0o755) -> int:
    """Make a relative path of directories below a worker's own, component by component, and open the last one.

    Raises OSError when a component is a link: what lies behind it is not ours to write.
    """
    current = os.dup(dir_fd)
    for part in path.split("/"):
        try:
            following = make_owned(part, current, uid, gid, mode)
        finally:
            os.close(current)
        current = following
    return current


def remove_file(name: str, dir_fd: int) -> None:
    """Delete a file; a missing one is fine."""
    try:
        os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return


def exists(name: str, dir_fd: int) -> bool:
    """Tell whether something of that name is in a directory."""
    try:
        os.lstat(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    return True


def passable() -> int:
    """Return the mode of a directory on the way to a worker's own: root's workers may be other users."""
    return 0o711 if os.geteuid() == 0 else 0o700


class Directories(NamedTuple):
    """The owner's directory and what is in it, by descriptor; ``path`` is for messages and for environments."""

    path: str
    owner: int
    records: int
    workers: int
    logs: int


def open_owner(path: str) -> int:
    """Open, and make where missing, an owner's directory.

    Root's is open to be walked through, because a worker of another user lives below; what lies beside the workers is
    closed. Raises RefusedError when somebody else could have prepared the place.
    """
    owner = ensure(path, passable())
    check_private(owner, path)
    return owner


def open_directories(path: str, owner: int) -> Directories:
    """Open, and make where missing, what is in it; only by the one who holds the lock."""
    return Directories(
        path,
        owner,
        ensure(RECORDS_DIR, 0o700, owner),
        ensure(WORKERS_DIR, passable(), owner),
        ensure(LOGS_DIR, 0o700, owner),
    )

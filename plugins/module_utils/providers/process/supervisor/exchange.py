# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several files changed as one: all are written under other names first, and renamed when none can fail for want of room."""

from __future__ import annotations

import errno
import os
import stat

from .dirs import remove_file
from .failpoint import reach

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Exchange:
    """Files that wait to be renamed into their places, in the order in which they were prepared.

    Made to be used with ``with``: what was not committed is gone afterwards. The directories may be a worker's, who may be
    hostile: a new file is never one that was there, no link is followed, and owner and mode are set by descriptor.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str, str]] = []
        self._descriptors: list[int] = []

    def prepare(self, directory: int, name: str, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
        """Write a file under another name; ``directory`` stays the caller's until the exchange is over. Raises OSError."""
        if _is_directory(name, directory):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        temporary = self._free_name(directory)
        self._waiting.append((directory, temporary, name))
        write_new(temporary, directory, data, mode, owner)

    def prepare_link(self, directory: int, name: str, target: str) -> None:
        """Make a link under another name. Raises OSError."""
        if _is_directory(name, directory):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        temporary = self._free_name(directory)
        self._waiting.append((directory, temporary, name))
        os.symlink(target, temporary, dir_fd=directory)

    def _free_name(self, directory: int) -> str:
        """Name a draft; one of this name was left by somebody who was killed."""
        temporary = f".hodei-{len(self._waiting)}.new"
        remove_file(temporary, directory)
        return temporary

    def keep(self, descriptor: int) -> int:
        """Close a directory when the exchange is over."""
        self._descriptors.append(descriptor)
        return descriptor

    def commit(self) -> None:
        """Rename all. Raises OSError when somebody has put a directory in the way meanwhile."""
        while self._waiting:
            directory, temporary, name = self._waiting[0]
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            del self._waiting[0]
            reach("exchanging")

    def __enter__(self) -> Exchange:
        """Begin."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Remove what was not renamed."""
        for directory, temporary, _unused in self._waiting:
            try:
                remove_file(temporary, directory)
            except OSError:
                # Its name was taken by a directory of a worker's own making: there it may stay.
                continue
        for descriptor in self._descriptors:
            os.close(descriptor)


def write_new(name: str, directory: int, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write a file that was not there; owner and mode are set by descriptor. Raises OSError."""
    fd = os.open(name, _NEW, 0o600, dir_fd=directory)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if owner is not None and owner != (os.geteuid(), os.getegid()):
            os.fchown(fd, *owner)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _is_directory(name: str, directory: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False

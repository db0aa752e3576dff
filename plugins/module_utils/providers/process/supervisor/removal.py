# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting what a worker leaves, who may be hostile and still at work in it."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(name: str, dir_fd: int) -> None:
    """Delete what lies in a directory of ours and all in it; a missing one is fine, a link is unlinked and never entered.

    Each directory is taken back from its owner first, so that nothing is added meanwhile, and put beside the others, so that who
    has nested a thousand of them does not exhaust our stack, as with shutil.rmtree. Raises OSError.
    """
    names = [name]
    while names:
        each = names.pop()
        if not _is_directory(each, dir_fd):
            with suppress(FileNotFoundError):
                os.unlink(each, dir_fd=dir_fd)
            continue
        fd = _take_back(each, dir_fd)
        try:
            for inner in os.listdir(fd):
                if _is_directory(inner, fd):
                    os.close(_take_back(inner, fd))
                    names.append(f".{secrets.token_hex(8)}")
                    os.rename(inner, names[-1], src_dir_fd=fd, dst_dir_fd=dir_fd)
                else:
                    os.unlink(inner, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(each, dir_fd=dir_fd)


def _is_directory(name: str, dir_fd: int) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(name, dir_fd=dir_fd).st_mode)
    except FileNotFoundError:
        return False


def _take_back(name: str, dir_fd: int) -> int:
    """Open a directory, and let it be ours alone."""
    try:
        fd = os.open(name, _OPEN, dir_fd=dir_fd)
    except PermissionError:  # our own, whose mode keeps ourselves out
        os.chmod(name, 0o700, dir_fd=dir_fd)
        fd = os.open(name, _OPEN, dir_fd=dir_fd)
    if os.geteuid() == 0:
        os.fchown(fd, 0, 0)
    os.fchmod(fd, 0o700)
    return fd

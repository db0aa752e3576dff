# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory that gets another name while processes live that know it by the old one.

The directory and a link change places in one step, so that the old path never leads nowhere. The text of our links ends with
``/.``, which nobody types: that tells them from links that a user has made.
"""

from __future__ import annotations

import ctypes
import errno
import os

from ..model.errors import HodeiError, Kind

_OURS = "/."
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE (renameat2(2))
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL)


def successor(path: str) -> str:
    """Return the name that a link of ours leads to; empty where there is none."""
    try:
        text = os.readlink(path)
    except OSError:
        return ""
    name = text.removesuffix(_OURS)
    return name if name != text and "/" not in name else ""


def is_place(path: str) -> bool:
    """Tell whether something is there that is no link of ours."""
    return os.path.lexists(path) and not successor(path)


def relocate(old: str, new: str) -> None:
    """Give a directory another name beside its own, and leave a link; goes on where a run before was killed. Raises HodeiError."""
    try:
        if is_place(old):
            _put_link(new, new)
            _swap(old, new)
        elif is_place(new) and not os.path.lexists(old):
            _put_link(old, new)
    except OSError as error:
        raise _refused(old, new, error) from error


def former(path: str) -> list[str]:
    """Return our links that lead to a path in the end, also where nothing is there any more."""
    parent, name = os.path.split(path)
    try:
        links = {entry.name: successor(entry.path) for entry in os.scandir(parent) if entry.is_symlink()}
    except OSError:
        return []
    found, following = [], {name}
    while following:
        following = {one for one, target in links.items() if target in following and one not in found and one != name}
        found += sorted(following)
    return [os.path.join(parent, one) for one in found]


def drop(links: list[str]) -> None:
    """Delete links that nobody needs."""
    for link in links:
        os.unlink(link)


def _put_link(path: str, new: str) -> None:
    """Make a link to ``new``, in the place of one of ours: a run that was killed may have left it."""
    if successor(path):
        os.unlink(path)
    os.symlink(os.path.basename(new) + _OURS, path)


def _swap(old: str, new: str) -> None:
    """Let directory and link change places; where the file system cannot do that at once, one after the other."""
    if not _exchange(old, new):
        os.unlink(new)
        os.rename(old, new)
        _put_link(old, new)
    descriptor = os.open(os.path.dirname(new), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(old: str, new: str) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(_HERE, os.fsencode(old), _HERE, os.fsencode(new), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    os.unlink(new)
    raise OSError(number, os.strerror(number), old)


def _refused(old: str, new: str, error: OSError) -> HodeiError:
    if error.errno == errno.EEXIST:
        return HodeiError(
            Kind.CONFLICT,
            f"{old} cannot become {new}: there is something already",
            hint="One of the two has to go: look whose it is.",
        )
    hint = "Both have to lie on one file system, in a directory that this user can write."
    return HodeiError(Kind.CONFIGURATION, f"{old} cannot become {new}: {error.strerror}", hint=hint)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a worker runs as: users and groups of this machine."""

from __future__ import annotations

import grp
import os
import pwd
from typing import NamedTuple

from .wire import RefusedError


class Identity(NamedTuple):
    """Who a program runs as; None where nothing is to be changed."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def identity(user: str) -> Identity | None:
    """Read ``name``, ``uid``, ``name:group`` or ``uid:gid``; None for nobody in particular or for ourselves.

    Raises RefusedError when there is no such user or group, or when we may not become it.
    """
    if not user:
        return None
    name, _unused, group = user.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        uid, gid, groups = entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    except KeyError:
        if not name.isdigit():
            raise RefusedError("configuration", f"there is no user '{name}' on this machine", "Create it.") from None
        uid = gid = int(name)
        groups = (gid,)
    if group:
        try:
            gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
        except KeyError:
            raise RefusedError("configuration", f"there is no group '{group}' on this machine", "Create it.") from None
        groups = (gid,)
    if os.geteuid() == 0:
        return Identity(uid, gid, groups)
    if (uid, gid) == (os.geteuid(), os.getegid()):
        return None
    raise RefusedError(
        "authorization", f"only root can run a worker as '{user}'", "Converge as root, or leave user: out."
    )

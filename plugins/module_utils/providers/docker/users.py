# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a name is inside an image: read from its /etc/passwd and /etc/group as the Engine reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...model.errors import HodeiError, Kind

PASSWD, GROUP = "/etc/passwd", "/etc/group"


class Users(NamedTuple):
    """What the two files hold; empty where an image has none."""

    passwd: str = ""
    group: str = ""

    def identity(self, user: str) -> tuple[int, int]:
        """Return uid and gid of ``name``, ``uid``, ``name:group`` or ``uid:gid``; nobody in particular is root.

        Raises HodeiError(configuration) when the image knows no such name.
        """
        name, _unused, group = ("0" if user in ("", "root") else user).partition(":")
        entry = next((one for one in _entries(self.passwd, 4) if name in (one[0], one[2])), None)
        if entry is None and not name.isdigit():
            raise _unknown("user", name)
        uid, gid = (int(entry[2]), int(entry[3])) if entry else (int(name), 0)
        if not group:
            return uid, gid
        found = next((one for one in _entries(self.group, 3) if group in (one[0], one[2])), None)
        if found is None and not group.isdigit():
            raise _unknown("group", group)
        return uid, int(found[2] if found else group)


def needs_names(user: str) -> bool:
    """Tell whether the image's files say more of a user than it says itself."""
    name, colon, group = (user or "0:0").partition(":")
    return not (name.isdigit() and colon and group.isdigit()) and user not in ("0", "root")


def _entries(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) >= fields and parts[2].isdigit() and (fields < 4 or parts[3].isdigit()):
            yield parts


def _unknown(what: str, name: str) -> HodeiError:
    return HodeiError(
        Kind.CONFIGURATION, f"the image has no {what} '{name}'", hint="Name one that it has, or a number."
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity by the kernel of this host: the effective user of a process, with the groups of the host that it is in."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ...model.principal import NAME, Principal, Verified


def of_this_process() -> Principal:
    """Return who this process runs as."""
    groups = frozenset(_names({os.getegid(), *os.getgroups()}))
    return Principal(f"uid:{os.geteuid()}", Verified.UID, groups=groups)


def _names(gids: Iterable[int]) -> Iterable[str]:
    """Yield the names of groups; those without one, or with one that no rule could write, cannot be given anything."""
    import grp

    for gid in gids:
        try:
            name = grp.getgrgid(gid).gr_name
        except KeyError:
            continue
        if NAME.fullmatch(name):
            yield name

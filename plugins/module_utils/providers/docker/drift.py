# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a container are not as they were put."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.errors import HodeiError, Kind
from .archive import Stat, read_file, stat
from .engine import Engine
from .mapping import mac
from .records import Record

#: Stands for what a changed file holds, as model/normal.py has it.
CHANGED = "hmac:changed"
#: Times that differ by less (seconds) are the same one, written in another way.
_SAME_TIME = 1e-5
#: What an Engine says of what it was asked; all else is about whether it answers.
_ANSWERS = (Kind.PROVIDER_SPECIFIC, Kind.CONFLICT, Kind.CONFIGURATION)
#: Stands for a path that leads through something that is no directory.
_ODD = Stat(0, 0, 0.0, is_file=False, is_directory=False, is_link=False)


def drift(engine: Engine, container: str, record: Record, *, running: bool) -> dict[str, Any]:
    """Return field path -> what is there now, for every file that is not as it was put.

    One that is still to be removed counts only where it could have been.
    """
    found: dict[str, Any] = {}
    for one in record.files:
        name, seen = f"files.{one['path']}", _look(engine, container, one["at"])
        if seen is None:
            found[f"{name}.content"] = None
            continue
        if seen.is_file and seen.mode != one["mode"]:
            found[f"{name}.mode"] = f"{seen.mode:04o}"
        if not _is_same(engine, container, one, seen):
            found[f"{name}.content"] = CHANGED
    for one in record.gone if running else ():
        if _look(engine, container, one["at"]) not in (None, _ODD):
            found[f"files.{one['path']}.content"] = CHANGED
    return found


def _look(engine: Engine, container: str, path: str) -> Stat | None:
    """Look at a path of a container that may have been led astray, which is its own trouble and nobody else's."""
    try:
        return stat(engine, container, path)
    except HodeiError as error:
        if error.kind in _ANSWERS:
            return _ODD
        raise


def _is_same(engine: Engine, container: str, one: Mapping[str, Any], seen: Stat) -> bool:
    """A file of its size and time is the one that was put; another is read, since touching is no change."""
    if not seen.is_file or seen.size != one["size"]:
        return False
    if abs(seen.mtime - one["mtime"]) < _SAME_TIME:
        return True
    there = read_file(engine, container, one["at"])
    return there is not None and mac(container, there.data or b"") == one["mac"]

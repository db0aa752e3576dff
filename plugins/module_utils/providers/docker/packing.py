# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as a tar has them. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Sequence
from typing import NamedTuple

ROOT = "/"


class Item(NamedTuple):
    """A file to write, a link, which has a target, or a directory: that has neither."""

    at: str
    mode: int
    owner: tuple[int, int]
    data: bytes | None = None
    mtime: float = 0.0
    link: str = ""


def pack(items: Iterable[Item], place: str) -> bytes:
    """Return a tar to be unpacked at a place, above all of them."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for item in items:
            entry = tarfile.TarInfo(item.at.removeprefix(place).strip("/"))
            entry.mode, entry.mtime = item.mode, item.mtime
            entry.uid, entry.gid = item.owner
            if item.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, item.link
                tar.addfile(entry)
            elif item.data is None:
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(item.data)
                tar.addfile(entry, io.BytesIO(item.data))
    return made.getvalue()


def anchor(at: str, targets: Sequence[str]) -> str:
    """Return which of some directories a path lies in, the root if in none."""
    inside = [one for one in targets if f"{at}/".startswith(f"{one}/")]
    return max(inside, key=len, default=ROOT)

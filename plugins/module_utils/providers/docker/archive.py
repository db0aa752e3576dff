# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Engine's archive API: what lies in a container's file system, read and written as a tar.

(https://docs.docker.com/engine/api/v1.41/, ContainerArchiveInfo, ContainerArchive, PutContainerArchive)
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Sequence
from typing import NamedTuple

from ...model.errors import HodeiError, Kind
from .engine import Engine
from .packing import Item, pack
from .records import short
from .sdk import told
from .seeing import seconds

_STAT = "X-Docker-Container-Path-Stat"
#: Bits of a mode as the Engine tells it (https://pkg.go.dev/io/fs#FileMode).
_DIRECTORY, _LINK = 1 << 31, 1 << 27
_KINDS = _DIRECTORY | _LINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
_SPECIAL = {1 << 23: 0o4000, 1 << 22: 0o2000, 1 << 20: 0o1000}
#: More than the files of one worker may hold is none of them.
_MOST = 4 << 20


class Stat(NamedTuple):
    """What lies at a path, not following a link at its end."""

    mode: int
    size: int
    mtime: float
    is_file: bool
    is_directory: bool
    is_link: bool
    target: str = ""


def stat(engine: Engine, container: str, path: str) -> Stat | None:
    """Look at a path; None when there is nothing. Raises HodeiError."""
    try:
        told_ = engine.head(f"/containers/{container}/archive", _STAT, path=path)
    except HodeiError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        if error.message:
            raise
        what = f"the Engine cannot look at {path} in container {short(container)}"  # an answer to HEAD has no text
        raise HodeiError(error.kind, what, hint="Is something else than a directory on the way there?") from error
    found = json.loads(base64.b64decode(told_))
    bits = int(found["mode"])
    mode = bits & 0o777 | sum(value for bit, value in _SPECIAL.items() if bits & bit)
    kind = bits & _KINDS
    mtime = seconds(found["mtime"]) or 0.0
    return Stat(
        mode,
        int(found["size"]),
        mtime,
        kind == 0,
        bool(kind & _DIRECTORY),
        bool(kind & _LINK),
        found.get("linkTarget", ""),
    )


def read_file(engine: Engine, container: str, path: str) -> Item | None:
    """Read a plain file that is not large; None when there is none. Raises HodeiError."""
    try:
        with told():
            stream, _unused = engine.api.get_archive(container, path)
            data = bytearray()
            for chunk in stream:
                data += chunk
                if len(data) > _MOST:
                    stream.close()
                    return None
    except HodeiError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as tar:
        entry = tar.next()
        if entry is None or not entry.isreg():
            return None
        content = tar.extractfile(entry)
        held = content.read() if content is not None else b""
        return Item(path, entry.mode, (entry.uid, entry.gid), held, float(entry.mtime))


def put(engine: Engine, container: str, place: str, items: Sequence[Item]) -> None:
    """Have the Engine unpack files at a place, above all of them; what is there of another kind makes way. Raises HodeiError."""
    engine.put(f"/containers/{container}/archive", pack(items, place), path=place)

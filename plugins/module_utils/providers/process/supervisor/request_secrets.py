# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of a request: read, and refused where the machine could not hold them as they are. No message holds a value."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .users import identity
from .wire import RefusedError

#: The longest variable that Linux takes, with its name (MAX_ARG_STRLEN in execve(2)).
_LONGEST_VARIABLE = 131071
_LONGEST_NAME = 255


#: Begins the key of a file in the worker's own directory; there is a link, and here the file lies, beside the others.
HOME = "home."
HOME_DIR = ".home"
#: Begins the key of a variable.
ENV = "env."


class Given(NamedTuple):
    """One secret and where it goes. ``key`` is ``way.place``, or ``home.place`` for a file in the worker's own directory. ``owner``
    is whose file it is, empty for the worker's; ``values`` has the files of a volume by their names, and else one value, called ``""``.
    """

    key: str
    way: str
    place: str
    mode: int
    owner: str
    version: str
    values: Mapping[str, bytes]

    @property
    def mark(self) -> list[Any]:
        """What a record knows of it."""
        return [self.version, self.mode, self.owner]


def lies(key: str) -> str:
    """Return where the file or volume of a key lies among a worker's secrets; empty for a variable."""
    if key.startswith(ENV):
        return ""
    place = key.partition(".")[2]
    return f"{HOME_DIR}/{place}" if key.startswith(HOME) else place


def at_home(keys: Iterable[str]) -> set[str]:
    """Return which files a worker has in its own directory."""
    return {key.removeprefix(HOME) for key in keys if key.startswith(HOME)}


def read_given(items: Sequence[Mapping[str, Any]]) -> list[Given]:
    """Read the secrets of a request. Raises RefusedError where one cannot be given so."""
    found = [
        Given(**{**item, "values": {name: binascii.a2b_base64(text) for name, text in item["values"].items()}})
        for item in items
    ]
    for one in found:
        problem = _variable(one) if one.way == "env" else _names(one)
        if problem:
            raise RefusedError("validation", f"secret {one.key} cannot be given so: {problem[0]}", problem[1])
        identity(one.owner)
    return found


def _variable(one: Given) -> tuple[str, str] | None:
    data = one.values[""]
    if b"\0" in data or not _is_text(data):
        return "a variable holds text (UTF-8, without NUL), and its value is none", "Give it as a file."
    if len(one.place) + len(data) >= _LONGEST_VARIABLE:
        return "its value is longer than the 128 KiB that Linux takes for a variable", "Give it as a file."
    return None


def _names(one: Given) -> tuple[str, str] | None:
    if one.way != "volume":
        return None
    for name in one.values:
        if not name or name in (".", "..") or "/" in name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
            return f"its field {name[:40]!r} cannot be the name of a file", "Rename the field, or give it as a file."
    return None


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

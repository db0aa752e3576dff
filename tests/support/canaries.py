# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are planted as secrets and searched for afterwards, in all the forms that they might have taken."""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path


def forms(canary: str) -> dict[str, bytes]:
    """Return how a text may be written; ``canary`` is ASCII, so that JSON, YAML and shells leave it alone in longer texts."""
    data = canary.encode()
    found = {
        "plain": data,
        "hex": data.hex().encode(),
        "HEX": data.hex().upper().encode(),
        "percent": "".join(f"%{byte:02x}" for byte in data).encode(),
        "PERCENT": "".join(f"%{byte:02X}" for byte in data).encode(),
        "json": "".join(f"\\u{byte:04x}" for byte in data).encode(),
        "escaped": "".join(f"\\x{byte:02x}" for byte in data).encode(),
        "utf-16": canary.encode("utf-16-le"),
        "reversed": data[::-1],
    }
    for before in range(3):  # what stands before it shifts it against the groups of three
        text = base64.b64encode(b"\0" * before + data)
        found[f"base64+{before}"] = text[4 if before else 0 : -4]
    return found


class Search:
    """Looks for canaries."""

    def __init__(self, *canaries: str) -> None:
        self._names = {form: name for canary in canaries for name, form in forms(canary).items()}
        self._pattern = re.compile(b"|".join(map(re.escape, sorted(self._names, key=len, reverse=True))))

    def text(self, data: bytes) -> set[str]:
        """Return in which forms there are canaries."""
        return {self._names[one] for one in self._pattern.findall(data)}

    def files(self, place: Path) -> dict[str, set[str]]:
        """Return which files below a directory hold any, by their paths in it."""
        found = {str(path.relative_to(place)): self.text(path.read_bytes()) for path in _files(place)}
        return {path: names for path, names in found.items() if names}


def _files(place: Path) -> Iterator[Path]:
    for folder, _unused, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path

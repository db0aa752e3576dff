# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where something in a document was written, as people point at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A path within a document and the file or variable, where that has to be told apart."""

    path: str
    source: str = ""

    def under(self, path: Iterable[Any]) -> str:
        """Write the path of something below: `workers[3].ports[0].host`."""
        return join(self.path, path)

    def __str__(self) -> str:
        """Write both."""
        return f"{self.source}: {self.path}" if self.source else self.path


def join(base: str, path: Iterable[Any]) -> str:
    """Append keys and positions to a written path."""
    text = base
    for step in path:
        if isinstance(step, int) and not isinstance(step, bool):
            text += f"[{step}]"
        elif isinstance(step, str) and step and step.replace("_", "a").replace("-", "a").isalnum():
            text += f".{step}" if text else step
        else:
            text += f"[{str(step).lower() if isinstance(step, bool) else repr(step)}]"
    return text

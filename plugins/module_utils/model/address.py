# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a thing is named: ``worker.runner`` or, for one of several, ``worker.runner[2]``."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from .errors import HodeiError, Kind

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9_]{0,61}[a-z0-9])?$"
WORKER, SECRET = "worker", "secret"
_ADDRESS = re.compile(r"^(?P<kind>[a-z_]+)\.(?P<name>[^\[\]]+)(\[(?P<key>[^\[\]]+)\])?$")


class Address(NamedTuple):
    """Kind, name and key of a thing.

    ``key`` is None for a worker without ``count``, an integer for one of several.
    """

    kind: str
    name: str
    key: int | None = None

    def __str__(self) -> str:
        """Render as users write it."""
        return f"{self.kind}.{self.name}" if self.key is None else f"{self.kind}.{self.name}[{self.key}]"

    @property
    def slug(self) -> str:
        """A name safe for files and native objects: ``runner``, ``runner-2``."""
        return self.name if self.key is None else f"{self.name}-{self.key}"


def parse_address(text: str) -> Address:
    """Read ``worker.runner[2]``; a bare ``runner[2]`` means a worker.

    Raises HodeiError(validation) when the text is no address.
    """
    match = _ADDRESS.match(text if "." in text else f"worker.{text}")
    key = match["key"] if match else None
    if match is None or (key is not None and not key.isdigit()):
        raise HodeiError(
            Kind.VALIDATION, f"'{text}' is not an address", hint="Write worker.NAME or worker.NAME[INDEX]."
        )
    return Address(match["kind"], match["name"], None if key is None else int(key))


def matches(pattern: str, address: Address) -> bool:
    """Tell whether a target pattern selects an address.

    A pattern is an address, a bare worker name (which selects all its instances) or a glob of either
    (``worker.runner[*]``, ``ci-*``).
    """
    full = pattern if "." in pattern else f"{address.kind}.{pattern}"
    literal = full.replace("[", "[[]")
    return fnmatchcase(str(address), literal) or fnmatchcase(f"{address.kind}.{address.name}", literal)

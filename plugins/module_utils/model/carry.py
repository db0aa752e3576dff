# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a provider can carry: the vocabulary of the (field, provider) table.

Each provider declares one column (``providers/<type>/fields.py``); ``make generate`` puts them side by side in
docs/providers/fields.md, and the conformance suite holds each provider to its word.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Support(str, Enum):
    """How a provider carries a field."""

    NATIVE = "native"
    EMULATED = "emulated"
    IGNORED = "ignored"
    NONE = "none"


class OnChange(str, Enum):
    """What a changed field costs: nothing, an update of the living object, or a new object."""

    RECORD = "record"
    UPDATE = "update"
    REPLACE = "replace"


class Carry(NamedTuple):
    """One cell of the table. ``note`` tells the reader how, or names the nearest thing that works."""

    support: Support
    on_change: OnChange = OnChange.REPLACE
    note: str = ""


Column = Mapping[str, Carry]

#: Fields whose absence endangers people: NONE here fails before any change unless the worker degrades it.
SAFETY_FIELDS = (
    "network.isolation",
    "network.allow",
    "network.block",
    "security.read_only_root",
    "security.non_root",
    "security.seccomp",
    "security.apparmor",
    "security.selinux",
    "resources.memory",
    "resources.cpu",
    "resources.pids",
    "resources.storage",
    "resources.gpu",
)


def cell(column: Column, path: str) -> Carry:
    """Return the cell for a field path, falling back to its parents (``env`` for ``env.DEBUG``)."""
    while path:
        found = column.get(path)
        if found is not None:
            return found
        path, _unused, _unused = path.rpartition(".")
    return Carry(Support.NONE)

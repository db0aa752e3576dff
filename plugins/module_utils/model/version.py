# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Semantic versions, as far as the port needs them (https://semver.org): MAJOR.MINOR.PATCH, nothing behind it."""

from __future__ import annotations

import re

Version = tuple[int, int, int]
_SHAPE = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})(?:\.(0|[1-9][0-9]{0,5}))?")


def read_version(text: object) -> Version | None:
    """Return the numbers of ``1.2.3`` or ``1.2`` (which means ``1.2.0``); None when it is something else."""
    found = _SHAPE.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else (int(found[1]), int(found[2]), int(found[3] or 0))


def serves(ours: Version, written_for: Version) -> bool:
    """Tell whether what was written for one version works with ours: the same major, and a minor that is not newer."""
    return ours[0] == written_for[0] and ours[1] >= written_for[1]

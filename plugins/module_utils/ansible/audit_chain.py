# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit chain of an owner, opened for those who record. It loads little: the broker of secrets waits for it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

from ..access.audit import keys
from ..access.audit.writer import Audit, OnFailure, Rotation

_DIRECTORY = "audit"


def open_audit(
    directory: Path,
    owner: str,
    *,
    on_failure: OnFailure = "deny",
    keep: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> Audit:
    """Open the chain of an owner, whose files lie in ``directory``. ``keep`` is how many seconds old segments are kept (None: for ever)."""
    place = audit_directory(directory)
    return Audit(place, writer_name(owner), on_failure=on_failure, warn=warn, rotation=Rotation(keep=keep))


def found_audit(directory: Path, *, look_only: bool) -> list[str]:
    """Make the key of an owner's chain before its first use; return what was made, or would be. Raises HodeiError for a lost key."""
    place = audit_directory(directory)
    if not keys.needs_key(place):
        return []
    if not look_only:
        keys.create_audit_key(place)
    return ["audit key"]


def audit_directory(directory: Path) -> Path:
    """Return where the chain of an owner lies."""
    return directory / _DIRECTORY


def writer_name(owner: str) -> str:
    """Return the name of the chain that this user keeps on this machine for an owner; it may be a secret's name."""
    parts = (owner, platform.node(), str(os.geteuid()))
    plain = (re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.-]", "-", part)) for part in parts)
    return "/".join(part.lstrip("-.") or "_" for part in plain)

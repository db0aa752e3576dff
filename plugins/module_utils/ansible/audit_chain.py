# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit chain of an owner, opened for those who record. It loads little: the broker of secrets waits for it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..access.audit import keys
from ..access.audit.ends import refuse_lost
from ..access.audit.writer import Audit, Rotation
from ..model.audit import AuditHead

_DIRECTORY = "audit"


def open_audit(
    directory: Path,
    owner: str,
    settings: Mapping[str, Any] | None = None,
    *,
    anchored: Mapping[str, AuditHead] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Audit:
    """Open the chain of an owner, whose files lie in ``directory``. ``settings`` are the document's `audit` in normal form;
    ``anchored`` is how far the chains in this place are known to have got, see Audit.
    """
    found = settings or {}
    rotation = Rotation(
        most_bytes=found.get("max_size", Rotation.most_bytes),
        most_age=found.get("max_age", Rotation.most_age),
        keep=found.get("keep"),
    )
    return Audit(
        audit_directory(directory),
        writer_name(owner),
        on_failure=found.get("on_failure", "deny"),
        warn=warn,
        rotation=rotation,
        anchored=anchored,
    )


def found_audit(directory: Path, anchored: Mapping[str, AuditHead], *, look_only: bool) -> list[str]:
    """Make the key of an owner's chain before its first use; return what was made, or would be. Raises HodeiError for a lost key, and
    where there was a chain before.
    """
    place = audit_directory(directory)
    if not keys.needs_key(place):
        return []
    refuse_lost(place, anchored)
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

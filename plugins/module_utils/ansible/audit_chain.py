# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit chain of an owner, opened for those who record. It loads little: the broker of secrets waits for it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..access.audit import keys
from ..access.audit.ends import refuse_lost
from ..access.audit.writer import Audit, Rotation
from ..model.audit import Anchor, AuditHead, Entry
from ..model.errors import HodeiError, Kind

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


class LateAudit:
    """The chain of an owner, opened when something is recorded: most tasks only look. ``settings`` are `audit` in normal form;
    ``anchored`` returns how far the state knows the chains to have got.
    """

    def __init__(
        self,
        directory: Path,
        owner: str,
        settings: Mapping[str, Any] | None = None,
        *,
        anchored: Callable[[], Mapping[str, AuditHead]] = dict,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings or {}
        self._warn = warn
        self._place = audit_directory(directory)
        self._anchored = anchored
        self._open = lambda: open_audit(directory, owner, self._settings, anchored=anchored(), warn=warn)
        self._audit: Audit | None = None
        self._fresh = False

    def record(self, *entries: Entry, sync: bool = True) -> None:
        """Record entries, see ``model.audit.Auditor``."""
        self._audit = self._audit or self._open()
        self._audit.record(*entries, sync=sync)
        self._fresh = True

    def anchor(self, opened: Callable[[], AbstractContextManager[Sequence[Anchor]]]) -> None:
        """Tell anchors how far the chain has got, if that is news: by this run, or by one before that was cut short. Each of them is
        told, whatever becomes of the others.

        Raises HodeiError, or warns, as the user wants it for what cannot be recorded.
        """
        recorded, problems = self._fresh, list(self._tell(opened))
        if not problems:
            return
        if self._warn is None or self._settings.get("on_failure", "deny") == "deny":
            raise _not_anchored(problems) if recorded else problems[0]
        for problem in problems:
            self._warn(f"how far the audit chain has got is not known to all its anchors: {problem}")

    def _tell(self, opened: Callable[[], AbstractContextManager[Sequence[Anchor]]]) -> Iterator[HodeiError]:
        """Tell anchors; yield what went wrong."""
        try:
            if not self._fresh and not self._is_behind():
                return
            self._fresh = False
            audit = self._audit = self._audit or self._open()
            with opened() as anchors:
                for one in anchors:
                    try:
                        audit.anchor(one)
                    except HodeiError as error:
                        yield error
        except HodeiError as error:
            yield error

    def _is_behind(self) -> bool:
        """Whether the chain has got further than the state knows. Raises HodeiError when it is gone or cut off."""
        known = self._anchored()
        if not known and not self._place.is_dir():
            return False
        self._audit = self._audit or self._open()
        head = self._audit.head()
        return head is not None and known.get(head.writer) != head


def _not_anchored(problems: Sequence[HodeiError]) -> HodeiError:
    first = problems[0]
    more = f"; and {len(problems) - 1} more could not be told" if len(problems) > 1 else ""
    return HodeiError(
        Kind.CONFLICT if any(one.kind is Kind.CONFLICT for one in problems) else first.kind,
        f"what was done with secrets is done and recorded, but not anchored: {first.message}{more}",
        hint=f"{first.hint} The next run anchors what this one could not.",
        retryable=first.retryable,
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access rules and the audit chain around the stores of a task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..access.audit.writer import Audit
from ..access.guarded import GuardedStore
from ..access.identity.uid import of_this_process
from ..access.rules import RulePolicy
from ..model.access import AccessContext, AccessRule
from ..model.audit import Anchor, AuditHead, Auditor, Entry
from ..model.errors import HodeiError, Kind
from ..model.principal import Principal, Verified
from ..model.store import Store
from .audit_chain import audit_directory, open_audit

Rules = Mapping[tuple[str, str], Sequence[AccessRule]]  # by store and path


@dataclass(frozen=True)
class Asking:
    """What a task says of itself, for the record and for conditions. ``playbook`` is the process of its ansible-playbook, where that is
    on this machine.
    """

    host: str = ""
    play: str = ""
    task: str = ""
    why: str = ""
    correlation: str = ""
    login: bool = False
    playbook: int = 0

    def context(self) -> AccessContext:
        """Return it as of now."""
        return AccessContext(
            time.time(),
            self.host,
            self.play,
            self.task,
            why=self.why,
            correlation=self.correlation,
            login=self.login,
        )


@dataclass(frozen=True)
class Admission:
    """Who asks, whose the secrets are, and what rules give to others."""

    principal: Principal
    owner: str
    rules: Rules

    def policy(self, store: str) -> RulePolicy:
        """Return what decides about the secrets of one store."""
        rules = {path: tuple(found) for (named, path), found in self.rules.items() if named == store}
        return RulePolicy(self.owner, rules)


def admission(principal: Principal, directory: Path, rules: Rules) -> Admission:
    """Return on what terms a principal works with a fleet's secrets: a user of this host who may open the fleet's key is its owner."""
    own = principal.subject if principal.verified is Verified.UID else f"uid:{directory.stat().st_uid}"
    return Admission(principal, own, rules)


def of_this_user() -> Admission:
    """Return the terms of who runs this process as the owner."""
    principal = of_this_process()
    return Admission(principal, principal.subject, {})


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


def guard(
    stores: Mapping[str, Store], auditor: Auditor, asking: Asking, terms: Admission | None = None
) -> dict[str, GuardedStore]:
    """Return stores that ask first and record; without terms for the owner, who runs this task."""
    terms = terms or of_this_user()
    return {
        name: GuardedStore(store, terms.principal, terms.policy(name), auditor, asking.context, store_name=name)
        for name, store in stores.items()
    }

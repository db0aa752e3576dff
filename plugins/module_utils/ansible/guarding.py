# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access rules and the audit chain around the stores of a task."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..access.guarded import GuardedStore
from ..access.identity.uid import of_this_process
from ..access.rules import RulePolicy
from ..model.access import AccessContext
from ..model.audit import Auditor, Entry
from ..model.store import Store
from .audit_chain import open_audit


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


class LateAudit:
    """The chain of an owner, opened when something is recorded: most tasks only look."""

    def __init__(self, directory: Path, owner: str, warn: Callable[[str], None] | None = None) -> None:
        self._open = lambda: open_audit(directory, owner, warn=warn)
        self._auditor: Auditor | None = None

    def record(self, *entries: Entry, sync: bool = True) -> None:
        """Record entries, see ``model.audit.Auditor``."""
        self._auditor = self._auditor or self._open()
        self._auditor.record(*entries, sync=sync)


def guard(stores: Mapping[str, Store], auditor: Auditor, asking: Asking) -> dict[str, GuardedStore]:
    """Return stores that ask first and record, for who runs this task: whoever may open the fleet's key is its owner."""
    principal = of_this_process()
    policy = RulePolicy(principal.subject, {})
    return {
        name: GuardedStore(store, principal, policy, auditor, asking.context, store_name=name)
        for name, store in stores.items()
    }

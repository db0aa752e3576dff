# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use the secrets of a task: who asks, by which rules, and the stores with both around them.

Rules are those that the last converge wrote down: what the variables of a play say cannot widen them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..access.guarded import GuardedStore
from ..access.identity.uid import of_this_process
from ..access.rules import RulePolicy
from ..engine.state.sqlite import SqliteState
from ..model.access import AccessContext, AccessRule, access_rules
from ..model.address import SECRET
from ..model.audit import Auditor
from ..model.mounts import STORE
from ..model.principal import Principal, Verified
from ..model.records import Resource
from ..model.secret_name import SecretName
from ..model.store import Store
from ..model.worker import Instance

Rules: TypeAlias = dict[tuple[str, str], tuple[AccessRule, ...]]  # by store and path
_Stamp: TypeAlias = tuple[tuple[int, int], ...]


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
class Terms:
    """Who asks, whose the secrets are, and what rules give to others."""

    principal: Principal
    owner: str
    rules: Rules

    def policy(self, store: str) -> RulePolicy:
        """Return what decides about the secrets of one store."""
        rules = {path: found for (named, path), found in self.rules.items() if named == store}
        return RulePolicy(self.owner, rules)


def terms_of(principal: Principal, directory: Path, rules: Rules) -> Terms:
    """Return on what terms a principal works with a fleet's secrets: a user of this host who may open the fleet's key is its owner."""
    own = principal.subject if principal.verified is Verified.UID else f"uid:{directory.stat().st_uid}"
    return Terms(principal, own, rules)


def of_this_user() -> Terms:
    """Return the terms of who runs this process as the owner."""
    principal = of_this_process()
    return Terms(principal, principal.subject, {})


def guard(
    stores: Mapping[str, Store], auditor: Auditor, asking: Asking, terms: Terms | None = None
) -> dict[str, GuardedStore]:
    """Return stores that ask first and record; without terms for the owner, who runs this task."""
    terms = terms or of_this_user()
    return {
        name: GuardedStore(store, terms.principal, terms.policy(name), auditor, asking.context, store_name=name)
        for name, store in stores.items()
    }


def rules_of(resources: Iterable[Resource]) -> Rules:
    """Return the rules of the secrets that a converge has made, by store and path."""
    return {
        (one.provider.removeprefix(STORE), one.address.name): access_rules(one.spec.get("access", ()))
        for one in resources
        if one.address.kind == SECRET
    }


def written_rules(secrets: Iterable[Instance]) -> Rules:
    """Return the rules that stand in a document, by store and path."""
    return {
        (one.provider.removeprefix(STORE), one.address.name): access_rules(one.recorded.get("access", ()))
        for one in secrets
    }


class RememberedRules:
    """The rules in the state of an owner, read again whenever that was written; shared by threads."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "state.db"
        self._read: tuple[_Stamp, Rules] = ((), {})

    def of(self, store: str, name: SecretName) -> tuple[AccessRule, ...] | None:
        """Return the rules of a secret; None when no converge has made it. Raises HodeiError when the state cannot be read."""
        stamp = self._stamp()
        known, rules = self._read
        if stamp != known:
            rules = self._load() if stamp else {}
            self._read = stamp, rules
        return rules.get((store, name.path))

    def _stamp(self) -> _Stamp:
        """Return what changes with each write: a new log, or a longer one, or the file that it went into."""
        found = []
        for path in (self._path, self._path.with_name("state.db-wal")):
            try:
                status = os.stat(path)
            except OSError:
                continue
            found.append((status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _load(self) -> Rules:
        state = SqliteState(self._path, read_only=True)
        try:
            return rules_of(state.read().resources)
        finally:
            state.close()

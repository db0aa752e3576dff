# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a secret, as the last converge wrote it down: what the variables of a play say cannot widen that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..engine.state.sqlite import SqliteState
from ..model.access import AccessRule, access_rules
from ..model.address import SECRET
from ..model.mounts import STORE
from ..model.records import Resource
from ..model.secret_name import SecretName
from ..model.worker import Instance

_Stamp = tuple[tuple[int, int], ...]


def rules_of(resources: Iterable[Resource]) -> dict[tuple[str, str], tuple[AccessRule, ...]]:
    """Return the rules of the secrets that a converge has made, by store and path."""
    return {
        (one.provider.removeprefix(STORE), one.address.name): access_rules(one.spec.get("access", ()))
        for one in resources
        if one.address.kind == SECRET
    }


def written_rules(secrets: Iterable[Instance]) -> dict[tuple[str, str], tuple[AccessRule, ...]]:
    """Return the rules that stand in a document, by store and path."""
    return {
        (one.provider.removeprefix(STORE), one.address.name): access_rules(one.recorded.get("access", ()))
        for one in secrets
    }


class RememberedRules:
    """The rules in the state of an owner, read again whenever that was written; shared by threads."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "state.db"
        self._read: tuple[_Stamp, Mapping[tuple[str, str], tuple[AccessRule, ...]]] = ((), {})

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

    def _load(self) -> Mapping[tuple[str, str], tuple[AccessRule, ...]]:
        state = SqliteState(self._path, read_only=True)
        try:
            return rules_of(state.read().resources)
        finally:
            state.close()

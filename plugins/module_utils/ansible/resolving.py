# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an address to a session: the one place where a store is opened for lookups, and where rules and audit go around it.

An address is JSON: ``store`` (its name), ``config`` (what the user wrote of it), and ``owner``, ``state_dir`` and ``backend`` as they
are in the document, which say where this machine's stores lie. ``others`` are the stores that its own credentials may lie in;
``playbook`` is the process whose file descriptors may hold them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..access.guarded import GuardedStore
from ..access.identity.uid import of_this_process
from ..access.rules import RulePolicy
from ..broker.session import Address
from ..engine.state.keys import owner_directory, stores_directory
from ..model import audit
from ..model.access import AccessContext, read_access
from ..model.configs import read_stores
from ..model.errors import InvalidDocument, Problem
from ..model.mounts import Vaults
from ..model.place import Place
from ..model.principal import Principal
from ..model.references import reference_problems, referring_of
from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.settings import resolve
from ..model.store import Lending, Retrieved, Store, Which
from ..stores.registry import store_schemas, store_type
from .credentials import Credentials
from .guarding import Asking
from .ruling import RememberedRules


class StoreSession:
    """A session on a store of ours."""

    expires_at: float | None = None

    def __init__(
        self, store: Store, identity: Address, place: Path, auditor: audit.Auditor, credentials: Credentials
    ) -> None:
        self.identity = identity
        self._store = store
        self._place = place
        self._principal = of_this_process()
        self._auditor = auditor
        self._credentials = credentials
        self._rules = RememberedRules(place)

    def login(self) -> None:
        """Open the store, so that a wrong key is told once for all."""
        self._store.fingerprint()

    def read(self, name: SecretName, which: Which) -> Retrieved:
        """Read from the store."""
        return self._store.get(name, which)

    def use(self, name: SecretName, which: Which, by: Mapping[str, Any], take: Callable[[], Retrieved]) -> Retrieved:
        """Decide, take and record, each time: what is in memory is no less secret.

        The rules are those of the last converge; only of a secret that none has made, those that ``by`` says stand in the document.
        """
        rules = self._rules.of(self.identity["store"], name)
        if rules is None:
            rules, wrong = read_access(by.get("access") or [], Place(f"secrets.{name}.access"))
            if wrong:
                raise InvalidDocument(wrong)
        guarded = GuardedStore(
            cast("Store", _Taken(take)),
            self._principal,
            RulePolicy(_owner_of(self._place, self._principal), {name.path: rules}),
            self._auditor,
            lambda: AccessContext(time.time(), by.get("host", ""), by.get("play", ""), by.get("task", "")),
            store_name=self.identity["store"],
        )
        return guarded.get(name, which)

    def lend(self) -> SecretValue:
        """Let another process go on with this login, where the store can."""
        return self._store.lend() if isinstance(self._store, Lending) else SecretValue(b"")

    def close(self) -> None:
        """Close the store, and forget its keys."""
        self._store.close()
        self._credentials.close()


class _Taken(NamedTuple):
    """A store as far as somebody needs it who was promised one value."""

    take: Callable[[], Retrieved]

    def get(self, _name: SecretName, _version: Which) -> Retrieved:
        """Return that value."""
        return self.take()


class _Unrecorded:
    """In place of an audit chain that nobody has begun."""

    def record(self, *entries: audit.Entry, sync: bool = True) -> None:
        """Record nothing."""


class _Repeated:
    """Records each use, and waits for the disk only where the version was not given before."""

    def __init__(self, inner: audit.Auditor) -> None:
        self._inner = inner
        self._given: set[tuple[str, int | None]] = set()

    def record(self, *entries: audit.Entry, sync: bool = True) -> None:
        """Record entries."""
        given = {(one.secret, one.version) for one in entries if one.result is audit.Result.DONE}
        self._inner.record(*entries, sync=sync and not (len(given) == len(entries) and given <= self._given))
        self._given |= given


def open_session(address: Address) -> StoreSession:
    """Return a session; opens nothing yet. Raises InvalidDocument, HodeiError(configuration)."""
    name, owner = address["store"], _owner(address)
    place = _owners_place(address, owner)
    schemas, others = store_schemas(), address.get("others") or {}
    stores, problems = read_stores({**others, name: address["config"]}, schemas)
    problems += reference_problems(referring_of({}, {}, stores, schemas), (), Vaults(tuple(stores)))
    if problems:
        raise InvalidDocument(problems)
    directory, auditor = stores_directory(place), _auditor(place, owner)
    credentials = Credentials(stores, directory, auditor, Asking(playbook=address.get("playbook", 0)))
    config = credentials.store(name)
    store = store_type(config["type"]).make(name, config, directory / name, read_only=True)
    identity = {"store": name, "config": stores[name], "others": others, "owner": owner, "place": str(place)}
    return StoreSession(store, identity, place, auditor, credentials)


def _auditor(place: Path, owner: str) -> audit.Auditor:
    """Return who records: the chain that `init` has begun."""
    if not (place / "audit").is_dir():
        return _Unrecorded()
    from .audit_chain import open_audit

    return _Repeated(open_audit(place, owner))


def _owner_of(place: Path, principal: Principal) -> str:
    """Return whose secrets these are: who has the owner's directory, or whoever will make it."""
    try:
        return f"uid:{place.stat().st_uid}"
    except OSError:
        return principal.subject


def _owner(address: Address) -> str:
    owner = resolve("owner", None, address["owner"], os.environ).value
    if not owner:
        hint = "set hodei_owner: whose fleet this is, such as ci-prod"
        raise InvalidDocument([Problem("owner", "the owner is missing", hint)])
    return str(owner)


def _owners_place(address: Address, owner: str) -> Path:
    """Return the directory of the owner, as ``session.state_directory`` does."""
    path = (address["backend"] or {}).get("path")
    if path:
        return Path(os.path.abspath(os.path.expanduser(path)))
    return owner_directory(owner, resolve("state_dir", None, address["state_dir"], os.environ).value)

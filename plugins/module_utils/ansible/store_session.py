# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a store for lookups, by its address, with access rules and audit around it.

An address is JSON: ``store`` (its name), ``config`` (what the user wrote of it), and ``owner``, ``state_dir`` and ``backend`` as they
are in the document, which say where this machine's stores lie; ``audit`` and ``identity`` where the document has them. ``others`` are
the stores that its own credentials may lie in, ``anchoring`` those that may be anchors; ``playbook`` is the process whose file
descriptors may hold them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..access.guarded import GuardedStore
from ..access.rules import RulePolicy
from ..broker.session import Address
from ..engine.state.keys import how_to_begin, stores_directory
from ..engine.state.sqlite import SqliteState
from ..model import audit
from ..model.access import read_access
from ..model.configs import read_audit, read_stores
from ..model.errors import HodeiError, InvalidDocument, Kind
from ..model.identity import read_identity
from ..model.mounts import Vaults
from ..model.place import Place
from ..model.principal import Principal
from ..model.references import reference_problems, referring_of
from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.settings import resolve
from ..model.store import Lending, Retrieved, Store, Which
from ..stores.registry import store_schemas
from .access import Asking, RememberedRules
from .audit_chain import LateAudit, audit_directory
from .credentials import Credentials
from .identity import of_environment
from .places import owners_place
from .remembered import SETTINGS


class StoreSession:
    """A session on a store of ours."""

    expires_at: float | None = None

    def __init__(
        self, store: Store, identity: Address, terms: _Known, auditor: audit.Auditor, credentials: Credentials
    ) -> None:
        self.identity = identity
        self.warnings: list[str] = []
        self._store = store
        self._terms = terms
        self._place = terms.place
        self._who = of_environment(terms.settings["identity"])
        self._auditor = auditor
        self._credentials = credentials
        self._rules = RememberedRules(terms.place)

    def login(self) -> None:
        """Open the store, so that a wrong key is told once for all."""
        try:
            self._store.fingerprint()
        except HodeiError as error:
            if error.kind is Kind.CONFIGURATION and not self._place.exists():
                raise HodeiError(error.kind, error.message, hint=how_to_begin(self._place)) from None
            raise

    def read(self, name: SecretName, which: Which) -> Retrieved:
        """Read from the store."""
        return self._store.get(name, which)

    def use(self, name: SecretName, which: Which, by: Mapping[str, Any], take: Callable[[], Retrieved]) -> Retrieved:
        """Decide, take and record, each time: what is in memory is no less secret.

        The rules are those of the last converge; only of a secret that none has made, those that ``by`` says stand in the document.
        """
        principal = self._who.principal()
        rules = self._rules.of(self.identity["store"], name)
        if rules is None:
            rules, wrong = read_access(by.get("access") or [], Place(f"secrets.{name}.access"))
            if wrong:
                raise InvalidDocument(wrong)
        guarded = GuardedStore(
            cast("Store", _Taken(take)),
            principal,
            RulePolicy(_owner_of(self._place, principal), {name.path: rules}),
            self._auditor,
            Asking(by.get("host", ""), by.get("play", ""), by.get("task", "")).context,
            store_name=self.identity["store"],
        )
        return guarded.get(name, which)

    def lend(self) -> SecretValue:
        """Let another process go on with this login, where the store can."""
        return self._store.lend() if isinstance(self._store, Lending) else SecretValue(b"")

    def close(self) -> None:
        """Close the store, and forget its keys; then tell anchors what was recorded."""
        self._store.close()
        if isinstance(self._auditor, _Repeated):
            self._auditor.anchor(self._terms, self._credentials)
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

    def __init__(self, inner: LateAudit) -> None:
        self._inner = inner
        self._given: set[tuple[str, int | None]] = set()

    def record(self, *entries: audit.Entry, sync: bool = True) -> None:
        """Record entries."""
        given = {(one.secret, one.version) for one in entries if one.result is audit.Result.DONE}
        self._inner.record(*entries, sync=sync and not (len(given) == len(entries) and given <= self._given))
        self._given |= given

    def anchor(self, terms: _Known, credentials: Credentials) -> None:
        """Tell anchors how far the chain has got. Raises HodeiError."""
        from .audit_anchors import opened_anchors

        with closing(SqliteState(terms.place / "state.db")) as state:
            configs = terms.settings["audit"].get("anchors", ())
            self._inner.anchor(lambda: opened_anchors(configs, state, credentials, read_only=False))


class _Known(NamedTuple):
    """What holds for a session: where the owner's files are, the settings, and how far chains are known to have got.

    ``began``: somebody has said, or the state knows, that uses are recorded here.
    """

    place: Path
    settings: Mapping[str, Any]
    anchored: Mapping[str, audit.AuditHead]
    began: bool


def open_session(address: Address) -> StoreSession:
    """Return a session; opens nothing yet. Raises InvalidDocument, HodeiError: configuration, conflict.

    Audit and identity are those of the last converge, what the play says of them counts only where there was none.
    """
    name, owner = address["store"], resolve("owner", None, address["owner"], os.environ).value
    state_dir = resolve("state_dir", None, address["state_dir"], os.environ).value
    place = owners_place(owner, address["backend"] or {}, state_dir)
    schemas, others = store_schemas(), address.get("others") or {}
    stores, problems = read_stores({**(address.get("anchoring") or {}), **others, name: address["config"]}, schemas)
    problems += reference_problems(referring_of({}, {}, stores, schemas), (), Vaults(tuple(stores)))
    audited, wrong = read_audit(address.get("audit"), stores)
    asks, more = read_identity(address.get("identity"))
    if problems := [*problems, *wrong, *more]:
        raise InvalidDocument(problems)
    state = SqliteState(place / "state.db", read_only=True)
    remembered, anchored = (state.remembered(), state.anchors()) if state.exists() else ({}, {})
    settings = remembered.get(SETTINGS) or {"audit": audited, "identity": asks}
    began = bool(anchored) or SETTINGS in remembered or address.get("audit") is not None
    terms, warnings = _Known(place, settings, anchored, began), list[str]()
    auditor = _auditor(owner, terms, warnings.append)
    known = settings.get("stores", {}) | stores
    asking = Asking(playbook=address.get("playbook", 0))
    credentials = Credentials(known, stores_directory(place), auditor, asking, remembered)
    identity = {
        "store": name,
        "config": stores[name],
        "others": others,
        "owner": owner,
        "place": str(place),
        **settings,
    }
    session = StoreSession(credentials.open_store(name), identity, terms, auditor, credentials)
    session.warnings = warnings
    return session


def _auditor(owner: str, terms: _Known, warn: Callable[[str], None]) -> audit.Auditor:
    """Return who records; nobody where no chain was ever begun."""
    if not terms.began and not audit_directory(terms.place).is_dir():
        return _Unrecorded()
    settings = terms.settings["audit"]
    return _Repeated(LateAudit(terms.place, owner, settings, anchored=lambda: terms.anchored, warn=warn))


def _owner_of(place: Path, principal: Principal) -> str:
    """Return whose secrets these are: who has the owner's directory, or whoever will make it."""
    try:
        return f"uid:{place.stat().st_uid}"
    except OSError:
        return principal.subject

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of one run: the stores, opened as the document says and compared with what the last run left in the state.

Each run leaves there how far each store has got (so that one that was put back is noticed), and a converge of the whole document its
settings, which no task or lookup can change for itself. And anchors are told how far the audit chain has got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

from ..engine.state.keys import stores_directory
from ..engine.state.sqlite import SqliteState
from ..model.audit import Anchor
from ..model.errors import HodeiError
from ..model.mounts import STORE
from ..model.records import Resource
from ..model.state_store import StateStore
from ..model.worker import Document
from ..stores.objects import SecretObjects
from .access import Asking, rules_of, terms_of, written_rules
from .audit_anchors import opened_anchors
from .audit_chain import LateAudit
from .credentials import Credentials
from .identity import of_environment
from .remembered import SEEN, SETTINGS, remembered_by
from .shared_login import Lender
from .stores import open_stores


def settings_of(document: Document) -> dict[str, Any]:
    """Return what of a document holds for later runs and lookups."""
    wanted = {one.get("store") for one in document.audit.get("anchors", ())}
    anchors = {name: dict(config) for name, config in document.stores.items() if name in wanted}
    return {"audit": dict(document.audit), "identity": dict(document.identity), "stores": anchors}


class RunSecrets:
    """The secrets of a run. ``converging``: it is one of the whole document, whose settings count from then on."""

    def __init__(
        self,
        document: Document,
        directory: Path,
        state: StateStore,
        asking: Asking,
        warn: Callable[[str], None],
        *,
        converging: bool,
    ) -> None:
        self._asking = asking
        self._document, self._directory, self._state, self._warn = document, directory, state, warn
        self._remembered = remembered_by(state)
        own = settings_of(document)
        self._settings: Mapping[str, Any] = own if converging else self._remembered.get(SETTINGS, own)
        self._converging = converging
        self._audit = LateAudit(directory, document.owner, self._settings["audit"], anchored=self._anchored, warn=warn)
        self._objects: Mapping[str, SecretObjects] = {}
        stores = self._settings["stores"] | document.stores
        self.credentials = Credentials(stores, stores_directory(directory), self._audit, asking, self._remembered)

    def open(
        self,
        resources: Iterable[Resource],
        *,
        read_only: bool,
        destroying: bool = False,
        formerly: str = "",
        lender: Lender | None = None,
    ) -> Mapping[str, SecretObjects]:
        """Open the stores, for who asks. Raises HodeiError(authentication) when that cannot be told."""
        principal = of_environment(self._settings["identity"]).principal()
        rules = written_rules(self._document.secrets) | rules_of(resources)
        self._objects = open_stores(
            self._document,
            self.credentials,
            read_only=read_only,
            auditor=self._audit,
            asking=self._asking,
            terms=terms_of(principal, self._directory, rules),
            destroying=destroying,
            formerly=formerly,
            lender=lender,
        )
        return self._objects

    def conclude(self) -> None:
        """Leave behind what later runs need. Raises HodeiError when an anchor could not be told and the user does not accept that."""
        try:
            self._audit.anchor(self._anchors)
        finally:
            left: dict[str, Any] = {SEEN + name: one["now"] for name, one in self.seen().items()}
            if self._converging:
                left[SETTINGS] = self._settings
            news = {name: thing for name, thing in left.items() if self._remembered.get(name) != thing}
            if news:
                self._state.remember(news)

    def seen(self) -> dict[str, dict[str, Any]]:
        """Tell how far each store has got (``now``: its id and generation), and had got before (``before``), and warn where that is
        not known. Stores that do not answer, and those that count nothing, are left out.
        """
        found = {}
        for full, objects in self._objects.items():
            name = full.removeprefix(STORE)
            with suppress(HodeiError):
                now = objects.seen()
                if now.generation:
                    found[name] = {"now": list(now), "before": self._remembered.get(SEEN + name)}
        for name in (name for name, one in found.items() if one["before"] is None):
            self._warn(
                f"the state remembers nothing of store '{name}': whether an older copy was put in its place before is not detectable"
            )
        return found

    def _anchored(self) -> Mapping[str, Any]:
        return self._state.anchors() if self._state.exists() else {}

    def _anchors(self) -> AbstractContextManager[Sequence[Anchor]]:
        configs = self._settings["audit"].get("anchors", ())
        return opened_anchors(configs, self._state, self.credentials, read_only=False)


def inherit_secrets(
    document: Document,
    place: Path,
    resources: Iterable[Resource],
    asking: Asking,
    formerly: str,
    warn: Callable[[str], None],
) -> None:
    """Make a former owner's secrets those of the document's owner, in the place where the fleet lies now. Can be done again."""
    with closing(SqliteState(place / "state.db")) as state:
        run_secrets = RunSecrets(document, place, state, asking, warn, converging=True)
        opened = run_secrets.open(resources, read_only=False, formerly=formerly)
        try:
            for objects in opened.values():
                objects.inherit(document.lineage)
            run_secrets.conclude()
        finally:
            for objects in opened.values():
                objects.close()
            run_secrets.credentials.close()

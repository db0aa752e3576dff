# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credentials of providers and stores: from what is written in a configuration to something that is looked up when it is used.

One that lies in a store is read as everything else is that comes from there: rules decide, and the record says for what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any

from ..durable.sources import outside
from ..model.audit import Auditor
from ..model.configs import Config
from ..model.credential import Credential, replaced
from ..model.errors import HodeiError, Problem
from ..model.references import Reference, Referring, reference
from ..model.schema import Schema
from ..model.secret_value import SecretValue
from ..model.store import Borrow, Fault, Store, StoreError
from ..stores.registry import store_type
from .access import Asking, guard
from .remembered import seen_before


class Credentials:
    """Where the credentials of one task come from. Stores are opened for them when the first one is used.

    ``configs`` are the configured stores, ``directory`` that in which those of this machine lie. ``remembered`` is what the
    state remembers of them.
    """

    def __init__(
        self,
        configs: Mapping[str, Mapping[str, Any]],
        directory: Path,
        auditor: Auditor,
        asking: Asking,
        remembered: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.configs = configs
        self._remembered = remembered
        self._directory = directory
        self._auditor = auditor
        self._asking = replace(asking, login=True)
        self._stores: dict[str, Store] = {}
        self._lock = RLock()

    def provider(self, name: str, config: Mapping[str, Any], schema: Schema) -> Config:
        """Return a provider's configuration with its credentials."""
        return self._bound(Referring("provider", name, config, schema))

    def store(self, name: str) -> Config:
        """Return a store's configuration with its credentials."""
        config = self.configs[name]
        return self._bound(Referring("store", name, config, store_type(str(config["type"])).config_schema))

    def open_store(
        self, name: str, *, read_only: bool = True, anew: bool = False, borrow: Borrow | None = None
    ) -> Store:
        """Return a configured store with its credentials, opened when it is first used and closed by the caller.

        It is refused where it has not got as far as the state remembers, unless it is looked at ``anew``.
        """
        kind, seen = store_type(str(self.configs[name]["type"])), None if anew else seen_before(self._remembered, name)
        home = self._directory / name
        return kind.make(name, self.store(name), home, read_only=read_only, seen=seen, borrow=borrow)

    def missing(self, references: Iterable[Reference], coming: Mapping[str, str]) -> list[Problem]:
        """Say which references lead to a secret that is not there; ``coming`` are the document's own, by path, with their stores."""
        return [
            problem
            for one in references
            if coming.get(one.name.path) != one.store and (problem := self._missing(one)) is not None
        ]

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            while self._stores:
                self._stores.popitem()[1].close()

    def _missing(self, one: Reference) -> Problem | None:
        try:
            info = self._guarded(one).describe(one.name)
        except HodeiError as error:
            return Problem(one.place, f"{one} cannot be had: {error.message}", error.hint)
        deleted = "is deleted" if info.deleted_at is not None else ""
        return Problem(one.place, f"{one} {deleted}", "restore it, or name another one") if deleted else None

    def _bound(self, referring: Referring) -> Config:
        found: Config = replaced(referring.config, referring.schema, referring.place, self._credential)
        return found

    def _credential(self, place: str, source: Mapping[str, Any]) -> Credential:
        if "secret" not in source:
            found = outside(source, self._asking.playbook)
            return Credential(str(found), lambda: _looked_up(found, place), file=found.file)
        refers = reference(place, source, tuple(self.configs))
        return Credential(str(refers), lambda: self._read(refers))

    def _read(self, one: Reference) -> SecretValue:
        try:
            with self._lock:
                value = self._guarded(one).get(one.name, one.which).value
            return value.field(one.field) if one.field else value
        except HodeiError as error:
            fault = error.fault if isinstance(error, StoreError) else Fault.NOT_FOUND
            said = f"{one}, which is wanted for {one.place}, cannot be had: {error.message}"
            raise StoreError(fault, said, hint=error.hint) from None

    def _guarded(self, one: Reference) -> Store:
        with self._lock:
            if one.store not in self._stores:
                self._stores[one.store] = self.open_store(one.store)
            asking = replace(self._asking, why=f"for {one.place}")
            return guard({one.store: self._stores[one.store]}, self._auditor, asking)[one.store]


def _looked_up(found: Credential, place: str) -> SecretValue:
    try:
        return found.load()
    except HodeiError as error:
        raise HodeiError(error.kind, error.message, hint=error.hint, where=place) from None

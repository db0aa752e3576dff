# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References from configurations into stores: where each leads, which lead nowhere, and which lead back to where they begin. Pure.

To open a store may take a secret of another one; to have a secret takes the store that it lies in, and, where it is copied, the secret
that it is copied from. What needs itself can never be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .address import SECRET, Address
from .credential import written
from .errors import HodeiError, Problem
from .mounts import Vaults
from .place import Place
from .schema import Schema
from .secret_name import SecretName
from .store import Stage, Which


class Reference(NamedTuple):
    """A credential that lies in a store. ``place`` is where it is written; ``store`` is empty where there are several and none is named."""

    place: str
    store: str
    name: SecretName
    which: Which = Stage.CURRENT
    field: str = ""

    def __str__(self) -> str:
        return f"secret {self.name} of store '{self.store}'"


class Referring(NamedTuple):
    """What refers: a provider or store, its configuration, and the schema of that."""

    kind: str
    name: str
    config: Mapping[str, Any]
    schema: Schema

    @property
    def place(self) -> Place:
        """Where it stands in a document."""
        return Place(Place(f"{self.kind}s").under((self.name,)))


class Copy(NamedTuple):
    """A secret of the document that gets its value from another one, which need not be of it; each by its store and path."""

    place: Place
    store: str
    name: str
    source_store: str
    source: str


def reference(place: str, source: Mapping[str, Any], stores: tuple[str, ...]) -> Reference:
    """Return where a written reference leads. Raises HodeiError(validation) for what is no name."""
    # Connections and inventories see no secrets of the document, so these do not tell where one lies.
    store = Vaults(stores).store_of(source)
    name = SecretName.parse(source["secret"])
    return Reference(place, store, name, source.get("version", Stage.CURRENT), source.get("field", ""))


def referring_of(
    providers: Mapping[str, Mapping[str, Any]],
    provider_schemas: Mapping[str, Schema],
    stores: Mapping[str, Mapping[str, Any]],
    store_schemas: Mapping[str, Schema],
) -> list[Referring]:
    """Return all that may refer to a secret: configurations that are valid, each with the schema of its type."""
    return [
        Referring(kind, name, config, schemas[str(config["type"])])
        for kind, configs, schemas in (("provider", providers, provider_schemas), ("store", stores, store_schemas))
        for name, config in configs.items()
    ]


def references_of(one: Referring, vaults: Vaults) -> list[Reference]:
    """Return the references of a valid configuration. Raises HodeiError(validation)."""
    return [
        reference(path, source, vaults.written)
        for path, source in written(one.config, one.schema, one.place)
        if "secret" in source
    ]


def reference_problems(referring: Iterable[Referring], copies: Iterable[Copy], vaults: Vaults) -> list[Problem]:
    """Return what is wrong with the references of all providers and stores, and with copies of secrets that lead around."""
    problems: list[Problem] = []
    graph = _Graph()
    for one in referring:
        for path, source in written(one.config, one.schema, one.place):
            wrong = list(_source_problems(path, source, vaults))
            problems += wrong
            if "secret" in source and not wrong:
                found = reference(path, source, vaults.written)
                if one.kind == "store":
                    graph.needs(_store(one.name), _secret(found.store, found.name.path), Place(path))
    for copy in copies:
        graph.needs(_secret(copy.store, copy.name), _secret(copy.source_store, copy.source), copy.place)
    return problems + list(graph.circles())


def _source_problems(path: str, source: Mapping[str, Any], vaults: Vaults) -> Iterator[Problem]:
    if "secret" not in source:
        for name in ("store", "version", "field"):
            if name in source:
                yield Problem(
                    path,
                    f"'{name}' is said of no secret",
                    f"remove it, or name the secret: {{secret: NAME, {name}: ...}}",
                )
        return
    try:
        found = reference(path, source, vaults.written)
    except HodeiError as error:
        yield Problem(f"{path}.secret", error.message, error.hint)
        return
    known = ", ".join(vaults.written) or "none"
    if not found.store:
        yield Problem(path, "'store' is missing, and there are several", f"write one of {known}")
    elif found.store not in vaults.written:
        yield Problem(f"{path}.store", f"there is no store '{found.store}'", f"configured: {known}")


def needed_secrets(one: Referring, vaults: Vaults) -> tuple[Address, ...]:
    """Return which secrets of the document have to be there before a provider is used."""
    found = references_of(one, vaults)
    return tuple(Address(SECRET, each.name.path) for each in found if vaults.secrets.get(each.name.path) == each.store)


_Node = tuple[str, ...]


def _store(name: str) -> _Node:
    return "store", name


def _secret(store: str, path: str) -> _Node:
    return "secret", store, path


def _said(node: _Node) -> str:
    return f"store '{node[1]}'" if node[0] == "store" else f"secret {node[2]} of store '{node[1]}'"


class _Graph:
    """What needs what. Edges that somebody has written down have a place; that a secret needs its store goes without saying."""

    def __init__(self) -> None:
        self._needs: dict[_Node, dict[_Node, Place | None]] = {}

    def needs(self, one: _Node, secret: _Node, place: Place) -> None:
        """Say that a store or a secret needs a secret."""
        self._needs.setdefault(one, {})[secret] = place
        for node in (one, secret):
            if node[0] == "secret":
                self._needs.setdefault(node, {})[_store(node[1])] = None

    def circles(self) -> Iterator[Problem]:
        """Yield a problem for each place that is part of a circle."""
        for one, others in self._needs.items():
            for other, place in others.items():
                way = self._way(other, one) if place is not None else None
                if way and place is not None:
                    text = " -> ".join(_said(node) for node in (one, *way))
                    yield Problem(
                        place.path, f"it needs itself: {text}", "let one of these come from elsewhere", place.source
                    )

    def _way(self, start: _Node, end: _Node) -> list[_Node] | None:
        """Return a way from one to another."""
        ways = {start: [start]}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            if here == end:
                return ways[here]
            for there in self._needs.get(here, ()):
                if there not in ways:
                    ways[there] = [*ways[here], there]
                    waiting.append(there)
        return None

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets leave a task's document before it becomes an argument: references stand in their places, and values travel apart.

Pure but for the functions handed in. Where a secret may stand, it is sealed; anywhere else it is a problem that names the field, and
sealed all the same, so that nobody sends it by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from ..model.errors import Problem
from ..model.place import Place
from ..model.schema_secret import PLAIN
from .gather import KINDS, SCALARS

#: Says of those values that hold a secret, by their positions, what it is: ``a value from Ansible Vault``.
Recognise: TypeAlias = Callable[[Sequence[Any]], Mapping[int, str]]

#: These may have secrets anywhere: they are not kept in state. What libraries say about connections may name them.
_CONNECTING = ("providers", "stores", "backend")
_INPUT = "input"  # what goes to a program's standard input
_MOUNT = "use `secrets: [{secret: NAME, "
_MOST_TOLD = 20
_SHORTEST_HIDDEN = 6  # a shorter one is part of too many words


class Sealed(NamedTuple):
    """A payload without secrets. ``values`` is what its references stand for, as text for the module's option ``_sealed``; empty
    where there are none.

    ``literal`` is the first place where a secret's value is one that nobody recognised: it may be plain text. ``recognised`` tells
    that there are others.
    """

    payload: dict[str, Any]
    values: str
    problems: tuple[Problem, ...]
    literal: str
    recognised: bool


class _Area(NamedTuple):
    """A part of the payload: what it is about, where it lies in there, and where somebody wrote it."""

    kind: str
    steps: tuple[Any, ...]
    place: Place


class _Leaf(NamedTuple):
    """A value that is no mapping and no list, and where it is within its area."""

    area: _Area
    path: tuple[Any, ...]
    value: Any

    @property
    def is_value(self) -> bool:
        """Whether it is the value of a secret by its place."""
        return self.area.kind == "secrets" and len(self.path) > 1 and self.path[1] in PLAIN

    def where(self) -> Place:
        """Say where it stands, as people point at it; a single entry is no list to them."""
        place = self.area.place
        return Place(place.under(self.path if place.path else self.path[1:]), place.source)


class _Reference(NamedTuple):
    number: int


def seal(payload: Mapping[str, Any], mark: str, recognise: Recognise) -> Sealed:
    """Replace secrets by references, which have a ``mark`` that nobody who wrote the document can know."""
    leaves: list[_Leaf] = []
    for area, content in _areas(payload):
        _collect(leaves, area, (), content)
    told = recognise([leaf.value for leaf in leaves])
    changes: dict[Any, Any] = {}
    values: list[Any] = []
    problems: list[Problem] = []
    connecting: list[Any] = []
    literal = ""
    for number, leaf in enumerate(leaves):
        if not leaf.is_value and number not in told:
            continue
        _put(changes, (*leaf.area.steps, *leaf.path), _Reference(len(values)))
        values.append(leaf.value)
        if leaf.is_value:
            literal = literal or ("" if number in told else str(leaf.where()))
        elif leaf.area.kind in _CONNECTING:
            connecting.append(leaf.value)
        elif leaf.area.kind != _INPUT:
            problems.append(_problem(leaf, told[number]))
    return Sealed(
        payload=_replaced(payload, changes, mark),
        values=json.dumps({"mark": mark, "values": values, "hidden": connecting}, default=str) if values else "",
        problems=_first(problems),
        literal=literal,
        recognised=bool(told),
    )


def refused(arguments: Mapping[str, Any], recognise: Recognise, instead: str | None = None) -> list[Problem]:
    """Return what is wrong with arguments outside of the document: Ansible shows them, and without pipelining they lie in a file.

    ``instead`` is an argument that may hold a secret.
    """
    leaves: list[_Leaf] = []
    _collect(leaves, _Area("", (), Place("")), (), arguments)
    return [
        Problem(
            Place("").under(leaves[number].path),
            f"holds {what}, and would be shown and recorded",
            f"give it in `{instead}`, which nobody sees" if instead else "write it as plain text if it is no secret",
        )
        for number, what in recognise([leaf.value for leaf in leaves]).items()
    ]


def opened(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's payload with what was sealed of it; empty for a task that bypassed the action plugin."""
    text = params.get("_payload")
    if not text:
        return {}
    apart = _apart(params)
    mark, values = apart.get("mark", ""), apart.get("values", ())
    found: dict[str, Any] = json.loads(text, object_hook=lambda one: values[one[mark]] if mark in one else one)
    return found


def credentials(params: Mapping[str, Any]) -> set[str]:
    """Return what must not be in any result: credentials, which a library might put into a message."""
    return {text for text in map(str, _apart(params).get("hidden", ())) if len(text) >= _SHORTEST_HIDDEN}


def _apart(params: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(params.get("_sealed") or "{}")
    return found


def _areas(payload: Mapping[str, Any]) -> Iterator[tuple[_Area, Any]]:
    """Go through all that somebody wrote."""
    for number, document in enumerate(payload["documents"]):
        for name, content in document["content"].items():
            yield _Area(name, ("documents", number, "content", name), Place(str(name), document["source"])), content
    for name in SCALARS:
        place = Place(name if payload.get(f"{name}_given") else f"hodei_{name}")
        yield _Area(name, (name,), place), payload.get(name)
    for kind in KINDS:
        for number, one in enumerate(payload.get(kind, ())):
            yield _Area(kind, (kind, number, "content"), Place(one["source"])), one["content"]
    for kind in ("variables", _INPUT):
        for name, value in payload.get(kind, {}).items():
            yield _Area(kind, (kind, name), Place(name)), value


def _collect(leaves: list[_Leaf], area: _Area, path: tuple[Any, ...], value: Any) -> None:
    if isinstance(value, str):
        leaves.append(_Leaf(area, path, value))
    elif isinstance(value, (Mapping, list, tuple)):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            _collect(leaves, area, (*path, key), inner)
    elif value is not None:
        leaves.append(_Leaf(area, path, value))


def _put(changes: dict[Any, Any], steps: tuple[Any, ...], reference: _Reference) -> None:
    for step in steps[:-1]:
        changes = changes.setdefault(step, {})
    changes[steps[-1]] = reference


def _replaced(tree: Any, changes: Mapping[Any, Any], mark: str) -> Any:
    """Return a tree with changes in it; nothing that is handed in is touched: variables are shared."""
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
    found = {key: _changed(value, changes[key], mark) if key in changes else value for key, value in items}
    return found if isinstance(tree, Mapping) else list(found.values())


def _changed(value: Any, change: Any, mark: str) -> Any:
    return {mark: change.number} if isinstance(change, _Reference) else _replaced(value, change, mark)


def _problem(leaf: _Leaf, what: str) -> Problem:
    where = leaf.where()
    message, hint = _words(leaf)
    return Problem(where.path, f"holds {what}, {message}", hint, where.source)


def _words(leaf: _Leaf) -> tuple[str, str]:
    """Say what would become of a secret there, and what to do instead."""
    if leaf.area.kind == "secrets":
        return "which would be recorded and shown", "only `value`, `value_base64` and `fields` may hold one"
    if leaf.area.kind != "workers":
        return "and would be recorded and shown", "write it as plain text if it is no secret"
    path = leaf.path[3:] if leaf.path[1:2] == ("instances",) else leaf.path[1:]
    field, use, harm = path[0] if path else "", f"{_MOUNT}file: PATH}}]`", "which would be recorded and shown"
    if field == "env":
        use = f"{_MOUNT}env: {path[1] if len(path) > 1 else 'NAME'}}}]`"
        harm = "which `env` shows to whoever may look at the worker"
    elif field == "files":
        use = "write `{{ 'NAME' | hodei.workers.secret_reference }}` in its place"
        harm = "which would lie in the records of its provider"
    return harm, f"keep it in a secret (hodei_secrets), and {use}"


def _first(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    more = len(problems) - _MOST_TOLD
    rest = [Problem("", f"{more} more fields hold secrets", "mend these first")] if more > 0 else []
    return (*problems[:_MOST_TOLD], *rest)

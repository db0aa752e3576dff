# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Compose file is read into: mappings and lists that know in which line of which file each part was written.

Scalars are read as YAML 1.2 has them, which is what Compose does: `yes` and `22:22` are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..model.errors import InvalidDocument, Problem
from ..model.load import load_nodes


class Spot(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """Write it as compilers do."""
        return f"{self.file}:{self.line}"


class Block(dict[str, Any]):
    """A mapping; ``at`` says where each key was written, ``tags`` which of them has `!reset` or `!override`."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__(pairs)
        self.at: dict[str, Spot] = {}
        self.tags: dict[str, str] = {}

    def put(self, key: str, value: Any, spot: Spot, tag: str = "") -> None:
        """Set a key that was written somewhere."""
        self[key] = value
        self.at[key] = spot
        if tag:
            self.tags[key] = tag

    def like(self) -> Block:
        """Return a copy."""
        copy = Block(self.items())
        copy.at, copy.tags = dict(self.at), dict(self.tags)
        return copy


class Rows(list[Any]):
    """A list; ``at`` says where each item was written."""

    def __init__(self, items: Iterable[Any] = (), at: Iterable[Spot] = ()) -> None:
        super().__init__(items)
        self.at = list(at)

    def spotted(self) -> Iterable[tuple[Any, Spot]]:
        """Yield each item with its place."""
        return zip(self, self.at, strict=True)


def each_value(value: Any, change: Callable[[Any, Spot | None], Any], spot: Spot | None = None) -> Any:
    """Return a copy with every scalar changed."""
    if isinstance(value, Block):
        copy = value.like()
        for key in value:
            copy[key] = each_value(value[key], change, value.at[key])
        return copy
    if isinstance(value, Rows):
        return Rows([each_value(item, change, place) for item, place in value.spotted()], value.at)
    return change(value, spot)


def read(text: str, source: str) -> list[Any]:
    """Read the documents of a file. Raises InvalidDocument."""
    return load_nodes(text, source, _loader, lambda loader: _Reader(loader, source).documents())


_CORE = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
)
_TAG = "tag:yaml.org,2002:"


def _loader(yaml: Any) -> Any:
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Resolves nothing but the core of YAML 1.2."""

    Loader.yaml_implicit_resolvers = {}
    for name, pattern, first in _CORE:
        Loader.add_implicit_resolver(_TAG + name, re.compile(pattern), first)
    return Loader


class _Reader:
    """Turns the nodes of one file into values."""

    def __init__(self, loader: Any, source: str) -> None:
        self._loader = loader
        self._source = source
        self._open: set[int] = set()

    def documents(self) -> list[Any]:
        found = []
        while self._loader.check_node():
            found.append(self._value(self._loader.get_node()))
        return found

    def _spot(self, node: Any) -> Spot:
        return Spot(self._source, node.start_mark.line + 1)

    def _fail(self, node: Any, message: str, hint: str) -> InvalidDocument:
        return InvalidDocument([Problem("", message, hint, str(self._spot(node)))])

    def _value(self, node: Any) -> Any:
        if id(node) in self._open:
            raise self._fail(node, "an anchor holds itself", "remove its use inside of it")
        if node.id == "scalar":
            return self._scalar(node)
        self._open.add(id(node))
        value = self._mapping(node) if node.id == "mapping" else self._list(node)
        self._open.discard(id(node))
        return value

    def _list(self, node: Any) -> Rows:
        return Rows([self._value(item) for item in node.value], [self._spot(item) for item in node.value])

    def _mapping(self, node: Any) -> Block:
        merged, own = Block(), Block()
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                self._merge(merged, value_node)
                continue
            key = str(key_node.value)
            if key in own:
                raise self._fail(
                    key_node, f"the key '{key}' is there twice (first in line {own.at[key].line})", "remove one of them"
                )
            tag = value_node.tag if value_node.tag in ("!reset", "!override") else ""
            own.put(key, self._value(value_node), self._spot(key_node), tag)
        for key, value in own.items():
            merged.put(key, value, own.at[key], own.tags.get(key, ""))
        return merged

    def _merge(self, into: Block, node: Any) -> None:
        """Take over what `<<` names; of several the first one wins."""
        for one in node.value if node.id == "sequence" else [node]:
            block = self._value(one)
            if not isinstance(block, Block):
                raise self._fail(node, "<< takes a mapping", "name an anchor that holds one")
            for key in block:
                if key not in into:
                    into.put(key, block[key], block.at[key])

    def _scalar(self, node: Any) -> Any:
        text, tag = node.value, node.tag
        if tag in ("!reset", "!override"):
            tag = self._loader.resolve(type(node), text, (node.style is None, False))
        kind = tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text, 8) if re.fullmatch("0[0-7]+", text) else int(text, 0)
        return float(text) if kind == "float" else str(text)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laying one Compose file over another, and a service over the one that it extends. Pure.

The rules: https://docs.docker.com/reference/compose-file/merge/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .blocks import Block, Rows
from .fields import text_of

_REPLACED = frozenset(("command", "entrypoint", "test", "extends"))
_LISTS = frozenset(("dns", "dns_search", "env_file", "label_file", "tmpfs"))
_BY_TARGET = frozenset(("volumes", "configs", "secrets"))
_WITH_DEFAULTS: Mapping[str, Mapping[str, str]] = {"depends_on": {"condition": "service_started"}, "networks": {}}
_BY_NAME = frozenset(("environment", "labels", "annotations", "sysctls", "extra_hosts", "args", "additional_contexts"))


def merge(base: Any, over: Any, key: str = "") -> Any:
    """Lay ``over`` on ``base``; ``key`` is what both stand under."""
    if key in _REPLACED or not (_composed(base) and _composed(over)):
        return over
    if isinstance(base, Block) and isinstance(over, Block):
        return _blocks(base, over)
    if key in _BY_NAME or key in _WITH_DEFAULTS:
        return _blocks(by_name(base, key), by_name(over, key))
    if isinstance(base, Block) or isinstance(over, Block):
        return over
    return _by_target(base, over) if key in _BY_TARGET else _rows(base, over)


def _composed(value: Any) -> bool:
    return isinstance(value, (Block, Rows))


def _blocks(base: Block, over: Block) -> Block:
    result = base.like()
    if over.get("driver") not in (None, base.get("driver")) and "options" in base:
        del result["options"]  # options of another log driver mean nothing to this one
    for key, value in over.items():
        tag = over.tags.get(key, "")
        if tag == "!reset":
            result.pop(key, None)
        elif tag == "!override" or key not in result:
            result.put(key, cleared(value), over.at[key])
        elif value is not None:
            result.put(key, merge(_listed(result, key), _listed(over, key), key), over.at[key])
    return result


def _listed(block: Block, key: str) -> Any:
    """Return a value; where one item may stand for a list, that list."""
    value = block[key]
    return (
        Rows([value], [block.at[key]]) if key in _LISTS and value is not None and not isinstance(value, Rows) else value
    )


def cleared(value: Any) -> Any:
    """Take the tags out of what is laid over nothing: what they reset is not there."""
    if not isinstance(value, Block):
        return value
    copy = value.like()
    for key, tag in value.tags.items():
        if tag == "!reset":
            del copy[key]
    copy.tags.clear()
    for key in copy:
        copy[key] = cleared(copy[key])
    return copy


def by_name(value: Any, key: str) -> Block:
    """Return a list of names, or of `NAME=value`, as the mapping that it stands for."""
    if isinstance(value, Block):
        return value
    block = Block()
    for item, spot in value.spotted():
        if key in _WITH_DEFAULTS:
            inner = Block()
            for name, one in _WITH_DEFAULTS[key].items():
                inner.put(name, one, spot)
            block.put(text_of(item), inner, spot)
        else:
            name, sign, text = text_of(item).partition("=")
            block.put(name, text if sign else None, spot)
    return block


def _rows(base: Rows, over: Rows) -> Rows:
    added = [(item, spot) for item, spot in over.spotted() if item not in base]
    return Rows([*base, *(item for item, _unused in added)], [*base.at, *(spot for _unused, spot in added)])


def _by_target(base: Rows, over: Rows) -> Rows:
    """Append, but what has the same place inside the container takes the place of the former."""
    targets = {_target(item) for item in over}
    kept = [(item, spot) for item, spot in base.spotted() if _target(item) not in targets]
    both = [*kept, *over.spotted()]
    return Rows([item for item, _unused in both], [spot for _unused, spot in both])


def _target(item: Any) -> str:
    if isinstance(item, Block):
        return text_of(item.get("target") or item.get("source"))
    parts = text_of(item).split(":")
    return parts[1] if len(parts) > 1 else parts[0]

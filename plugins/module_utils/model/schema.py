# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the schema is written: JSON Schema (draft 2020-12) as Python dicts, put together from the few shapes below.

The one source of the checker, the normal form, the published schemas, the reference and Ansible's documentation. Keywords that
begin with `x-` are ours and say what JSON Schema can't:

- `x-sensitive`: values of this field are never shown, only their type;
- `x-set`: the order of the list means nothing;
- `x-key`: this schema is about the keys of a mapping;
- `x-shorthand`: the name of the rule (model/shorthand.py) that turns a short form into the long one;
- `x-verbatim`: kept as written in normal form, its short form apart;
- `x-later`: fields that a later version will have, each with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_MISSING: Any = object()


def _with(schema: Schema, default: Any, more: Schema) -> Schema:
    return {**schema, **({} if default is _MISSING else {"default": default}), **_keywords(more)}


def _keywords(more: Schema) -> Schema:
    """Turn Python's names of keywords into JSON Schema's: `x_set` -> `x-set`, `not_` -> `not`."""
    return {key.rstrip("_").replace("_", "-"): value for key, value in more.items()}


def formatted(fmt: str, description: str, default: Any = _MISSING, **more: Any) -> Schema:
    """Text of a format."""
    return _with({"type": "string", "format": fmt, "description": description}, default, more)


def quantity(fmt: str, description: str, default: Any = _MISSING, **more: Any) -> Schema:
    """A duration, size or CPU share: text with a unit, or a bare number."""
    return _with({"type": ["string", "number"], "format": fmt, "description": description}, default, more)


def integer(description: str, minimum: int, maximum: int, default: Any = _MISSING, **more: Any) -> Schema:
    """A whole number within bounds."""
    bounds = {"type": "integer", "minimum": minimum, "maximum": maximum, "description": description}
    return _with(bounds, default, more)


def flag(description: str, default: bool = False, **more: Any) -> Schema:
    """True or false."""
    return {"type": "boolean", "default": default, "description": description, **_keywords(more)}


def choice(values: list[str], description: str, default: Any = _MISSING, **more: Any) -> Schema:
    """One of several words."""
    return _with({"type": "string", "enum": values, "description": description}, default, more)


def listed(items: Schema, description: str, **more: Any) -> Schema:
    """A list; empty unless given."""
    return {"type": "array", "items": items, "default": [], "description": description, **_keywords(more)}


def mapping(key_format: str, values: Schema, description: str, **more: Any) -> Schema:
    """A mapping whose keys the user chooses; empty unless given."""
    return {
        "type": "object",
        "propertyNames": {"type": "string", "format": key_format, "x-key": True},
        "additionalProperties": values,
        "default": {},
        "description": description,
        **_keywords(more),
    }


def group(properties: dict[str, Schema], description: str = "", required: tuple[str, ...] = (), **more: Any) -> Schema:
    """Fields that belong together, and no others. Left out means the same as empty when nothing is required."""
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "description": description,
    }
    if required:
        schema["required"] = list(required)
    return {**schema, **_keywords(more)}


def by_kind(kinds_: dict[str, Schema], description: str, **more: Any) -> Schema:
    """One of several groups; the field `type` says which. `if` and `then`, so that every validator speaks of the fields of that type."""
    names = choice([*kinds_], "Which kind.")
    return {
        "type": "object",
        "properties": {"type": names},
        "required": ["type"],
        "allOf": [
            {
                "if": {"type": "object", "properties": {"type": {"enum": [name]}}, "required": ["type"]},
                "then": {
                    **one,
                    "properties": {"type": choice([name], "Which kind."), **one["properties"]},
                    "required": ["type", *one.get("required", ())],
                },
            }
            for name, one in kinds_.items()
        ],
        "description": description,
        **_keywords(more),
    }


def kinds(schema: Schema) -> dict[str, Schema]:
    """Return the groups that `type` chooses from, by its values; none where it chooses nothing."""
    return {one["if"]["properties"]["type"]["enum"][0]: one["then"] for one in schema.get("allOf", ())}


def _properties(schema: Schema) -> dict[str, Schema]:
    """Return all fields of a group, those of its kinds included; of one that several kinds have, the first."""
    found: dict[str, Schema] = dict(schema.get("properties", {}))
    for one in kinds(schema).values():
        found = {**one["properties"], **found}
    return found


def exactly_one(*names: str) -> list[Schema]:
    """The value of `oneOf` that asks for exactly one of some fields."""
    return [{"required": [name]} for name in names]


def one_or_many(schema: Schema) -> Schema:
    """Return the part of a schema that describes one entry, whether it stands alone, in a list or in a mapping."""
    found = schema.get("items") or schema.get("additionalProperties")
    return found if isinstance(found, dict) else schema


def schema_at(schema: Schema, path: str) -> Schema | None:
    """Find the schema of a field path (`resources.memory`, `ports.host`, `env.DEBUG`); None when there is no such field.

    List positions are left out of a path or written in brackets.
    """
    for name in filter(None, path.replace("[", ".[").split(".")):
        if schema.get("type") == "array":
            schema = schema["items"]
        if name.startswith("["):
            continue
        inner = _properties(schema).get(name)
        extra = schema.get("additionalProperties")
        if inner is None and isinstance(extra, dict):
            inner = extra
            if "properties" not in extra:
                return extra  # the user's own keys may hold dots: all the rest of the path is the key
        if inner is None:
            return None
        schema = inner
    return schema


def fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Yield (path, schema, whether it is required) of every field below a schema, parents before children.

    Fields of list entries are written `ports[].host`, those of the user's own keys `ulimits.*.soft`.
    """
    required = schema.get("required", ())
    for name, inner in _properties(schema).items():
        path = f"{prefix}.{name}" if prefix else name
        yield path, inner, name in required
        entry = one_or_many(inner)
        mark = "" if entry is inner else "[]" if "items" in inner else ".*"
        yield from fields(entry, path + mark)

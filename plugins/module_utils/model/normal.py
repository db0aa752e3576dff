# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal form: what a valid document means, with one way to say each thing.

Durations are seconds, sizes bytes, CPU millicores; short forms are written out; lists whose order means nothing are sorted; and
what equals its default is left out. So a default that was written down changes no digest, nor does one that a later version adds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from .formats import FORMATS, parser
from .schema import Schema, kinds, schema_at
from .schema_worker import WORKER, spec_schema
from .shorthand import SHORTHANDS
from .worker import Spec

Convert = Callable[[Any], Any]

#: Stands for the recorded form of a secret value, see model/digest.py.
HIDDEN_PREFIX = "hmac:"
_UNSET: Any = object()


def normalise(worker: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a valid worker entry into normal form, fields that only the engine reads included."""
    found: dict[str, Any] = _normaliser()(worker)
    return found


def normalise_field(name: str, value: Any) -> Any:
    """Bring one top-level field of a valid worker into normal form; None when it equals its default."""
    return _normaliser()({name: value}).get(name)


def with_defaults(spec: Spec) -> dict[str, Any]:
    """Merge the schema's defaults into a spec in normal form, at every level that is there or that defaults to something."""
    found: dict[str, Any] = _filler()(spec)
    return found


def written(value: Any, schema: Schema = WORKER) -> Any:
    """Turn a normal form back into what a person would write; `normalise` of it gives the same normal form."""
    if schema.get("x-verbatim"):
        return value
    if isinstance(value, Mapping):
        return {key: written(inner, schema_at(schema, str(key)) or {}) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(inner, schema.get("items", {})) for inner in value]
    show = FORMATS[schema["format"]].show if "format" in schema else None
    return show(value) if show and isinstance(value, (int, float)) else value


def humanise(path: str, value: Any) -> str:
    """Render the normal form of a worker's field for people: `512Mi`, `30s`, `500m`.

    None, the value of a field that is not set, reads as its default. Digests of secret values read as `(hidden)`.
    """
    schema = schema_at(WORKER, path) or {}
    if value is None:
        value = schema.get("default", _UNSET)
        return "(not set)" if value is _UNSET or value in ({}, [], "") else _line(value)
    return _line(written(value, schema))


def _line(value: Any) -> str:
    if isinstance(value, str):
        return "(hidden)" if value.startswith(HIDDEN_PREFIX) else value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_line(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_line(inner) for inner in value) + "]"
    return json.dumps(value)


@lru_cache(maxsize=1)
def _normaliser() -> Convert:
    return compile_normal(WORKER) or dict


@lru_cache(maxsize=1)
def _filler() -> Convert:
    return compile_filler(spec_schema())


def compile_normal(schema: Schema) -> Convert | None:
    """Return the function that brings a valid value of a schema into normal form; None when it already is."""
    steps: list[Convert] = []
    if "x-shorthand" in schema:
        steps.append(SHORTHANDS[schema["x-shorthand"]])
    types = schema.get("type", "")
    types = [types] if isinstance(types, str) else types
    if schema.get("x-verbatim"):
        pass
    elif "object" in types:
        steps.append(_unless_text(_object_normal(schema), types))
    elif "array" in types:
        steps.extend(_array_normal(schema))
    elif "format" in schema and FORMATS[schema["format"]].converts:
        steps.append(parser(schema["format"]))
    if len(steps) <= 1:
        return steps[0] if steps else None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return convert


def normal_default(schema: Schema) -> Any:
    """Return a field's default in normal form, or a value that equals nothing when it has none."""
    if "default" not in schema:
        return _UNSET
    convert = compile_normal(schema)
    return convert(schema["default"]) if convert else schema["default"]


def _unless_text(convert: Convert, types: Collection[str]) -> Convert:
    """Leave text as it is where text may stand in the place of a group."""
    return convert if "string" not in types else lambda value: value if isinstance(value, str) else convert(value)


def _object_normal(schema: Schema) -> Convert:
    chosen = {name: _object_normal(one) for name, one in kinds(schema).items()}
    if chosen:
        return lambda value: chosen[value["type"]](value)
    known = {
        name: (compile_normal(inner), normal_default(inner)) for name, inner in schema.get("properties", {}).items()
    }
    extra = schema.get("additionalProperties")
    others = (compile_normal(extra) if isinstance(extra, dict) else None, _UNSET)

    def convert(value: Any) -> Any:
        found = {}
        for key, inner in value.items():
            change, default = known.get(key, others)
            if change is not None:
                inner = change(inner)
            if inner != default:
                found[key] = inner
        return found

    return convert


def _array_normal(schema: Schema) -> list[Convert]:
    change = compile_normal(schema.get("items", {}))
    steps: list[Convert] = [] if change is None else [lambda value: [change(inner) for inner in value]]
    return [*steps, _sorted] if schema.get("x-set") else steps


def _sorted(values: list[Any]) -> list[Any]:
    if len(values) < 2:
        return values
    return sorted(
        values,
        key=lambda one: (
            (one.get("name") or one.get("path", ""), json.dumps(one, sort_keys=True)) if isinstance(one, dict) else one
        ),
    )


def compile_filler(schema: Schema) -> Convert:
    """Return the function that merges a schema's defaults into a normal form."""
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    types = schema.get("type", "")
    chosen = {name: compile_filler(one) for name, one in kinds(schema).items()}
    if chosen:
        return lambda value: chosen[value["type"]](value)
    if "object" in types and properties:
        return _unless_text(_group_filler(properties), types)
    if "object" in types and isinstance(extra, dict) and "properties" in extra:
        fill = compile_filler(extra)
        return lambda value: {key: fill(inner) for key, inner in value.items()}
    if "array" in types and "properties" in schema.get("items", {}):
        fill = compile_filler(schema["items"])
        return lambda value: [fill(inner) for inner in value]
    return lambda value: value


def _group_filler(properties: dict[str, Schema]) -> Convert:
    fillers = [(name, compile_filler(inner), normal_default(inner)) for name, inner in properties.items()]
    known = frozenset(properties)

    def fill(value: Any) -> Any:
        found = {key: inner for key, inner in value.items() if key not in known}
        for name, inner_fill, default in fillers:
            inner = value.get(name, default)
            if inner is not _UNSET:
                # Containers are copied, so that nobody can change a default for everybody.
                found[name] = inner_fill(
                    inner if name in value or not isinstance(inner, (dict, list)) else inner.copy()
                )
        return found

    return fill

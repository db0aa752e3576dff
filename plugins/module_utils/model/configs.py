# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configured providers and the backend: types told, keys checked, defaults merged in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .check import Fault, compile_check
from .coerce import coerce
from .detect import DEFAULT_TYPE, detect_type
from .errors import InvalidDocument, Problem
from .normal import compile_filler, compile_normal
from .place import Place
from .schema import Schema
from .schema_audit import AUDIT
from .schema_document import BACKEND, PROVIDER_COMMON, provider_schema, store_schema

Config = dict[str, Any]

DEFAULT_STORE = "local"  # also its type
_NAMED: Schema = {"type": "object", "propertyNames": {"type": "string", "format": "name", "x-key": True}}


def read_config(value: Any, schema: Schema, place: Place) -> tuple[Config, list[Problem]]:
    """Return a configuration in normal form with its defaults, or what is wrong with it."""
    check = compile_check(schema)
    if check(value) is not None:
        value = coerce(value, schema)
    fault = check(value)
    if fault is not None:
        return {}, _worded(value, schema, place, fault)
    normal = compile_normal(schema) or dict
    config: Config = compile_filler(schema)(normal(value))
    return config, []


def read_text(value: Any, schema: Schema, name: str) -> list[Problem]:
    """Return what is wrong with a single text of the document's head."""
    fault = compile_check(schema)(value)
    return _worded(value, schema, Place(name), fault) if fault else []


def read_backend(value: Any) -> Config:
    """Return the backend's configuration with its defaults. Raises InvalidDocument."""
    config, wrong = read_config({} if value is None else value, BACKEND, Place("backend"))
    if wrong:
        raise InvalidDocument(wrong)
    return config


def read_providers(value: Any, schemas: Mapping[str, Schema]) -> tuple[dict[str, Config], list[Problem]]:
    """Return the providers by name, each with its `type`, and what is wrong with the others.

    ``schemas`` maps each type that there is here to the fragment that describes its own keys. No providers at all means
    one, `local`, that runs processes.
    """
    if not value and (value is None or isinstance(value, dict)):
        value = {"local": {"type": DEFAULT_TYPE}}
    return _read_each(
        "providers", value, "write {type: process}", lambda place, written: _read_provider(place, written, schemas)
    )


def _read_each(
    what: str, value: Any, example: str, read: Callable[[str, dict[str, Any]], tuple[Config, list[Problem]]]
) -> tuple[dict[str, Config], list[Problem]]:
    """Read a mapping of configurations by name; ``read`` gets the place of one and what is written there."""
    if not isinstance(value, dict):
        return {}, [_no_mapping(what, value, example.replace("{", "NAME: {", 1))]
    found: dict[str, Config] = {}
    wrong: list[Problem] = []
    for name, written in value.items():
        place = Place(what).under((name,))
        if (fault := compile_check(_NAMED)({name: None})) is not None:
            wrong += _worded({name: None}, _NAMED, Place(what), fault)
            continue
        if written is not None and not isinstance(written, dict):
            wrong.append(_no_mapping(place, written, example))
            continue
        config, faults = read(place, written or {})
        wrong += faults
        if not faults:
            found[name] = config
    return found, wrong


def _read_provider(place: str, written: dict[str, Any], schemas: Mapping[str, Schema]) -> tuple[Config, list[Problem]]:
    kind = detect_type(place, written, schemas, PROVIDER_COMMON)
    if isinstance(kind, Problem):
        return {}, [kind]
    return read_config({**written, "type": kind}, provider_schema(schemas[kind]), Place(place))


def _worded(value: Any, schema: Schema, place: Place, fault: Fault) -> list[Problem]:
    from .words import problems  # imported for invalid documents only

    return problems(value, schema, place, fault)


def _no_mapping(path: str, value: Any, hint: str) -> Problem:
    from .traps import type_name

    return Problem(path, f"expected a mapping by name, got {type_name(value)}", hint)


def read_stores(value: Any, schemas: Mapping[str, Schema]) -> tuple[dict[str, Config], list[Problem]]:
    """Return the stores by name, each with its `type`, and what is wrong with the others; see ``read_providers``. No stores at
    all means one, `local`.
    """
    if not value and (value is None or isinstance(value, dict)):
        value = {DEFAULT_STORE: {}} if DEFAULT_STORE in schemas else {}
    return _read_each(
        "stores", value, "write {type: local}", lambda place, written: _read_store(place, written, schemas)
    )


def _read_store(place: str, written: dict[str, Any], schemas: Mapping[str, Schema]) -> tuple[Config, list[Problem]]:
    kind = written.get("type", DEFAULT_STORE)
    if kind not in schemas:
        message = f"{kind!r} is not a type of store" if isinstance(kind, str) else "a type is text"
        return {}, [Problem(f"{place}.type", message, f"write one of {', '.join(sorted(schemas))}")]
    return read_config({**written, "type": kind}, store_schema(schemas[kind]), Place(place))


def read_audit(value: Any, stores: Mapping[str, Any]) -> tuple[Config, list[Problem]]:
    """Return the settings of the audit chain with their defaults, or what is wrong with them. ``stores`` is what may be an anchor."""
    place = Place("audit")
    config, wrong = read_config({} if value is None else value, AUDIT, place)
    for number, anchor in enumerate(config.get("anchors", ())):
        if "store" in anchor and anchor["store"] not in stores:
            hint = f"the configured ones are: {', '.join(stores)}" if stores else "configure one in stores"
            path = place.under(("anchors", number, "store"))
            wrong.append(Problem(path, f"there is no store '{anchor['store']}'", hint))
    return config, wrong


def public(config: Mapping[str, Any], schema: Schema) -> Config:
    """Return a provider's configuration without the values that its schema calls sensitive."""
    hidden = {key for key, inner in schema.get("properties", {}).items() if inner.get("x-sensitive")}
    return {key: value for key, value in config.items() if key not in hidden}

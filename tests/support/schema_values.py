# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis strategies made from our schemas: values that are valid, and values with something broken in them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.schema import kinds

#: format -> texts and numbers that are of it.
GOOD: dict[str, list[Any]] = {
    "duration": ["0s", "30s", "1h30m", "250ms", 5, 0.5, "2w", "1.5h"],
    "positive_duration": ["1ms", "30s", "1d", 5, 0.25],
    "size": ["0", "512Mi", "2Gi", "1.5Gi", "10G", "4096", 1024, 7],
    "cpu": ["500m", "0.5", "2", 2, 0.001, 1.5],
    "text": ["", "x", "a b", "ünï", "a: b", "--flag=1", "/x", "/srv/data", "/var/lib/x", "/data"],
    "name": ["a", "runner-1", "a_b", "x" * 63],
    "address": ["db", "worker.db", "db[0]"],
    "movable": ["db", "worker.db[0]", "owner.ci-prod"],
    "port_name": ["http", "a1", "x-y"],
    "secret_name": ["a", "db/password", "@acme/db/password", "_x.y-z", "a" * 200],
    "tenant": ["a", "acme-1", "x" * 63],
    "tag_name": ["a", "team/x.y_z-1", "hodeix"],
    "tag": ["", "any text ñ"],
    "mode": ["0644", "700"],
    "base64": ["", "aGVsbG8=", "//79", "AGE="],
    "env_name": ["A", "_x", "LOG_LEVEL", "a.b"],
    "label_name": ["team", "example.org/x", "A-b"],
    "user": ["root", "1000:1000", "app:staff", 0, 1000],
    "image": ["app", "registry.example:5000/team/app:1.4-RC1", "a/b@sha256:" + "0" * 64],
    "cidr": ["10.0.0.0/8", "10.1.2.3", "fd00::/8"],
    "ip": ["127.0.0.1", "::1"],
    "port_range": ["8000-8010", "80-80"],
    "host": ["db.internal", "10.0.0.1", "::1"],
    "endpoint": ["loghost:20514", "[::1]:20514"],
    "capability": ["NET_ADMIN", "CAP_CHOWN", "kill"],
    "uuid": ["0C6F1F0E-5F0E-4d53-9a0e-3d8f5f2a7c11"],
    "subject": ["user:alice", "role:ci-*", "serviceaccount:ci-app", "group:ops", "uid:0", "claimed:a@b"],
    "role_name": ["security_admin", "*"],
    "clock": ["00:00", "23:59"],
    "timezone": ["UTC", "Europe/Madrid"],
    "instant": ["2027-01-31T12:00:00Z", "2027-01-31T12:00:00.5+01:00"],
    "restart_policy": ["never", "on_failure", "always"],
    "all_word": ["all", "ALL"],
    "share": [1, "3", "25%", "100%"],
    "index": ["0", "7", "42"],
    "ulimit_name": ["nofile", "core"],
    "field_name": ["password", "private key"],
    "generated": ["password", "token"],
    "symbols": ["!#-", "-_.-"],
    "characters": ["", "0O1l"],
    "key_prefix": ["ci_", "Ab-c"],
    "line": ["", "deploy@ci"],
    "x500_name": ["api.example.org", "ünï"],
    "country": ["ES"],
    "dns_name": ["api.example.org", "*.example.org", "a"],
    "email": ["ops@example.org"],
    "uri": ["spiffe://example.org/ci", "urn:x:y"],
}

#: What people, templates and YAML put where something else belongs.
JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    420,
    1342,
    10**12,
    1.0,
    1.1,
    "",
    "yes",
    "1e3",
    "512Mb",
    "A b",
    "x\0y",
    "10.2.0.1/16",
    "ünï\n",
    [],
    ["a", "a"],
    [1],
    [None],
    {},
    {"name": "x"},
    {"a": {"b": 1}},
]


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema accepts."""
    types = schema["type"]
    return st.one_of([_of_type(name, schema) for name in ([types] if isinstance(types, str) else types)])


def _of_type(name: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if name == "object":
        return st.one_of([_objects(one) for one in kinds(schema).values()] or [_objects(schema)])
    if name == "array":
        items = values(schema["items"])
        unique = {"unique_by": repr} if schema.get("uniqueItems") else {}
        return st.lists(items, min_size=schema.get("minItems", 0), max_size=3, **unique)  # type: ignore[arg-type]
    if name == "boolean":
        return st.booleans()
    if name == "integer":
        bounds = st.integers(schema.get("minimum", -5), schema.get("maximum", 5000))
        lowest = 1 if schema.get("format") == "share" else 0
        return bounds if "format" not in schema or "minimum" in schema else st.integers(lowest, 5000)
    wanted = (str,) if name == "string" else (int, float)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return st.sampled_from([one for one in GOOD[schema.get("format", "text")] if isinstance(one, wanted)])


@st.composite
def _objects(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    one_of = [choice["required"][0] for choice in schema.get("oneOf", ())]
    optional = [name for name in properties if name not in schema.get("required", ()) and name not in one_of]
    names = (
        [*schema.get("required", ()), *draw(st.lists(st.sampled_from(optional), unique=True, max_size=6))]
        if optional
        else [*schema.get("required", ())]
    )
    if one_of:
        names.append(draw(st.sampled_from(one_of)))
    unwanted = schema.get("not", {}).get("required", ())
    if unwanted and all(name in names for name in unwanted):
        names.remove(unwanted[0])
    found = {name: draw(values(properties[name])) for name in names}
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        keys = st.sampled_from(GOOD[schema["propertyNames"]["format"]])
        found.update(draw(st.dictionaries(keys, values(extra), max_size=3)))
    return found


@st.composite
def broken(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """Values that were valid before something was replaced, removed or added; some still are valid."""
    value = copy.deepcopy(draw(values(schema)))
    for _unused in range(draw(st.integers(1, 3))):
        value = _mutated(draw, value)
    return value


def _mutated(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value, key=repr)))
        what = draw(st.sampled_from(["replace", "inside", "inside", "remove", "add"]))
        if what == "inside":
            return {**value, key: _mutated(draw, value[key])}
        if what == "remove":
            return {name: inner for name, inner in value.items() if name != key}
        if what == "add":
            return {
                **value,
                draw(st.sampled_from(["colour", "memory", "port", "http", True, 7])): draw(st.sampled_from(JUNK)),
            }
        return {**value, key: draw(st.sampled_from(JUNK))}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [_mutated(draw, value[0]), *value[1:], *(value[:1] if draw(st.booleans()) else [])]
    return draw(st.sampled_from(JUNK))


def field_paths(schema: dict[str, Any], prefix: str = "") -> list[str]:
    """Name every field of a schema: ``health.http.port``, ``ports[].name``; what has fields of its own counts by those."""
    found: list[str] = []
    for name, inner in schema.get("properties", {}).items():
        items = inner.get("items", {})
        if inner.get("properties"):
            found += field_paths(inner, f"{prefix}{name}.")
        elif items.get("properties"):
            found += field_paths(items, f"{prefix}{name}[].")
        else:
            found.append(f"{prefix}{name}")
    return found


@st.composite
def with_field(draw: st.DrawFn, schema: dict[str, Any], path: str) -> Any:
    """Values that a schema accepts and that have one field; beside it, no more than the schema asks for."""
    head, _unused, rest = path.partition(".")
    listed, name = head.endswith("[]"), head.removesuffix("[]")
    inner = schema["properties"][name]
    found = {key: draw(values(schema["properties"][key])) for key in schema.get("required", ()) if key != name}
    choices = [one["required"][0] for one in schema.get("oneOf", ())]
    if choices and name not in choices:
        found[choices[0]] = draw(values(schema["properties"][choices[0]]))
    if listed:
        found[name] = [draw(with_field(inner["items"], rest))]
    else:
        found[name] = draw(with_field(inner, rest)) if rest else draw(values(inner))
    return found

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A schema compiled into nested functions that say, fast, whether a value is valid, and where it is not.

It decides and stops at the first fault; words for people are made by model/words.py. It knows exactly the keywords that our
schemas use and refuses to compile others, so that it and a JSON Schema library can't disagree in silence
(tests/unit/plugins/module_utils/model/test_check.py compares the two).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from .formats import accepts
from .schema import Schema, kinds

ANNOTATIONS = frozenset(("default", "description", "title", "$schema", "$id"))
KEYWORDS = frozenset(
    (
        "type",
        "enum",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "properties",
        "required",
        "additionalProperties",
        "propertyNames",
        "items",
        "minItems",
        "uniqueItems",
        "oneOf",
        "allOf",
        "not",
    )
)


class Fault(NamedTuple):
    """The first thing that is wrong: where, which keyword of which schema says so, and the value."""

    path: tuple[str | int, ...]
    keyword: str
    value: Any
    schema: Schema


Check: TypeAlias = "Callable[[Any], Fault | None]"
Test = Callable[[Any], bool]


def is_integer(value: Any) -> bool:
    """Tell whether this is a whole number. JSON Schema counts 1.0 as one; we don't, for it may have been a version."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Tell whether this is a number; a boolean is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES: dict[str, Test] = {
    "string": lambda value: isinstance(value, str),
    "integer": is_integer,
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def compile_check(schema: Schema) -> Check:
    """Return the function that checks a value against a schema. Raises ValueError for a keyword that it does not know."""
    unknown = [key for key in schema if key not in KEYWORDS and key not in ANNOTATIONS and not key.startswith("x-")]
    if unknown:
        raise ValueError(f"the checker does not know the keyword {unknown[0]!r}")
    tests = _tests(schema)
    inner = _containers(schema)
    if not inner:
        return _scalar_check(schema, tests)
    if len(inner) == 1 and [keyword for keyword, _test in tests] == ["type"] and isinstance(schema["type"], str):
        return _container_check(schema, *inner[0])

    def check(value: Any) -> Fault | None:
        for keyword, test in tests:
            if not test(value):
                return Fault((), keyword, value, schema)
        for container, look in inner:
            if isinstance(value, container):
                return look(value)
        return None

    return check


def _scalar_check(schema: Schema, tests: list[tuple[str, Test]]) -> Check:
    """The check of a value without parts; most have a type and at most one more test, so those two need no loop."""
    first, second = [*(test for _keyword, test in tests), _passes, _passes][:2]
    short = len(tests) < 3

    def check(value: Any) -> Fault | None:
        if short and first(value) and second(value):
            return None
        for keyword, test in tests:
            if not test(value):
                return Fault((), keyword, value, schema)
        return None

    return check


def _passes(_value: Any) -> bool:
    return True


def _container_check(schema: Schema, container: type, look: Check) -> Check:
    def check(value: Any) -> Fault | None:
        return look(value) if isinstance(value, container) else Fault((), "type", value, schema)

    return check


def _tests(schema: Schema) -> list[tuple[str, Test]]:
    """The keywords that need no look inside the value, `type` first: the others may count on it."""
    tests: list[tuple[str, Test]] = []
    if "type" in schema:
        tests.append(("type", _type_test(schema["type"])))
    if "enum" in schema:
        allowed = tuple(schema["enum"])
        tests.append(("enum", lambda value: value in allowed))
    if "format" in schema:
        tests.append(("format", accepts(schema["format"])))
    if "pattern" in schema:
        search = re.compile(schema["pattern"]).search
        tests.append(("pattern", lambda value: not isinstance(value, str) or search(value) is not None))
    if "minimum" in schema:
        least = schema["minimum"]
        tests.append(("minimum", lambda value: not is_number(value) or value >= least))
    if "maximum" in schema:
        most = schema["maximum"]
        tests.append(("maximum", lambda value: not is_number(value) or value <= most))
    if "oneOf" in schema:
        tests.append(("oneOf", _one_of_test(schema["oneOf"])))
    if "not" in schema:
        unwanted = compile_check(schema["not"])
        tests.append(("not", lambda value: unwanted(value) is not None))
    return tests


def _one_of_test(choices: list[Schema]) -> Test:
    names = [
        choice["required"][0] for choice in choices if choice.keys() == {"required"} and len(choice["required"]) == 1
    ]
    if len(names) == len(choices):
        return lambda value: not isinstance(value, dict) or sum(name in value for name in names) == 1
    checks = [compile_check(choice) for choice in choices]
    return lambda value: sum(check(value) is None for check in checks) == 1


def _type_test(names: str | list[str]) -> Test:
    if isinstance(names, str):
        return TYPES[names]
    first, *others = (TYPES[name] for name in names)
    return lambda value: first(value) or any(test(value) for test in others)


def _containers(schema: Schema) -> list[tuple[type, Check]]:
    found: list[tuple[type, Check]] = []
    if schema.keys() & {"properties", "required", "additionalProperties", "propertyNames", "allOf"}:
        found.append((dict, _object_check(schema)))
    if schema.keys() & {"items", "minItems", "uniqueItems"}:
        found.append((list, _array_check(schema)))
    return found


def _object_check(schema: Schema) -> Check:
    properties = {name: compile_check(inner) for name, inner in schema.get("properties", {}).items()}
    required = tuple(schema.get("required", ()))
    extra = schema.get("additionalProperties", True)
    extra_check = compile_check(extra) if isinstance(extra, dict) else None
    name_check = compile_check(schema["propertyNames"]) if "propertyNames" in schema else None
    kind_checks = {name: compile_check(one) for name, one in kinds(schema).items()}

    def check(value: Any) -> Fault | None:
        for key, item in value.items():
            look = properties.get(key)
            if look is None:
                if extra is False:
                    return Fault((), "additionalProperties", value, schema)
                look = extra_check
            if name_check is not None and (fault := name_check(key)) is not None:
                return fault
            if look is not None and (fault := look(item)) is not None:
                return fault._replace(path=(key, *fault.path))
        for name in required:
            if name not in value:
                return Fault((), "required", value, schema)
        return kind_checks[value["type"]](value) if kind_checks else None

    return check


def _array_check(schema: Schema) -> Check:
    item_check = compile_check(schema.get("items", {}))
    least = schema.get("minItems", 0)
    unique = schema.get("uniqueItems", False)

    def check(value: Any) -> Fault | None:
        if len(value) < least:
            return Fault((), "minItems", value, schema)
        for index, item in enumerate(value):
            if (fault := item_check(item)) is not None:
                return fault._replace(path=(index, *fault.path))
        # Only lists of text are declared unique, and the loop above has seen to that.
        if unique and len(set(value)) != len(value):
            return Fault((), "uniqueItems", value, schema)
        return None

    return check

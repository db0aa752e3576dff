# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a document, said so that a person likes to read it.

`jsonschema` finds all faults of an entry (it is imported only for an entry that is not valid); here each becomes a Problem
with its place, its cause and its cure. Without that library the checker's first fault is worded, and how to get it is said.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import guess, traps
from .check import Fault, is_integer
from .errors import Problem
from .formats import FORMATS, accepts
from .place import Place
from .schema import Schema

_SHOWN = 60


def problems(value: Any, schema: Schema, place: Place, first: Fault) -> list[Problem]:
    """Say everything that is wrong with a value that the checker refused; ``first`` is what the checker found."""
    index = guess.field_index(schema) if "name" in schema.get("properties", {}) else {}
    try:
        faults = _enumerate(value, schema)
    except ImportError:
        return [*word_all([first], place, index), _library_missing()]
    return word_all(faults or [first], place, index)


def _library_missing() -> Problem:
    return Problem(
        "",
        "only the first problem of each entry is shown, because the Python library jsonschema is missing",
        f"install it with: {sys.executable} -m pip install jsonschema",
    )


def _enumerate(value: Any, schema: Schema) -> list[Fault]:
    """Find every fault with jsonschema; ImportError when it is not installed."""
    validator = library_validator(schema)
    found = [
        Fault(tuple(error.absolute_path), str(error.validator), error.instance, error.schema)
        for error in validator.iter_errors(value)
    ]
    return sorted(
        found, key=lambda fault: [str(step).zfill(6) if isinstance(step, int) else str(step) for step in fault.path]
    )


def library_validator(schema: Schema) -> Any:
    """Return jsonschema's validator of a schema, with our formats and our idea of an integer."""
    import jsonschema

    formats = jsonschema.FormatChecker(formats=())
    for name in FORMATS:
        formats.checks(name)(accepts(name))
    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine("integer", lambda _checker, instance: is_integer(instance))
    validator: Any = jsonschema.validators.extend(base, type_checker=types)  # type: ignore[no-untyped-call]
    return validator(schema, format_checker=formats)


def word_all(faults: Iterable[Fault], place: Place, index: guess.Index) -> list[Problem]:
    """Say each fault once; ``index`` tells where else fields of the same name are."""
    by_path: dict[tuple[Any, ...], list[Fault]] = {}
    for fault in faults:
        by_path.setdefault(fault.path, []).append(fault)
    found: list[Problem] = []
    for here in by_path.values():
        # A value of the wrong type breaks other rules only because of that.
        mistyped = [fault for fault in here if fault.keyword == "type"]
        found.extend(_word_object(mistyped or here, place, index))
    return list(dict.fromkeys(found))


def _word_object(faults: list[Fault], place: Place, index: guess.Index) -> Iterator[Problem]:
    """Word the faults of one value; a field that was misspelt is not reported missing as well."""
    spoken: set[str] = set()
    for fault in sorted(faults, key=lambda fault: fault.keyword != "additionalProperties"):
        path = place.under(fault.path)
        if fault.schema.get("x-key"):
            yield _wrong_key(fault, path, place)
        elif fault.keyword == "additionalProperties":
            for message, hint, meant in _unknown_fields(fault, index):
                spoken.add(meant)
                yield Problem(path, message, hint, place.source)
        elif fault.keyword == "required":
            for name in _missing(fault):
                if name not in spoken:
                    about = fault.schema.get("properties", {}).get(name, {}).get("description", "")
                    yield Problem(path, f"'{name}' is missing", _hint_to_add(name, about), place.source)
        elif fault.keyword == "oneOf" and spoken & set(_alternatives(fault.schema)):
            continue
        else:
            message, hint = _WORDS[fault.keyword](fault)
            yield Problem(path, message, hint, place.source)


def _missing(fault: Fault) -> list[str]:
    return [name for name in fault.schema["required"] if name not in fault.value]


def _unknown_fields(fault: Fault, index: guess.Index) -> Iterator[tuple[str, str, str]]:
    """Yield (message, hint, the sibling that was meant or an empty text) for each field that is not ours."""
    known, later = fault.schema.get("properties", {}), fault.schema.get("x-later", {})
    for key in fault.value:
        if key in known:
            continue
        if not isinstance(key, str):
            yield f"the key {_show(key)} is not text", traps.key_cure(key), ""
        elif key in later or "*" in later:
            yield f"'{key}' is not in this version", later.get(key) or later["*"], ""
        else:
            hint, meant = guess.field(key, fault.path, known, index)
            yield f"unknown field '{key}'", hint, meant


def _wrong_key(fault: Fault, path: str, place: Place) -> Problem:
    key = fault.value
    if not isinstance(key, str):
        return Problem(path, f"the key {_show(key)} is not text", traps.key_cure(key), place.source)
    name = key.partition("=")[0]  # what follows may be a secret
    found = FORMATS[fault.schema["format"]]
    better = found.suggest(name) if found.suggest else None
    hint = f"did you mean {better}?" if better and better != name else ""
    return Problem(path, f"'{_clip(name)}' is not {found.what}", hint, place.source)


def _type(fault: Fault) -> tuple[str, str]:
    wanted, value = expected(fault.schema), fault.value
    shown = traps.type_name(value)
    if not fault.schema.get("x-sensitive") and isinstance(value, (str, int, float)):
        shown = f"{_show(value)} ({shown})" if not isinstance(value, bool) else _show(value)
    return f"expected {wanted}, got {shown}", traps.cure(value, fault.schema, fault.path)


def _format(fault: Fault) -> tuple[str, str]:
    found = FORMATS[fault.schema["format"]]
    if fault.schema.get("x-sensitive"):
        return f"the value is not {found.what}", ""
    better = found.suggest(str(fault.value)) if found.suggest else None
    hint = f"write a list: [{_clip(str(fault.value))}]" if "array" in fault.schema["type"] else ""
    if "{{" in str(fault.value):
        hint = (
            "this template was not resolved: Ansible resolves those in variables, arguments and documents, "
            "not in text from a command or a lookup"
        )
    elif better and better != fault.value and accepts(fault.schema["format"])(better):
        hint = f"did you mean {better}?"
    return f"{_show(fault.value)} is not {found.what}", hint


def _pattern(fault: Fault) -> tuple[str, str]:
    shown = "the value" if fault.schema.get("x-sensitive") else _show(fault.value)
    default = fault.schema.get("default")
    return f"{shown} does not have the right form", f"write it like {default}" if default else ""


def _enum(fault: Fault) -> tuple[str, str]:
    allowed = fault.schema["enum"]
    if fault.schema.get("x-sensitive"):
        return f"the value is not one of {', '.join(allowed)}", ""
    if fault.value in (later := fault.schema.get("x-later", {})):
        return f"{_show(fault.value)} is not in this version", later[fault.value]
    close = guess.word(str(fault.value), allowed)
    return f"{_show(fault.value)} is not one of {', '.join(allowed)}", f"did you mean {close}?" if close else ""


def _bound(fault: Fault) -> tuple[str, str]:
    least, most = fault.schema.get("minimum"), fault.schema.get("maximum")
    if most is None:
        return f"{_show(fault.value)} is too small", f"the least is {least}"
    return f"{_show(fault.value)} is out of range", f"write a number from {least} to {most}"


def _one_of(fault: Fault) -> tuple[str, str]:
    names = _alternatives(fault.schema)
    given = [name for name in names if isinstance(fault.value, dict) and name in fault.value]
    rule = f"give exactly one of {_series(names, 'and')}"
    return (
        f"{_series(given, 'and')} cannot be given together" if given else f"{_series(names, 'or')} is missing"
    ), rule


def _not(fault: Fault) -> tuple[str, str]:
    names = fault.schema["not"].get("required", [])
    return f"{_series(names, 'and')} cannot be given together", "keep one of them"


def _min_items(fault: Fault) -> tuple[str, str]:
    return "the list is empty", f"give at least {fault.schema['minItems']}"


def _unique(fault: Fault) -> tuple[str, str]:
    twice = sorted({value for value in fault.value if fault.value.count(value) > 1})
    return f"{', '.join(_show(value) for value in twice)} is listed twice", "remove one of them"


_WORDS: dict[str, Callable[[Fault], tuple[str, str]]] = {
    "type": _type,
    "format": _format,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _bound,
    "maximum": _bound,
    "oneOf": _one_of,
    "not": _not,
    "minItems": _min_items,
    "uniqueItems": _unique,
}


def expected(schema: Schema) -> str:
    """Say what a field takes: `a size such as 512Mi or 2Gi`, `a list`, `one of tcp, udp`."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else types
    names = {"array": "a list", "object": "a mapping", "boolean": "true or false", "integer": "a whole number"}
    fmt = schema.get("format", "text")
    if set(types) == {"string", "number"} or (types == ["string"] and fmt != "text"):
        return FORMATS[fmt].what
    names["string"] = "text" if fmt in ("text", "user") else FORMATS[fmt].what
    return _series([names.get(one, "a number") for one in types], "or")


def _alternatives(schema: Schema) -> list[str]:
    return [name for one in schema.get("oneOf", ()) for name in one.get("required", ())]


def _series(names: list[str], last: str) -> str:
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)


def _hint_to_add(name: str, description: str) -> str:
    sentence = description.partition(". ")[0].rstrip(".").replace("`", "'")
    return f"add {name}: {sentence[:1].lower()}{sentence[1:]}" if sentence else f"add {name}"


def _clip(text: str) -> str:
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return clean if len(clean) <= _SHOWN else clean[: _SHOWN - 3] + "..."


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{_clip(value)}'" if isinstance(value, str) else _clip(str(value))

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a value looks like its rules say.

What is said names the rule and never the value: no part of it, no character, not how long it is (the length of a password is half of
the work of guessing it). So all that a message tells of a value is that it breaks that rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model.characters import LETTERS_AND_DIGITS
from ..model.errors import HodeiError
from ..model.pattern import compiled
from ..model.quantities import show_size
from ..model.schema_secret import FORMAT_NAMES
from ..model.secret_value import SecretValue
from .formats import FORMATS, valid_until

#: A pattern looks at no longer values than this.
MOST_MATCHED = 4096


def check(value: SecretValue, rules: Mapping[str, Any], now: float) -> list[str]:
    """Return everything in which a value breaks rules in normal form; ``now`` is in Unix seconds.

    Raises HodeiError(configuration) when a library is missing.
    """
    found = list(_broken(value, rules, now))
    wanted = rules.get("fields")
    if not wanted:
        return found
    try:
        fields = value.fields()
    except HodeiError:
        return [*found, "it is no JSON object, and rules ask for fields"]
    for name, inner in wanted.items():
        if name not in fields:
            found.append(f"the field '{name}' is missing")
        else:
            found += [f"field '{name}': {one}" for one in _broken(fields[name], inner, now)]
    return found


def _broken(value: SecretValue, rules: Mapping[str, Any], now: float) -> Iterator[str]:
    fmt = rules.get("format")
    if "max_bytes" in rules and len(value.reveal()) > rules["max_bytes"]:
        yield f"it has more than {show_size(rules['max_bytes'])} bytes"
    if fmt is not None and not FORMATS[fmt](value):
        yield f"it is not {FORMAT_NAMES[fmt]}"
    elif fmt is not None and rules.get("not_expired"):
        begin, end = valid_until(fmt, value)
        if not begin <= now:
            yield "it is not valid yet"
        if not now < end:
            yield "it has expired"
    if rules.keys() & {"min_length", "max_length", "classes", "pattern"}:
        yield from _broken_as_text(value, rules)


def _broken_as_text(value: SecretValue, rules: Mapping[str, Any]) -> Iterator[str]:
    try:
        text = value.text()
    except HodeiError:
        yield "it is not UTF-8 text"
        return
    if len(text) < rules.get("min_length", 0):
        yield f"it has fewer than {rules['min_length']} characters"
    if len(text) > rules.get("max_length", len(text)):
        yield f"it has more than {rules['max_length']} characters"
    for name, least in rules.get("classes", {}).items():
        if sum(_is_of(name, one) for one in text) < least:
            yield f"it has fewer than {least} characters of the class {name}"
    if "pattern" in rules:
        if len(text) > MOST_MATCHED:
            yield f"it has more than {MOST_MATCHED} characters, the most that a pattern is matched with"
        elif not compiled(rules["pattern"])(text):
            yield "it does not match the pattern"


def _is_of(name: str, char: str) -> bool:
    if name == "symbols":
        return not any(char in letters for letters in LETTERS_AND_DIGITS.values())
    return char in LETTERS_AND_DIGITS[name]

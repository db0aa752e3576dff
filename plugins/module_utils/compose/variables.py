# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of a Compose file: `${NAME:-default}` in values, and the files that hold them. Pure.

What each form means: https://docs.docker.com/reference/compose-file/interpolation/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"(:?[-?+])")

Unset = Callable[[str], None]


class Unreadable(ValueError):
    """A text that cannot be expanded; ``hint`` is the cure."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def expand(text: str, variables: Mapping[str, str], unset: Unset) -> str:
    """Replace the variables of a text; ``unset`` is told of each that nobody set and that has no default. Raises Unreadable."""
    done, rest = "", text
    while "$" in rest:
        before, _unused, rest = rest.partition("$")
        done += before
        if rest.startswith("$"):
            done, rest = done + "$", rest[1:]
        elif rest.startswith("{"):
            inside, rest = _braces(rest[1:], text)
            done += _braced(inside, variables, unset)
        else:
            name = _NAME.match(rest)
            if name is None:
                raise Unreadable("a $ stands alone", "write $$ for a dollar")
            done, rest = done + _plain(name[0], variables, unset), rest[name.end() :]
    return done + rest


def _braces(text: str, whole: str) -> tuple[str, str]:
    """Split behind the brace that closes."""
    depth = 1
    for position, letter in enumerate(text):
        if letter == "{" and text[position - 1 : position] == "$":
            depth += 1
        elif letter == "}":
            depth -= 1
            if not depth:
                return text[:position], text[position + 1 :]
    raise Unreadable("a ${ is not closed", "add the }, or write $$ for a dollar")


def _plain(name: str, variables: Mapping[str, str], unset: Unset) -> str:
    if name not in variables:
        unset(name)
    return variables.get(name, "")


def _braced(inside: str, variables: Mapping[str, str], unset: Unset) -> str:
    name = _NAME.match(inside)
    rest = inside[name.end() :] if name else inside
    form = _WORD.match(rest)
    if name is None or (rest and form is None):
        raise Unreadable(f"${{{inside}}} is no variable", "write ${NAME}, or ${NAME:-default}")
    if form is None:
        return _plain(name[0], variables, unset)
    value, word = variables.get(name[0]), rest[form.end() :]
    there = bool(value) if form[1].startswith(":") else value is not None
    if form[1].endswith("+"):
        return expand(word, variables, unset) if there else ""
    if there:
        return str(value)
    if form[1].endswith("?"):
        said = expand(word, variables, unset) or "it is required"
        raise Unreadable(f"the variable {name[0]} is not set: {said}", f"set {name[0]} in the environment, or in .env")
    return expand(word, variables, unset)


_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(?:[=:][ \t]*)?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


def parse_env(text: str, variables: Mapping[str, str], unset: Unset) -> dict[str, str | None]:
    """Read a file of variables; one without a value is None. Values see ``variables`` and those above them. Raises Unreadable."""
    found: dict[str, str | None] = {}
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    number = 0
    while number < len(lines):
        line, first = lines[number], number + 1
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise Unreadable(f"line {first} is no NAME=value", "write NAME=value")
        name, value = match[1], line[match.end() :]
        if "=" not in match[0] and ":" not in match[0]:
            if value.strip():
                raise Unreadable(f"line {first} is no NAME=value", "write NAME=value")
            found[name] = None
            continue
        quote = value[:1]
        if quote in ("'", '"'):
            while (end := _end(value, quote)) is None:
                if number == len(lines):
                    raise Unreadable(f"a quote of line {first} is not closed", f"add the {quote}")
                value += "\n" + lines[number]
                number += 1
            value = value[1:end]
        else:
            value = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
        if quote == '"':
            value = re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), value, flags=re.S)
        seen = {**{key: one for key, one in found.items() if one is not None}, **variables}
        try:
            found[name] = value if quote == "'" else expand(value, seen, unset)
        except Unreadable as error:
            raise Unreadable(f"line {first}: {error}", error.hint) from None
    return found


def _end(value: str, quote: str) -> int | None:
    """Find the quote that closes."""
    position = 1
    while position < len(value):
        if value[position] == "\\" and quote == '"':
            position += 1
        elif value[position] == quote:
            return position
        position += 1
    return None


def parse_raw_env(text: str) -> dict[str, str | None]:
    """Read a file of variables whose values stand as they are."""
    found: dict[str, str | None] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        name, sign, value = line.partition("=")
        if line.strip() and not line.startswith("#"):
            found[name] = value if sign else None
    return found

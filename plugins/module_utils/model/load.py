# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in files: YAML, JSON or TOML text read into plain values, with errors that name line, column and the usual cause."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Hashable
from typing import Any, NoReturn

from .errors import HodeiError, InvalidDocument, Kind, Problem
from .schema_document import document_schema


def load_text(text: str, fmt: str, source: str) -> Any:
    """Read a text of format ``yaml``, ``json`` or ``toml``; ``source`` is what error messages call it.

    Raises InvalidDocument when the text can't be read, HodeiError(configuration) when the library for YAML is missing.
    """
    readers: dict[str, Callable[[str, str], Any]] = {"yaml": _yaml, "json": _json, "toml": _toml}
    return _read(readers[fmt], text, source)


def load_nodes(text: str, source: str, loader_of: Callable[[Any], Any], take: Callable[[Any], Any]) -> Any:
    """Read a YAML text in a way of one's own: ``loader_of(yaml)`` makes a loader, ``take`` asks it. Raises as load_text does."""
    return _read(lambda text, source: _yaml_by(text, source, loader_of, take), text, source)


def _read(reader: Callable[[str, str], Any], text: str, source: str) -> Any:
    try:
        found = reader(text.removeprefix("\ufeff"), source)
        _refuse_nested(found)
    except RecursionError:
        hint = (
            f"write it flatter: {_MOST_NESTED} levels are enough for any document; an anchor may not be part of itself"
        )
        raise InvalidDocument([Problem("", "it is nested too deeply, or without end", hint, source)]) from None
    except InvalidDocument:
        _refuse_other_causes(text, source)
        raise
    return found


def _refuse_nested(content: Any) -> None:
    """Raise RecursionError for what nobody could go through. Parts that anchors share are looked at once."""
    waiting, looked_at = [(content, 0)], dict[int, int]()
    while waiting:
        one, depth = waiting.pop()
        if looked_at.get(id(one), -1) >= depth:
            continue
        if depth > _MOST_NESTED:
            raise RecursionError
        looked_at[id(one)] = depth
        parts = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [(part, depth + 1) for part in parts if isinstance(part, (dict, list))]


def _refuse_other_causes(text: str, source: str) -> None:
    """Name what makes a file unreadable in any format, where it is that."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            hint = "choose one side, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>"
            _fail(source, number, 1, "this is a marker of a merge conflict", hint)
        if "\0" in line:
            _fail(source, number, line.index("\0") + 1, "this is no text in UTF-8", "save the file as UTF-8")


def split_document(content: Any, source: str) -> dict[str, Any]:
    """Return the top-level fields of a document file (`owner`, `workers`...); a bare list is a list of workers.

    Keys that begin with `x-` are for the user's own YAML anchors and left out. Raises InvalidDocument for unknown keys.
    """
    if isinstance(content, list) and not (content and isinstance(content[0], dict) and "hosts" in content[0]):
        return {"workers": content}
    if isinstance(content, dict):
        fields = {key: value for key, value in content.items() if not (isinstance(key, str) and key.startswith("x-"))}
        schema = document_schema({}, {})
        if not fields.keys() - schema["properties"].keys():
            return fields
    from .lookalike import other_file

    other = other_file(content, source)
    if other is not None:
        raise InvalidDocument([other])
    if not isinstance(content, dict):
        from .traps import type_name

        shown = "an empty file" if content is None else type_name(content)
        raise InvalidDocument(
            [Problem("", f"expected a document, got {shown}", "write workers: and a list below", source)]
        )
    from .check import Fault
    from .place import Place
    from .words import word_all

    fault = Fault((), "additionalProperties", fields, schema)
    raise InvalidDocument(_of_a_worker(word_all([fault], Place("", source), {})))


def _of_a_worker(problems: list[Problem]) -> list[Problem]:
    """Tell where a field belongs that stands at the top of the document; one that is like none of ours may be for an anchor."""
    from .lookalike import of_a_worker

    def better(problem: Problem) -> Problem:
        unknown = re.fullmatch("unknown field '(.*)'", problem.message, re.S)
        if unknown is None or not problem.hint.startswith("the fields here are"):
            return problem
        own = f"{problem.hint}; keys of your own, for anchors, begin with x-: x-{unknown[1]}"
        return problem._replace(hint=of_a_worker(unknown[1]) or own)

    return [better(problem) for problem in problems]


def _fail(source: str, line: int, column: int, message: str, hint: str) -> NoReturn:
    raise InvalidDocument([Problem(f"line {line}, column {column}", message, hint, source)])


#: How deep a document may be nested; ours are ten at most.
_MOST_NESTED = 50
#: What the reader was in when a bracket or a quote was not closed.
_BRACKET = re.compile("flow|quoted")
#: `name:web`, a key without a space before its value.
_GLUED = re.compile(r"^[\s-]*([a-z_]+):([^\s:/][^:]*)$")


# ---- YAML -------------------------------------------------------------------------------------------------------


def _yaml(text: str, source: str) -> Any:
    return _yaml_by(text, source, _yaml_loader, lambda loader: loader.get_single_data())


def _yaml_by(text: str, source: str, loader_of: Callable[[Any], Any], take: Callable[[Any], Any]) -> Any:
    try:
        import yaml
    except ImportError:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"PyYAML is missing, which reads {source}",
            hint=f"Install it with: {sys.executable} -m pip install PyYAML; or write the document as JSON or TOML.",
        ) from None
    loader = loader_of(yaml)(text)
    try:
        return take(loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = str(error.problem or error.context)
        opened = error.context_mark.line + 1 if error.context_mark and _BRACKET.search(str(error.context)) else line
        _fail(source, line, column, what, _yaml_hint(str(error), text, line, opened))
    except yaml.YAMLError as error:
        _fail(source, 1, 1, str(error), "remove characters that are no text")
    finally:
        loader.dispose()


def _yaml_loader(yaml: Any) -> Any:
    """Return a loader that refuses a key given twice, of which PyYAML silently keeps the last."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: dict[Hashable, int] = {}
            for key_node, _value in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                    continue
                key = key_node.value
                if key in seen:
                    first = f"the key '{key}' is there twice (first in line {seen[key]})"
                    raise yaml.constructor.ConstructorError(None, None, first, key_node.start_mark)
                seen[key] = key_node.start_mark.line + 1
            return super().construct_mapping(node, deep)

        def construct_number(self, node: Any) -> Any:
            """Read a number; two spellings of YAML 1.1 that nobody means are refused: 22:22 would be 1342, and 022 would be 18."""
            text = str(node.value).lstrip("+-")
            if ":" in text:
                what = f"{node.value} would be read as a number to the base 60"
                raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)
            if len(text) > 1 and text.isdigit() and text.startswith("0"):
                what = f"{node.value} would be read as an octal number, {int(text, 8)}"
                raise yaml.constructor.ConstructorError(None, None, what, node.start_mark)
            return self.construct_yaml_int(node)

    Loader.add_constructor("tag:yaml.org,2002:int", Loader.construct_number)
    return Loader


def _yaml_hint(error: str, text: str, line: int, opened: int) -> str:
    """Say what usually causes an error; ``opened`` is where the quote or bracket begins in which the reader was."""
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    nearby = "\n".join(lines[max(0, line - 2) : line])
    if "twice" in error:
        return "remove one of them"
    if "\t" in nearby:
        return "YAML knows no tabs: indent with spaces"
    if "could not determine a constructor" in error:
        return "tags such as !vault are for Ansible's own files; put such values into hodei_* variables"
    if "{{" in here:
        return "a value that begins with {{ must be in quotes"
    if "undefined alias" in error:
        return "define the anchor (&name) above its use (*name)"
    glued = next(filter(None, map(_GLUED.match, lines[max(0, line - 2) : line])), None)
    if "mapping values are not allowed" in error and glued:
        return f"write a space after the colon: {glued[1]}: {glued[2]}"
    number = re.search(r"(\S+) would be read as a", error)
    if number:
        return f'put it in quotes: "{number[1]}" (or write a decimal number)'
    if opened < line:
        return f"a quote or a bracket is not closed; it opens in line {opened}"
    if "mapping values are not allowed" in error:
        return "check the indentation, and put text that holds ': ' in quotes"
    if "unexpected end of stream" in error:
        return "a quote or a bracket is not closed"
    if "alphabetic or numeric character" in error:
        return "put text that begins with * or & in quotes"
    if "found another document" in error:
        return "a file holds one document: remove the line ---, and write all workers in one list"
    if "expected <block end>" in error or "did not find expected" in error or "could not find expected" in error:
        return "check the indentation of this line against those above, and that each quote and bracket is closed"
    if "cannot start any token" in error:
        return "put text that begins with @, ` or % in quotes"
    return "check this line and the one above"


# ---- JSON -------------------------------------------------------------------------------------------------------


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        _fail(source, error.lineno, error.colno, error.msg, _json_hint(error, text))
    except _NotPlain as error:
        raise InvalidDocument([Problem("", str(error), "remove or correct it", source)]) from None


class _NotPlain(Exception):
    """What JSON's grammar, or Python's reading of it, lets pass and we don't."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _NotPlain(f"the key '{twice}' is there twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _NotPlain(f"{name} is not a number of JSON")


def _json_hint(error: json.JSONDecodeError, text: str) -> str:
    before, after = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    # Python 3.13 has words of its own for this.
    if "trailing comma" in error.msg or (after[:1] in ("]", "}") and before.endswith(",")):
        return "remove the comma before the closing bracket"
    if after.startswith("'"):
        return 'JSON wants double quotes: "'
    if after.startswith(("//", "/*", "#")):
        return "JSON has no comments; write the document as YAML to have them"
    if "delimiter" in error.msg:
        return "a comma or a closing bracket is missing before this place"
    return "check that each quote and bracket is closed"


# ---- TOML -------------------------------------------------------------------------------------------------------


def _toml(text: str, source: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.fullmatch(
            r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", str(error), re.S
        )
        what = match["what"] if match else str(error)
        line = int(match["line"]) if match and match["line"] else text.count("\n") + 1
        column = int(match["column"]) if match and match["column"] else 1
        hint = (
            "text needs quotes in TOML"
            if "Invalid value" in what
            else "a key or a table is there twice; make one of them"
            if "overwrite" in what or "twice" in what
            else ""
        )
        _fail(source, line, column, what, hint or "check this line and the one above")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words in the text of a file that stand for secrets: ``@@hodei.secret:db/password?field=user@@``.

The filter ``hodei.workers.secret_reference`` writes them, so a template is rendered on the controller without any value; the values are
put in their places where the worker is given the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from .errors import HodeiError, Kind
from .secret_name import SecretName

#: What to do where a word stands for nothing.
USE_THE_FILTER = "write it with the filter: {{ 'db/password' | hodei.workers.secret_reference }}"
_BEGINS = "@@hodei.secret:"
_REFERENCE = re.compile(re.escape(_BEGINS) + r"(@?[^\s@]+)@@")
_KNOWN = {"store": str, "field": str, "version": int}


def reference(secret: str, *, store: str = "", field: str = "", version: int | None = None) -> str:
    """Return the word that stands for a secret, or one field of it. Raises HodeiError(validation) for a name that no secret can have."""
    name = SecretName.parse(secret)
    said = {"store": store, "field": field, "version": version}
    query = urlencode({key: value for key, value in said.items() if value})
    return f"{_BEGINS}{quote(str(name), safe='/@')}{'?' if query else ''}{query}@@"


def names_secrets(text: str) -> bool:
    """Tell whether a text has such a word."""
    return _BEGINS in text


def references(text: str) -> list[dict[str, Any]]:
    """Return what the words of a text stand for, in their order, as entries of ``secrets:``. Raises HodeiError(validation)."""
    found = [_read(match[1]) for match in _REFERENCE.finditer(text)]
    if len(found) != text.count(_BEGINS):
        raise _unreadable(f"{_BEGINS}...")
    return found


def filled(text: str, values: Sequence[str]) -> str:
    """Return a text with the values in the places of its words."""
    left: Iterator[str] = iter(values)
    return _REFERENCE.sub(lambda match: next(left), text)


def _read(word: str) -> dict[str, Any]:
    name, _unused, query = word.partition("?")
    entry: dict[str, Any] = {"secret": unquote(name)}
    try:
        entry |= {key: _KNOWN[key](value) for key, value in parse_qsl(query, strict_parsing=bool(query))}
        SecretName.parse(entry["secret"])
    except (KeyError, ValueError, HodeiError):
        raise _unreadable(word) from None
    return entry


def _unreadable(word: str) -> HodeiError:
    return HodeiError(Kind.VALIDATION, f"'{word}' does not name a secret", hint=USE_THE_FILTER)

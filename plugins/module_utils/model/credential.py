# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of providers and stores: where one comes from, as users write it, and one in the hands of who uses it.

A provider or a store marks the places of its configuration that take one by ``credential()`` in its schema, and finds a ``Credential``
there when it is made: something that is looked up when it is used, and once more when it is refused. Where it comes from is none of its
business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import RLock
from typing import Any, TypeVar

from .place import Place
from .schema import Schema, exactly_one, formatted, group, integer
from .secret_value import SecretValue

T = TypeVar("T")
#: Where a credential may lie outside of stores.
OUTSIDE = ("file", "env", "fd", "keyring")
SOURCES = (*OUTSIDE, "secret")
_FIELDS: dict[str, Schema] = {
    "file": formatted("text", "A file of this user's own (0600)."),
    "env": formatted("env_name", "An environment variable of the task."),
    "fd": integer("A file descriptor that `ansible-playbook` was started with: `3< <(pass show x)`.", 3, 1 << 20),
    "keyring": formatted("text", "SERVICE/NAME in the keyring of the desktop."),
    "secret": formatted("secret_name", "A secret of a store."),
    "store": formatted("name", "The store of that secret. Left out: the only one."),
    "version": integer("A certain version of it. Left out: the current one.", 1, 1 << 31),
    "field": formatted("text", "One field of it."),
}


def credential(description: str, others: Mapping[str, Schema] | None = None, **more: Any) -> Schema:
    """Return the schema of a place that takes a credential; ``others`` are further ways to give it."""
    others = others or {}
    return group(
        {**_FIELDS, **others},
        f"{description} It comes from exactly one of {', '.join(f'`{one}`' for one in (*SOURCES, *others))}.",
        oneOf=exactly_one(*SOURCES, *others),
        x_credential=True,
        **more,
    )


def text_or_credential(text: str, description: str, **more: Any) -> Schema:
    """Return the schema of a place where a credential may stand as text, too; ``text`` says what that text is."""
    return {
        **credential(f"{description} Text is {text}. Else", **more),
        "type": ["string", "object"],
        "format": "text",
    }


class Credential:
    """One credential; its value is looked up when it is first used. Threads may share it. Its text is the place that it comes from."""

    def __init__(self, named: str, load: Callable[[], SecretValue], file: str = "") -> None:
        """``load`` looks it up anew, and raises HodeiError. ``file`` is where it lies, if that is a file."""
        self.load = load
        self.file = file
        self._named = named
        self._lock = RLock()
        self._held: SecretValue | None = None

    def value(self) -> SecretValue:
        """Return the value. Raises HodeiError."""
        with self._lock:
            if self._held is None:
                self._held = self.load()
            return self._held

    def renewed(self, refused: SecretValue) -> bool:
        """Tell whether there is another value than one that was refused, by now. Raises HodeiError."""
        with self._lock:
            if self._held is None or self._held == refused:
                self._held = self.load()
            return self._held != refused

    def __repr__(self) -> str:
        return self._named


def again(credentials: Iterable[Credential], call: Callable[[], T], refused: Callable[[Exception], bool]) -> T:
    """Make a call that uses credentials; when it is refused and one of them is another by now, make it once more."""
    used = [(one, one.value()) for one in credentials]
    try:
        return call()
    except Exception as error:
        if not refused(error):
            raise
        others = [one.renewed(value) for one, value in used]  # all of them: a key has its certificate
        if not any(others):
            raise
    return call()


def written(config: Any, schema: Schema, place: Place) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each credential of a valid configuration that is no text: its path, and what is written there."""
    found: list[tuple[str, Mapping[str, Any]]] = []

    def note(path: str, source: Mapping[str, Any]) -> Any:
        found.append((path, source))
        return source

    replaced(config, schema, place, note)
    yield from found


def replaced(config: Any, schema: Schema, place: Place, make: Callable[[str, Mapping[str, Any]], Any]) -> Any:
    """Return a valid configuration with something else in the place of each credential that is no text."""
    if isinstance(config, Mapping):
        if schema.get("x-credential") and not config.keys().isdisjoint(SOURCES):
            return make(place.path, config)
        inner, extra = schema.get("properties", {}), schema.get("additionalProperties")
        others = extra if isinstance(extra, dict) else {}
        return {
            name: replaced(value, inner.get(name, others), Place(place.under((name,))), make)
            for name, value in config.items()
        }
    if isinstance(config, list) and "items" in schema:
        return [replaced(one, schema["items"], Place(place.under((at,))), make) for at, one in enumerate(config)]
    return config

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the secrets of a document, and making of each what the engine converges."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from .access import access_problems
from .address import SECRET as KIND
from .address import Address
from .check import Check, compile_check
from .choosing import choose
from .digest import canonical, keyed
from .entries import Entry, EntryKind, Fragment, read_entries
from .errors import HodeiError, Problem
from .generated import digest_of, lifetime_of
from .mounts import STORE
from .normal import HIDDEN_PREFIX, compile_normal
from .place import Place
from .references import Copy
from .schema_secret import PLAIN, SECRET, SECRET_ENGINE_FIELDS, SOURCES
from .secret_name import SecretName
from .secret_rules import agreement_problems, generate_problems, rules_problems
from .secret_value import SecretValue
from .worker import Instance, Lifecycle, Spec

MOST_TAGS = 38  # stores take 50, and some are ours
#: What parts of a secret say wrong although each field is valid by itself.
_PARTS = (("generate", generate_problems), ("rules", rules_problems), ("access", access_problems))


@lru_cache(maxsize=1)
def secret_check() -> Check:
    """The compiled check of a secret; built once, on first use."""
    return compile_check(SECRET)


@lru_cache(maxsize=1)
def _normaliser() -> Callable[[Any], dict[str, Any]]:
    return compile_normal(SECRET) or dict


def _normalise(raw: Any) -> dict[str, Any]:
    return _normaliser()(raw)


def secret_problems(secret: Mapping[str, Any], place: Place) -> list[Problem]:
    """Return what is wrong with one secret in normal form."""
    found = [
        Problem(place.under(path), message, hint, place.source)
        for rule in (_named, _one_source, _regenerates, _tags)
        for path, message, hint in rule(secret)
    ] + [
        problem
        for field, problems in _PARTS
        if field in secret
        for problem in problems(secret[field], Place(place.under((field,)), place.source))
    ]
    if not found and "generate" in secret and "rules" in secret:
        return agreement_problems(secret["generate"], secret["rules"], Place(place.under(("rules",)), place.source))
    return found


def _path(raw: Any) -> Any:
    return f"@{raw['tenant']}/{raw.get('name')}" if raw.get("tenant") else raw.get("name")


SECRETS = EntryKind(
    KIND, SECRET, secret_check, _normalise, secret_problems, frozenset(("name", "tenant", "store")), _path
)

_Said = Iterator[tuple[tuple[Any, ...], str, str]]


def _named(secret: Mapping[str, Any]) -> _Said:
    if "tenant" in secret and secret["name"].startswith("@"):
        yield ("tenant",), "the name has a tenant already", "remove one of them"
        return
    try:
        name_of(secret)
    except HodeiError as error:
        yield ("name",), error.message, error.hint


def _one_source(secret: Mapping[str, Any]) -> _Said:
    given = [name for name in SOURCES if name in secret]
    if len(given) > 1:
        yield (), f"{' and '.join(given)} say what the value is", "keep one of them"


def _regenerates(secret: Mapping[str, Any]) -> _Said:
    if "regenerate" in secret and "generate" not in secret:
        yield ("regenerate",), "nothing is generated here", "add generate, or remove this"


def _tags(secret: Mapping[str, Any]) -> _Said:
    count = len(secret.get("tags", ()))
    if count > MOST_TAGS:
        yield ("tags",), f"{count} tags are more than {MOST_TAGS}", "remove some"


def name_of(secret: Mapping[str, Any]) -> SecretName:
    """Return the name of a secret of a document. Raises HodeiError(validation)."""
    return SecretName(secret["name"], secret["tenant"]) if "tenant" in secret else SecretName.parse(secret["name"])


def read_secrets(
    fragments: Sequence[Fragment], stores: Mapping[str, Any], written: Any, key: bytes, *, names_suffice: bool = False
) -> tuple[tuple[Instance, ...], list[Copy], list[Problem]]:
    """Return the secrets of a document as what the engine converges, which of them are copies, and what is wrong with the others.

    ``stores`` are the configured ones, ``written`` is what the document says of them.
    """
    entries, problems, _names = read_entries(fragments, SECRETS, names_suffice=names_suffice)
    chosen = choose(entries, "store", written, stores, problems, deleting=names_suffice)
    for entry in entries:
        problems += _source_store(entry, stores)
    if problems:
        return (), [], problems
    copies = {copy.name: copy for entry, store in zip(entries, chosen, strict=True) for copy in _copies(entry, store)}
    lies = {name_of(entry.worker).path: store for entry, store in zip(entries, chosen, strict=True)}
    made = []
    for entry, store in zip(entries, chosen, strict=True):
        one = expand_secret(entry, store, key)
        copy = copies.get(one.address.name)
        ours = copy is not None and lies.get(copy.source) == copy.source_store
        made.append(replace(one, depends_on=(Address(KIND, copy.source),)) if copy and ours else one)
    return tuple(made), list(copies.values()), problems


def _copies(entry: Entry, store: str) -> Iterator[Copy]:
    source = entry.worker.get("from")
    if source:
        place = Place(entry.place.under(("from",)), entry.place.source)
        yield Copy(place, store, name_of(entry.worker).path, source.get("store", store), source["secret"])


def _source_store(entry: Entry, stores: Mapping[str, Any]) -> list[Problem]:
    store = entry.worker.get("from", {}).get("store")
    if store is None or store in stores:
        return []
    place = entry.place
    return [
        Problem(
            place.under(("from", "store")),
            f"there is no store '{store}'",
            f"configured: {', '.join(stores)}",
            place.source,
        )
    ]


def expand_secret(entry: Entry, store: str, key: bytes) -> Instance:
    """Return what the engine converges. Its ``spec`` has the value as a SecretValue, its ``recorded`` form a keyed digest of it."""
    secret = entry.worker
    name = name_of(secret)
    spec: dict[str, Any] = {field: value for field, value in secret.items() if field not in SECRET_ENGINE_FIELDS}
    recorded = dict(spec)
    value = _value(spec)
    if value is not None:
        for field in PLAIN:
            spec.pop(field, None)
            recorded.pop(field, None)
        spec["value"] = value
        recorded["value"] = HIDDEN_PREFIX + value_digest(key, name, value)
    if "rules" in secret:
        spec["rules"] = secret["rules"]
    spec["content"] = content_digest(key, recorded)
    digest = keyed(key, "secret", canonical(recorded))
    if "access" in secret:
        recorded["access"] = secret[
            "access"
        ]  # no part of what the store has: state remembers it for those who ask who may
    return Instance(
        Address(KIND, name.path),
        f"{STORE}{store}",
        spec=spec,
        recorded=recorded,
        digest=digest,
        lifecycle=Lifecycle(
            **{"on_remove": "delete", "replace": "create_before_destroy", **secret.get("lifecycle", {})}
        ),
        source=entry.label,
    )


def expiry(spec: Spec, since: float, kept: float | None) -> float | None:
    """Return when a value of ``since`` ends, as the document says, or by itself: a certificate does. ``kept`` is what is known of that
    where the value was made from something else than what the document says now.
    """
    if "expires" in spec:
        return since + float(spec["expires"])
    lifetime = lifetime_of(spec["generate"]) if "generate" in spec else None
    return lifetime and (kept or since + lifetime)


def value_digest(key: bytes, name: SecretName, value: SecretValue) -> str:
    """Return the keyed digest of a secret's value: equal values of two secrets have different ones."""
    return keyed(key, "secret value", f"{name.path}\0{base64.b64encode(value.reveal()).decode()}")


def content_digest(key: bytes, recorded: Spec) -> str:
    """Return the digest of what gives a secret its value; one whose value comes from elsewhere has none.

    That of a `generate` is not keyed, see digest_of().
    """
    if "generate" in recorded:
        return digest_of(recorded["generate"])
    content = {field: recorded[field] for field in SOURCES if field in recorded}
    return keyed(key, "secret content", canonical(content)) if content else ""


def _value(spec: Mapping[str, Any]) -> SecretValue | None:
    if "value" in spec:
        return SecretValue.of_text(spec["value"])
    if "value_base64" in spec:
        return SecretValue(base64.b64decode(spec["value_base64"]))
    return SecretValue.of_fields(spec["fields"]) if "fields" in spec else None

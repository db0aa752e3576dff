# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup hodei.workers.secret: from its options and the play's variables to requests, and from answers to values.

Pure but for the functions handed in. It runs in a process that lives for one task, and Python compiles our files anew in each: so this
and what it imports is little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..model.errors import HodeiError, Kind

if TYPE_CHECKING:
    from .broker_desk import Desk

_WAYS = ("error", "warn", "skip")
#: What may be given, and what holds where it is not. plugins/lookup/secret.yml tells the meaning.
OPTIONS: Mapping[str, Any] = {
    "store": None,
    "stores": None,
    "owner": None,
    "tenant": "",
    "field": "",
    "version": "current",
    "max_age": None,
    "on_missing": None,
    "on_deleted": None,
    "on_denied": "error",
    "default": None,
}
_PLACE = ("owner", "stores", "backend", "audit", "identity")
_DEFAULT_STORES: Mapping[str, Any] = {"local": {"type": "local"}}
_BY = {"play": "ansible_play_name", "task": "ansible_task_name", "host": "inventory_hostname"}


def look_up(
    terms: Sequence[Any],
    options: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    template: Callable[[Any], Any],
    load: Callable[[str], Mapping[str, Any]],
    desk: Desk,
    warn: Callable[[str], None],
) -> list[Any]:
    """Return a value for each name. Raises HodeiError."""
    document = _document(options, variables, template, load)
    requests = [_request(term, options, variables, document, template) for term in terms]
    found: list[Any] = []
    for request in requests:
        try:
            answer = desk.ask(request)
        except HodeiError as error:
            found += _instead(error, request["name"], options, warn)
        else:
            for sentence in answer.head.get("warnings", ()):
                warn(sentence)
            found.append(_text(answer.body, request["name"]))
    return found


def options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options from those that a lookup was given. Raises HodeiError for what cannot be meant: Ansible itself passes over an
    option that there is not without a word.
    """
    found = dict(OPTIONS)
    for name, value in given.items():
        if name in OPTIONS:
            found[name] = OPTIONS[name] if value is None else _read(name, value)
        elif name != "wantlist":
            raise _unknown(name)
    return found


def _read(name: str, value: Any) -> Any:
    if name == "default":
        return value
    if name.startswith("on_"):
        wanted = "error, warn or skip"
        if value in _WAYS:
            return value
    elif name == "stores":
        wanted = "a mapping by name, as hodei_stores is"
        if isinstance(value, Mapping):
            return value
    elif name == "max_age":
        wanted = "a number of seconds"
        with suppress(TypeError, ValueError):
            return float(value)
    else:
        wanted = "text"
        if isinstance(value, (str, int)):
            return str(value)
    # Configurations of stores may hold credentials, as text, too.
    shown = repr(value) if name != "stores" and isinstance(value, (str, int)) else type(value).__name__
    raise HodeiError(Kind.VALIDATION, f"the lookup's option {name} is {wanted}, not {shown}")


def _unknown(name: str) -> HodeiError:
    from ..model.guess import word

    close = word(name, OPTIONS)
    hint = f"Did you mean {close}?" if close else f"There are: {', '.join(OPTIONS)}."
    return HodeiError(Kind.VALIDATION, f"the lookup has no option '{name}'", hint=hint)


def _request(
    term: Any,
    options: Mapping[str, Any],
    variables: Mapping[str, Any],
    document: Mapping[str, Any],
    template: Callable[[Any], Any],
) -> dict[str, Any]:
    if not isinstance(term, str):
        hint = "Write lookup('hodei.workers.secret', 'db/password')."
        raise HodeiError(Kind.VALIDATION, f"the name of a secret is text, not {type(term).__name__}", hint=hint)
    stores = document["stores"]
    declared = _declared(str(term), variables, template)
    name = options["store"] or declared.get("store") or _only(stores, str(term))
    if not isinstance(stores, Mapping) or name not in stores:
        known = ", ".join(map(str, stores)) if isinstance(stores, Mapping) else "none"
        hint = f"There are: {known}. Set hodei_stores, or name another one."
        raise HodeiError(Kind.CONFIGURATION, f"there is no store '{name}'", hint=hint, where=str(term))
    version = options["version"]
    by = {word: str(variables[variable]) for word, variable in _BY.items() if variables.get(variable)}
    place = {part: document[part] for part in ("owner", "backend", "state_dir", "audit", "identity")}
    return {
        "op": "read",
        "address": {"store": name, "config": stores[name], **_anchoring(document), **place, **_behind(name, stores)},
        "name": str(term),
        "tenant": options["tenant"],
        "version": int(version) if version.isascii() and version.isdigit() else version,
        "field": options["field"],
        "max_age": options["max_age"],
        "by": by | {"access": declared.get("access")},
    }


def _behind(name: str, stores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else it may take to open a store: others that its credentials lie in, a file descriptor of this playbook."""
    if not _has(stores[name], ("secret", "fd")):
        return {}
    from .direct import playbook

    return {"others": {one: config for one, config in stores.items() if one != name}, "playbook": playbook()}


def _has(config: Any, keys: Sequence[str]) -> bool:
    if isinstance(config, Mapping):
        return any(key in keys or _has(value, keys) for key, value in config.items())
    return isinstance(config, (list, tuple)) and any(_has(one, keys) for one in config)


def _document(
    options: Mapping[str, Any],
    variables: Mapping[str, Any],
    template: Callable[[Any], Any],
    load: Callable[[str], Mapping[str, Any]],
) -> dict[str, Any]:
    """Bring together what says where stores are: an option wins over the document's file, and that over variables, as in modules."""

    def variable(name: str) -> Any:
        return template(variables[name]) if name in variables else None

    named = variable("hodei_document")
    files = [load(one) for one in ([named] if isinstance(named, str) else named or [])]
    found: dict[str, Any] = {}
    for name in _PLACE:
        given = [options.get(name), *(one.get(name) for one in files)]
        found[name] = next((one for one in given if one is not None), None)
        if found[name] is None:
            found[name] = variable(f"hodei_{name}")
    found["state_dir"] = variable("hodei_state_dir")
    found["stores"] = found["stores"] or _DEFAULT_STORES
    return found


def _anchoring(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the other stores where one of them may be an anchor of the audit chain."""
    audit = document["audit"]
    return {"anchoring": document["stores"]} if isinstance(audit, Mapping) and audit.get("anchors") else {}


def _declared(secret: str, variables: Mapping[str, Any], template: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what ``hodei_secrets`` says of a secret that matters here. The rest is not templated: a value may be a lookup, too."""
    known: Mapping[str, Any] = {}
    for name in variables:
        if name == "hodei_secrets" or name.startswith("hodei_secrets__"):
            known = _entry(variables[name], secret) or known
    return {name: template(known[name]) for name in ("store", "access") if known.get(name)}


def _entry(declared: Any, secret: str) -> Mapping[str, Any] | None:
    """Find a secret in a list, or in a mapping by name."""
    if isinstance(declared, Mapping):
        found = declared.get(secret)
        return found if isinstance(found, Mapping) else None
    entries = declared if isinstance(declared, list) else []
    return next((one for one in entries if isinstance(one, Mapping) and one.get("name") == secret), None)


def _only(stores: Any, secret: str) -> Any:
    if isinstance(stores, Mapping) and len(stores) == 1:
        return next(iter(stores))
    hint = "Say which: lookup('hodei.workers.secret', ..., store='NAME'), or store: in hodei_secrets."
    raise HodeiError(Kind.CONFIGURATION, "there are several stores that it could be in", hint=hint, where=secret)


def _instead(error: HodeiError, name: str, options: Mapping[str, Any], warn: Callable[[str], None]) -> list[Any]:
    """Return what stands for a value that there is not. Raises the error where the user did not say otherwise."""
    fallback = options["default"]
    if getattr(error, "fault", "") == "deleted":
        wish = options["on_deleted"] or options["on_missing"]
    elif error.kind is Kind.NOT_FOUND:
        wish = options["on_missing"]
    else:
        wish = options["on_denied"] if error.kind is Kind.AUTHORIZATION else "error"
    if (wish or ("error" if fallback is None else "skip")) == "error":
        hint = error.hint or ("Mind spelling, tenant, store and owner." if error.kind is Kind.NOT_FOUND else "")
        raise HodeiError(error.kind, error.message, hint=hint, where=error.where or name)
    if wish == "warn":
        warn(f"hodei.workers.secret: {error}")
    return [] if fallback is None else [fallback]


def _text(body: bytes, name: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        pass  # it carries the value: raised from here, it would be the context of ours
    hint = "Mount it as a file, or read one of its fields."
    raise HodeiError(Kind.VALIDATION, "the secret is no UTF-8 text", hint=hint, where=name)

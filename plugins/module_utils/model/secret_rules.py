# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a secret may not say of its value although each field is valid by itself: how it is generated, and its rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log2
from typing import Any

from .characters import classes_of, count
from .errors import Problem
from .generated import complete, fields_of, length_of
from .pattern import PatternError, compiled
from .place import Place
from .rules import Said
from .schema_secret import FORMAT_NAMES, MOST_PATTERN

#: Whoever has a fast hash of a password tries fewer than 2^64 for some 10^4 to 10^5 USD of rented GPUs.
LEAST_BITS = 64
_EXPIRING = ("certificate", "jwt")


def generate_problems(spec: Mapping[str, Any], place: Place) -> list[Problem]:
    """Return what is wrong with a `generate` in normal form."""
    rules = {"password": _password, "tls": _tls}
    rule = rules.get(spec["type"])
    return _placed(rule(complete(spec)), place) if rule else []


def rules_problems(rules: Mapping[str, Any], place: Place) -> list[Problem]:
    """Return what is wrong with `rules` in normal form."""
    found = _placed(_rules(rules), place)
    for name, inner in rules.get("fields", {}).items():
        found += _placed(_rules(inner), Place(place.under(("fields", name)), place.source))
    return found


def agreement_problems(spec: Mapping[str, Any], rules: Mapping[str, Any], place: Place) -> list[Problem]:
    """Return what no generated value could obey: both in normal form and without problems of their own; ``place`` is that of the rules."""
    return _placed(_disagreement(spec, rules), place)


def _disagreement(spec: Mapping[str, Any], rules: Mapping[str, Any]) -> Said:
    length, fields = length_of(spec), fields_of(spec)
    about = f"what is generated ({spec['type']})"
    if length is not None:
        for name, wrong in (
            ("min_length", rules.get("min_length", length) > length),
            ("max_length", rules.get("max_length", length) < length),
            ("max_bytes", rules.get("max_bytes", length) < length),
        ):
            if wrong:
                yield (name,), f"{about} has {length} characters", "change one of the two"
    for name in rules.get("fields", {}):
        if name not in fields:
            hint = f"it has {', '.join(fields)}" if fields else "it is text"
            yield ("fields", name), f"{about} has no such field", hint


def _placed(said: Said, place: Place) -> list[Problem]:
    return [Problem(place.under(path), message, hint, place.source) for path, message, hint in said]


def _password(spec: Mapping[str, Any]) -> Said:
    classes, length = classes_of(spec), spec["length"]
    least = sum(one.least for one in classes.values())
    if not classes:
        yield ("classes",), "there are no characters to choose from", "name a class, such as lower: 1"
        return
    if least > length:
        yield ("length",), f"the classes ask for {least} characters, and there are {length}", f"the least is {least}"
    empty = [name for name, one in classes.items() if not one.characters]
    for name in empty:
        yield ("classes", name), "every character of this class is excluded", "exclude fewer, or remove the class"
    if "symbols" not in classes and spec["symbols"] != complete({"type": "password"})["symbols"]:
        yield ("symbols",), "the classes have no symbols", "add symbols to the classes, or remove this"
    if least <= length and not empty:
        bits = log2(count(tuple(classes.values()), length))
        if bits < LEAST_BITS:
            message = f"there are only 2^{bits:.0f} such passwords, the least is 2^{LEAST_BITS}"
            yield (), message, "raise length, name more classes, or exclude less"


def _tls(spec: Mapping[str, Any]) -> Said:
    usage, subject, ca = spec.get("key_usage"), spec["subject"], spec["ca"]
    if not any(spec[name] for name in ("subject", "dns", "ip", "email", "uri")):
        yield (), "nothing says whom it is for", "give dns, ip, email, uri or a subject"
    if ca and not subject:
        yield ("subject",), "an authority needs a name", "add common_name"
    if spec["output"] == "csr" and spec["days"] != complete({"type": "tls"})["days"]:
        yield ("days",), "a request does not say for how long: that is the authority's", "remove it"
    if usage is None:
        return
    signing = [name for name in ("key_cert_sign", "crl_sign") if name in usage]
    if signing and not ca:
        yield ("key_usage",), f"{signing[0]} is for authorities only", "write ca: true, or remove it"
    if ca and "key_cert_sign" not in usage:
        yield ("key_usage",), "an authority signs certificates", "add key_cert_sign, or remove key_usage"
    for name, family in (("key_encipherment", "rsa"), ("data_encipherment", "rsa"), ("key_agreement", "ecdsa")):
        if name in usage and not spec["key"].startswith(family):
            yield ("key_usage",), f"{name} needs a key of type {family}", f"remove it, or take an {family} key"


def _rules(rules: Mapping[str, Any]) -> Said:
    least, most = rules.get("min_length", 0), rules.get("max_length")
    most_bytes, fmt = rules.get("max_bytes"), rules.get("format")
    wanted = sum(rules.get("classes", {}).values())
    if most is not None and least > most:
        yield ("min_length",), f"{least} is more than max_length, {most}", "lower it, or raise max_length"
    if most_bytes is not None and max(least, wanted, 1) > most_bytes:
        yield ("max_bytes",), f"{max(least, wanted, 1)} characters do not fit into {most_bytes} bytes", "raise it"
    if most is not None and wanted > most:
        yield ("classes",), f"they ask for {wanted} characters, and max_length is {most}", "raise max_length"
    if rules.get("fields") and fmt not in (None, "json"):
        yield ("format",), f"only JSON has fields, and this is {FORMAT_NAMES[fmt]}", "write format: json, or remove it"
    if rules.get("not_expired") and fmt not in _EXPIRING:
        yield ("not_expired",), "only certificates and JWTs expire", f"write format: {' or format: '.join(_EXPIRING)}"
    yield from _pattern(rules.get("pattern"))


def _pattern(pattern: str | None) -> Iterator[tuple[tuple[Any, ...], str, str]]:
    if pattern is None:
        return
    if len(pattern) > MOST_PATTERN:
        yield ("pattern",), f"it is longer than {MOST_PATTERN} characters", "shorten it"
        return
    try:
        compiled(pattern)
    except PatternError as error:
        yield ("pattern",), f"it is no pattern: {error}", ""

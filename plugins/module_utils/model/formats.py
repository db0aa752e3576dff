# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats that the schema names: for each, what it accepts, what it means, how to say it and how to write it back.

A format looks only at text and numbers; whether those are allowed at all is the business of `type`. Where a format is a plain
pattern, the published JSON schemas carry that pattern, since editors know nothing of our formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from .address import NAME_PATTERN
from .quantities import (
    CPU_PATTERN,
    DURATION_PATTERN,
    SIZE_PATTERN,
    parse_cpu,
    parse_duration,
    parse_size,
    show_cpu,
    show_duration,
    show_size,
    suggest_cpu,
    suggest_duration,
    suggest_size,
)
from .secret_name import PATH_PATTERN, TENANT_PATTERN


class Format(NamedTuple):
    """One format.

    ``what`` completes "is not ..."; ``parse`` returns the normal form or raises ValueError (and never names the value);
    ``show`` is its inverse; ``suggest`` guesses what a wrong text meant; ``converts``: the normal form may differ from what was
    written; ``repeats``: few values come again and again and none is secret, so that results are worth remembering.
    """

    what: str
    parse: Callable[[Any], Any]
    pattern: str = ""
    show: Callable[[Any], str] | None = None
    suggest: Callable[[str], str | None] | None = None
    converts: bool = False
    repeats: bool = False


def matcher(pattern: str) -> Callable[[str], object]:
    """Return the match of a whole text with a pattern, which is compiled on first use: imports must stay cheap."""
    compiled: list[Callable[[str], object]] = []

    def match(text: str) -> object:
        if not compiled:
            compiled.append(re.compile(pattern).fullmatch)
        return compiled[0](text)

    return match


def _matching(pattern: str) -> Callable[[Any], Any]:
    match = matcher(pattern)

    def parse(value: Any) -> Any:
        if isinstance(value, str) and match(value) is None:
            raise ValueError("does not match")
        return value

    return parse


def _plain(what: str, pattern: str, suggest: Callable[[str], str | None] | None = None) -> Format:
    return Format(what, _matching(pattern), pattern, suggest=suggest)


def _text(value: Any) -> str:
    text = str(value)
    if "\0" in text:
        raise ValueError("NUL in text")
    return text


def _positive_duration(value: Any) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("zero")
    return seconds


def _cidr(value: Any) -> str:
    import ipaddress

    return str(ipaddress.ip_network(value))


def _ip(value: Any) -> str:
    import ipaddress

    return str(ipaddress.ip_address(str(value)))


def _port_range(value: Any) -> str:
    first, _unused, last = str(value).partition("-")
    if not 0 < int(first) <= int(last) < 65536:
        raise ValueError("not a range")
    return f"{int(first)}-{int(last)}"


def _suggest_cidr(text: str) -> str | None:
    import ipaddress

    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def _capability(value: Any) -> str:
    name = str(value).upper().removeprefix("CAP_")
    if re.fullmatch(r"[A-Z][A-Z_]*", name) is None:
        raise ValueError("not a capability")
    return name


def _base64(value: Any) -> str:
    import binascii

    text = "".join(str(value).split())
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("not base64") from None
    return text


def _uuid(value: Any) -> str:
    if re.fullmatch(_UUID, str(value)) is None:
        raise ValueError("not a UUID")
    return str(value).lower()


def _characters(pattern: str) -> Callable[[Any], Any]:
    """Characters whose order means nothing: each once, sorted."""
    match = matcher(pattern)

    def parse(value: Any) -> str:
        if match(str(value)) is None:
            raise ValueError("other characters")
        return "".join(sorted(set(str(value))))

    return parse


def _lower_name(text: str) -> str | None:
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:63]
    return name if re.fullmatch(NAME_PATTERN, name) else None


def _lower_tenant(text: str) -> str | None:
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63]
    return name if re.fullmatch(TENANT_PATTERN, name) else None


def _lower_port(text: str) -> str | None:
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:15]
    return name if re.fullmatch(_PORT, name) else None


def _upper_env(text: str) -> str | None:
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text)
    return name if re.fullmatch(_ENV, name) else None


def _restart_policy(text: str) -> str | None:
    known = {"no": "never", "false": "never", "on-failure": "on_failure", "onfailure": "on_failure"}
    return known.get(text.lower(), "always" if text.lower().startswith(("alw", "unless")) else None)


def _timezone(value: Any) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if value != "UTC":  # which holds on hosts without a database of time zones, too
            ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError("not a time zone") from None
    return str(value)


def _instant(value: Any) -> float:
    """Return Unix seconds."""
    from datetime import datetime

    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError("no time zone")
    return found.timestamp()


def _show_instant(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _suggest_instant(text: str) -> str | None:
    from datetime import UTC, datetime

    try:
        return _show_instant(datetime.fromisoformat(text.strip()).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def _suggest_subject(text: str) -> str | None:
    kind, colon, name = text.partition(":")
    word = re.sub(r"[^a-z]", "", kind.lower())
    return f"{word}:{name.strip()}" if colon else f"user:{text}"


_HOST = r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
_ENDPOINT = r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
_UUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
_ENV = r"[A-Za-z_][A-Za-z0-9_.-]*"
_PORT = r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?"
_ADDRESS = r"(worker\.)?[a-z0-9][-a-z0-9_]*(\[[0-9]+\])?"
_MOVABLE = _ADDRESS + "|owner\\." + NAME_PATTERN.strip("^$")
_SHARE = r"[1-9][0-9]{0,4}|[1-9][0-9]?%|100%"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_SUBJECT = (  # the names are those of model/principal.py; * is no part of one
    r"(user|claimed):[!-)+-~]{1,255}|uid:(0|[1-9][0-9]{0,9})|(role|group|serviceaccount):[!-)+-~]{1,254}[!-~]"
    r"|(role|group|serviceaccount):[!-)+-~]"
)
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DNS = rf"(\*\.)?{_LABEL}(\.{_LABEL})*"
_SYMBOLS = r"[!-/:-@\[-`{-~]+"

FORMATS: dict[str, Format] = {
    "duration": Format(
        "a duration such as 30s, 5m or 1h30m",
        parse_duration,
        DURATION_PATTERN,
        show_duration,
        suggest_duration,
        True,
        True,
    ),
    "positive_duration": Format(
        "a duration above zero, such as 30s, 5m or 1h30m",
        _positive_duration,
        DURATION_PATTERN,
        show_duration,
        suggest_duration,
        True,
        True,
    ),
    "size": Format("a size such as 512Mi or 2Gi", parse_size, SIZE_PATTERN, show_size, suggest_size, True, True),
    "cpu": Format("a CPU share such as 500m or 2", parse_cpu, CPU_PATTERN, show_cpu, suggest_cpu, True, True),
    "text": Format("free of NUL characters", _text, r"[^\u0000]*", converts=True),
    "name": _plain("a name (lower case letters, digits, - and _; at most 63)", NAME_PATTERN, _lower_name),
    "address": _plain("the name or address of a worker, such as db or worker.db[0]", _ADDRESS),
    "movable": _plain("the address of a worker or of an owner, such as worker.db[0] or owner.ci-prod", _MOVABLE),
    "secret_name": _plain(
        "the name of a secret (segments of ASCII letters, digits and _ - . between single /; none begins with . or -, no ..)",
        PATH_PATTERN,
    ),
    "tenant": _plain("a tenant (lower case letters, digits and - inside; at most 63)", TENANT_PATTERN, _lower_tenant),
    "tag_name": _plain(
        "the name of a tag (letters, digits and . _ / -; those that begin with hodei. are ours)",
        r"(?!hodei\.)[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?",
    ),
    "tag": _plain("a tag of 256 characters at most", r"[^\u0000]{0,256}"),
    "port_name": _plain("a port name (lower case letters, digits and -; at most 15)", _PORT, _lower_port),
    "mode": _plain('a file mode in quotes, such as "0644"', r"[0-7]{3,4}"),
    "env_name": _plain("the name of an environment variable", _ENV, _upper_env),
    "label_name": _plain(
        "a label name (letters, digits and . _ / -; those that begin with hodei. are ours)",
        r"(?!hodei\.)[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?",
    ),
    "user": Format(
        "a user or user:group, by name or number",
        lambda value: str(_matching(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?(:[A-Za-z0-9_.][A-Za-z0-9_.-]*)?")(value)),
        converts=True,
    ),
    "image": _plain(
        "an image reference such as registry.example/team/app:1.4",
        r"[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@[a-z0-9]+:[0-9a-f]{32,})?",
    ),
    "cidr": Format(
        "a network such as 10.2.0.0/16, or an address",
        _cidr,
        r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?",
        None,
        _suggest_cidr,
        True,
        True,
    ),
    "ip": Format("an address such as 127.0.0.1 or ::1", _ip, r"[0-9A-Fa-f.:]+", converts=True),
    "port_range": Format("a range of ports such as 8000-8010", _port_range, r"[0-9]{1,5}-[0-9]{1,5}", converts=True),
    "host": _plain("a host name or an address", _HOST),
    "endpoint": _plain("a host and a port, such as loghost:20514 or [::1]:20514", _ENDPOINT),
    "capability": Format("a Linux capability such as NET_ADMIN", _capability, "[A-Za-z][A-Za-z_]*", converts=True),
    "uuid": Format("a UUID (`hodei.workers.init` prints one)", _uuid, _UUID, converts=True),
    "absolute_path": _plain("an absolute path, such as /srv/data", r"/[^\u0000]*"),
    "restart_policy": _plain("one of never, on_failure and always", r"never|on_failure|always", _restart_policy),
    "all_word": _plain("the word all", r"all|All|ALL"),
    "ulimit_name": _plain("the name of a limit of setrlimit(2) in lower case, such as nofile", r"[a-z]+"),
    "share": Format(
        "a number from 1, or a share such as 25%",
        lambda value: str(_matching(_SHARE)(str(value))),
        _SHARE,
        converts=True,
    ),
    "index": _plain("the index of an instance, such as 0", r"0|[1-9][0-9]{0,4}"),
    "base64": Format("base64", _base64, r"[A-Za-z0-9+/=\s]*", converts=True),
    "subject": _plain(
        "a subject in visible ASCII such as role:ci-app, user:alice, serviceaccount:ci-*, group:ops, uid:1000 or claimed:alice; only "
        "names of roles, groups and service accounts may end with *",
        _SUBJECT,
        _suggest_subject,
    ),
    "role_name": _plain("the name of a role in visible ASCII", r"[!-~]{1,255}"),
    "clock": _plain('a time of day in quotes, such as "08:00"', _CLOCK),
    "timezone": Format("a time zone that this host knows, such as UTC or Europe/Madrid", _timezone),
    "instant": Format(
        "a date and a time with its zone, such as 2027-01-31T12:00:00Z",
        _instant,
        "",
        _show_instant,
        _suggest_instant,
        True,
    ),
    "field_name": _plain("the name of a field", r"[^\u0000-\u001f]{1,128}"),
    "generated": _plain(
        "one of password, token, uuid, ssh_key and tls (api_key needs its prefix)", "password|token|uuid|ssh_key|tls"
    ),
    "symbols": Format(
        "printable ASCII without letters, digits and spaces", _characters(_SYMBOLS), _SYMBOLS, converts=True
    ),
    "characters": Format("printable ASCII", _characters("[ -~]*"), "[ -~]*", converts=True),
    "key_prefix": _plain(
        "a prefix such as ci_live_ (letters, digits, - and _; at most 32)", r"[A-Za-z][A-Za-z0-9_-]{0,31}"
    ),
    "line": _plain("one line of 200 characters at most", r"[^\u0000-\u001f\u007f]{0,200}"),
    "x500_name": _plain("one line of 1 to 64 characters", r"[^\u0000-\u001f\u007f]{1,64}"),
    "country": _plain("a country in two upper case letters, such as ES", "[A-Z]{2}"),
    "dns_name": _plain("a DNS name such as api.example.org or *.example.org", rf"(?=.{{1,253}}$){_DNS}"),
    "email": _plain(
        "a mail address such as ops@example.org",
        rf"(?=.{{1,254}}$)[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(\.{_LABEL})*",
    ),
    "uri": _plain("a URI such as spiffe://example.org/ci", r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+"),
    "url": _plain("a URL such as https://host:port", r"[a-z][a-z0-9+.-]*://[^\s]+"),
}


def parser(name: str) -> Callable[[Any], Any]:
    """Return the function that brings a value of this format into normal form; it expects a valid value."""
    found = FORMATS[name]
    return _remembering(name) if found.repeats else found.parse


@lru_cache(maxsize=64)
def _remembering(name: str) -> Callable[[Any], Any]:
    return lru_cache(maxsize=2048, typed=True)(FORMATS[name].parse)


@lru_cache(maxsize=64)
def accepts(name: str) -> Callable[[Any], bool]:
    """Return the test that tells whether a value is of this format; true for what is neither text nor a number."""
    parse = parser(name)

    def test(value: Any) -> bool:
        if value.__class__ is bool or not isinstance(value, (str, int, float)):
            return True
        try:
            parse(value)
        except (ValueError, OverflowError):
            return False
        return True

    return test

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules tell every value that breaks them, and what they tell holds nothing of the value."""

from __future__ import annotations

import base64
import json
import sys
import traceback
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.generators.rules import MOST_MATCHED, check
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import FORMAT_NAMES, RULES
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_rules import rules_problems
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.tests.support.generated_values import NOW, made, normal
from ansible_collections.hodei.workers.tests.support.schema_values import values

DAY = 86_400
TLS = made({"type": "tls", "dns": ["a"], "days": 10}).fields()
SSH = made("ssh_key").fields()


def said(value: SecretValue | str | bytes, rules: dict[str, Any], now: float = NOW) -> list[str]:
    if isinstance(value, (str, bytes)):
        value = SecretValue(value.encode() if isinstance(value, str) else value)
    return check(value, normal(rules, RULES), now)


def jwt(claims: object, header: object = None) -> str:
    parts = (json.dumps(one).encode() for one in ({"alg": "ES256"} if header is None else header, claims))
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (*parts, b"signature"))


def encrypted_key() -> bytes:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    lock = form.BestAvailableEncryption(b"long enough")
    return Ed25519PrivateKey.generate().private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("secret-123", {"min_length": 10, "max_length": 10, "max_bytes": 10, "pattern": "[a-z]+-[0-9]{3}"}),
        ("aB1-é", {"classes": {"lower": 1, "upper": 1, "digits": 1, "symbols": 2}}),
        ("é", {"max_length": 1, "max_bytes": 2}),
        (b"\xff\x00", {"max_bytes": 2}),
        ('{"a": "x", "b": [1], "c": 1}', {"fields": {"a": {"max_length": 1}, "b": {"format": "json"}}}),
        ("", {}),
    ],
)
def test_a_value_that_obeys_has_nothing_said_of_it(value: str | bytes, rules: dict[str, Any]) -> None:
    assert said(value, rules) == []


@pytest.mark.parametrize(
    ("value", "rules", "told"),
    [
        ("abc", {"min_length": 4}, ["it has fewer than 4 characters"]),
        ("abc", {"max_length": 2}, ["it has more than 2 characters"]),
        ("é" * 513, {"max_bytes": "1Ki"}, ["it has more than 1Ki bytes"]),
        ("abc", {"pattern": "b"}, ["it does not match the pattern"]),
        ("a\n", {"pattern": "a"}, ["it does not match the pattern"]),
        ("a" * (MOST_MATCHED + 1), {"pattern": "a*"}, [f"it has more than {MOST_MATCHED} characters, the most that"]),
        ("aB", {"classes": {"upper": 2, "digits": 1}}, ["fewer than 2 characters of the class upper", "class digits"]),
        ("aé", {"classes": {"lower": 2}}, ["fewer than 2 characters of the class lower"]),
        (b"\xff", {"min_length": 2, "format": "text"}, ["it is not UTF-8 without NUL", "it is not UTF-8 text"]),
        ("abc", {"fields": {"a": {}}}, ["it is no JSON object, and rules ask for fields"]),
        ("[1]", {"format": "json", "fields": {"a": {}}}, ["it is no JSON object"]),
        (
            '{"a": "x"}',
            {"fields": {"a": {"min_length": 2}, "b": {}}},
            ["field 'a': it has fewer", "field 'b' is missing"],
        ),
        ('{"a": "\\ud800"}', {"fields": {"a": {}}}, ["it is no JSON object"]),
        ("[" * 100_000, {"format": "json", "fields": {"a": {}}}, ["it is not JSON", "it is no JSON object"]),
        (
            "x",
            {"min_length": 3, "max_bytes": 3, "format": "uuid", "classes": {"digits": 1}},
            ["not a UUID", "3 c", "digits"],
        ),
    ],
)
def test_everything_that_is_wrong_is_told(value: str | bytes, rules: dict[str, Any], told: list[str]) -> None:
    found = said(value, rules)
    assert len(found) == len(told), found
    for part in told:
        assert any(part in one for one in found), found


GOOD: dict[str, list[SecretValue | str | bytes]] = {
    "text": ["", "a\nb", "é"],
    "json": ["1", "{}", '"x"'],
    "pem": [
        TLS["certificate"],
        TLS["private_key"],
        TLS["certificate"].text() * 2,
        TLS["certificate"].text().replace("\n", "\r\n"),
    ],
    "certificate": [TLS["certificate"], TLS["certificate"].text() * 2],
    "private_key": [TLS["private_key"], made({"type": "tls", "dns": ["a"], "key": "ed25519"}).field("private_key")],
    "ssh_private_key": [SSH["private_key"]],
    "ssh_public_key": [SSH["public_key"], SSH["public_key"].text() + " me@here\n"],
    "url": ["https://u:p@db.example.org:5432/x?y#z", "postgres://[::1]/x"],
    "uuid": ["0c6f1f0e-5f0e-4d53-9a0e-3d8f5f2a7c11"],
    "base64": ["AAAA", "AAA=\n"],
    "jwt": [jwt({}), jwt({"sub": "x"}, {"alg": "none"})],
    "email": ["ops@example.org"],
    "hostname": ["db.example.org", "10.0.0.1", "::1"],
}
BAD: dict[str, list[SecretValue | str | bytes]] = {
    "text": ["a\0", b"\xff"],
    "json": ["", "{'a': 1}", b"\xff"],
    "pem": [
        "",
        "x",
        TLS["certificate"].text()[1:],
        TLS["certificate"].text().replace("END", "BEGIN"),
        "x" + TLS["certificate"].text(),
    ],
    "certificate": ["x", TLS["private_key"], TLS["certificate"].text().replace("MII", "MIX"), b"\xff"],
    "private_key": ["x", TLS["certificate"], SSH["private_key"], b"\0"],
    "ssh_private_key": ["x", TLS["private_key"], SSH["public_key"]],
    "ssh_public_key": ["ssh-ed25519 x", "", SSH["public_key"].text() + "\n" + SSH["public_key"].text()],
    "url": ["db:5432", "https://", "http://[", "http://a b/", "/x"],
    "uuid": ["0c6f1f0e", ""],
    "base64": ["AAA", "*"],
    "jwt": ["a.b", "a.b.c", jwt([]), jwt({}, {}), jwt({}, {"alg": 1}), jwt({}).replace(".", "", 1), "é.é.é"],
    "email": ["ops", "a@b@c"],
    "hostname": ["a b", ""],
}


def test_there_are_examples_of_every_format() -> None:
    assert GOOD.keys() == BAD.keys() == FORMAT_NAMES.keys()


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_format(name: str) -> None:
    for value in GOOD[name]:
        assert said(value, {"format": name}) == []
    for value in BAD[name]:
        assert said(value, {"format": name}) == [f"it is not {FORMAT_NAMES[name]}"]


def test_an_encrypted_key_is_none_that_a_program_could_use() -> None:
    assert said(encrypted_key(), {"format": "pem"}) == []
    assert said(encrypted_key(), {"format": "private_key"}) != []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (NOW - 3601, ["it is not valid yet"]),
        (NOW - 3599, []),
        (NOW + 10 * DAY - 1, []),
        (NOW + 10 * DAY, ["it has expired"]),
    ],
)
def test_a_certificate_is_valid_from_its_first_moment_to_its_last(now: float, told: list[str]) -> None:
    assert said(TLS["certificate"], {"format": "certificate", "not_expired": True}, now) == told


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({}, []),
        ({"nbf": NOW, "exp": NOW + 1}, []),
        ({"nbf": NOW + 1}, ["it is not valid yet"]),
        ({"exp": NOW}, ["it has expired"]),
        ({"exp": "tomorrow"}, ["it has expired"]),
        ({"exp": 10**400}, ["it has expired"]),
        ({"exp": float("nan")}, ["it has expired"]),
    ],
)
def test_a_token_is_valid_as_long_as_it_says(claims: dict[str, Any], told: list[str]) -> None:
    assert said(jwt(claims), {"format": "jwt", "not_expired": True}) == told


def pieces(text: str) -> set[str]:
    return {text[start : start + 4] for start in range(len(text) - 3)}


#: Characters that no message and no rule of ours has, so that whatever of a value is in a message, is from the value.
STRANGE = st.text("жщъ▲9876543", min_size=4, max_size=40)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(values(RULES), st.one_of(STRANGE, STRANGE.map(lambda text: json.dumps({"password": text}, ensure_ascii=False))))
def test_no_message_holds_a_part_of_the_value(rules: dict[str, Any], text: str) -> None:
    spec = normal(rules, RULES)
    if rules_problems(spec, Place("")):
        return
    found = " ".join(check(SecretValue.of_text(text), spec, NOW))
    known = pieces(json.dumps(rules) + json.dumps(spec) + '{"password": "')
    assert not (pieces(text) - known) & pieces(found)


LEAKY = "canary-жщъ▲-98765"
FORMS = [
    LEAKY,
    json.dumps({"password": LEAKY}),
    f"-----BEGIN CERTIFICATE-----\n{LEAKY}\n-----END CERTIFICATE-----\n",
    f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(LEAKY.encode()).decode()}\n-----END PRIVATE KEY-----\n",
    f"ssh-ed25519 {base64.b64encode(LEAKY.encode()).decode()} {LEAKY}",
    f"https://[{LEAKY}]:99999999/",
    f"{LEAKY}.{LEAKY}.{LEAKY}",
]


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_what_the_libraries_say_of_a_value_is_not_passed_on(name: str) -> None:
    for form in FORMS:
        found = said(form, {"format": name, "max_length": 3})
        assert not any(part in " ".join(found) for part in ("canary", "жщ", "98765", str(len(form))))


def test_a_missing_library_is_an_error_without_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(HodeiError, match="library cryptography is missing") as caught:
        check(SecretValue.of_text(LEAKY), {"format": "certificate"}, NOW)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "SecretValue(hidden)" in shown
    assert "canary" not in shown

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Impossible specs and rules are told when the document is read: all at once, each with its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.hodei.workers.plugins.module_utils.model.check import compile_check
from ansible_collections.hodei.workers.plugins.module_utils.model.coerce import coerce
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE, RULES
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_rules import (
    agreement_problems,
    generate_problems,
    rules_problems,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.words import problems
from ansible_collections.hodei.workers.tests.support.generated_values import normal
from ansible_collections.hodei.workers.tests.support.schema_values import values

PLACE = Place("secrets[0].generate", "fleet.yml")


def said(spec: Any) -> list[str]:
    return [str(one) for one in generate_problems(normal(spec), PLACE)]


def said_of_rules(rules: Any) -> list[str]:
    return [str(one) for one in rules_problems(normal(rules, RULES), Place("rules"))]


@pytest.mark.parametrize(
    "spec",
    [
        "password",
        "token",
        "uuid",
        "ssh_key",
        {"type": "password", "length": 20, "classes": {"digits": 0}},
        {"type": "password", "length": 12, "classes": {"lower": 8, "upper": 0, "digits": 0, "symbols": 0}},
        {"type": "tls", "ip": ["::1"]},
        {"type": "tls", "subject": {"common_name": "CA"}, "ca": True, "key_usage": ["key_cert_sign"]},
        {"type": "api_key", "prefix": "ci_"},
    ],
)
def test_what_is_possible_has_no_problem(spec: Any) -> None:
    assert said(spec) == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"type": "password", "length": 8, "classes": {"lower": 5, "digits": 4}},
            [".length: the classes ask for 9 characters, and there are 8; the least is 9"],
        ),
        ({"type": "password", "classes": {}}, [".classes: there are no characters to choose from"]),
        (
            {"type": "password", "classes": {"digits": 1, "lower": 40}, "exclude": "0123456789", "symbols": "!"},
            [
                ".length: the classes ask",
                ".classes.digits: every character of this class is excluded",
                ".symbols: the cl",
            ],
        ),
        (
            {"type": "password", "length": 19, "classes": {"digits": 0}},
            [": there are only 2^63 such passwords, the least is 2^64; raise length"],
        ),
        ({"type": "password", "length": 64, "classes": {"digits": 64}, "exclude": "2345678"}, []),
        ({"type": "password", "length": 63, "classes": {"digits": 63}, "exclude": "23456789"}, ["only 2^63"]),
        ("tls", [": nothing says whom it is for"]),
        (
            {"type": "tls", "ca": True, "dns": ["a"], "key_usage": ["crl_sign"]},
            [".subject: an authority needs a name", ".key_usage: an authority signs certificates"],
        ),
        (
            {
                "type": "tls",
                "dns": ["a"],
                "key_usage": ["key_cert_sign", "key_encipherment"],
                "output": "csr",
                "days": 3,
            },
            [
                ".days: a request",
                ".key_usage: key_cert_sign is for auth",
                ".key_usage: key_encipherment needs a key of type rsa",
            ],
        ),
        ({"type": "tls", "dns": ["a"], "key": "ed25519", "key_usage": ["key_agreement"]}, ["of type ecdsa"]),
    ],
)
def test_what_is_impossible_is_told_with_its_path(spec: Any, told: list[str]) -> None:
    found = said(spec)
    assert len(found) == len(told), found
    for message, part in zip(found, told, strict=True):
        assert message.startswith("fleet.yml: secrets[0].generate")
        assert part in message


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"min_length": 3, "max_length": 3, "max_bytes": 3, "classes": {"digits": 3}, "pattern": "[0-9]*"}, []),
        ({"format": "jwt", "not_expired": True, "fields": {}}, []),
        ({"fields": {"key": {"format": "private_key"}, "cert": {"format": "certificate", "not_expired": True}}}, []),
        (
            {"min_length": 9, "max_length": 8, "max_bytes": 4, "classes": {"lower": 5, "upper": 5}, "pattern": "(a"},
            [
                "rules.min_length: 9 is more",
                "rules.max_bytes: 10 char",
                "rules.classes: they ask for 10",
                "rules.pattern: it is no pattern: a )",
            ],
        ),
        ({"pattern": "a" * 501}, ["rules.pattern: it is longer than 500"]),
        ({"not_expired": True}, ["rules.not_expired: only certificates and JWTs expire; write format: certificate or"]),
        ({"format": "pem", "fields": {"a": {}}}, ["rules.format: only JSON has fields, and this is one or more PEM"]),
        ({"fields": {"a b": {"min_length": 2, "max_length": 1}}}, ["rules.fields['a b'].min_length: 2 is more"]),
    ],
)
def test_rules_that_no_value_obeys_are_told(rules: Any, told: list[str]) -> None:
    found = said_of_rules(rules)
    assert len(found) == len(told), found
    assert all(part in message for message, part in zip(found, told, strict=True)), found


@pytest.mark.parametrize(
    ("spec", "rules", "told"),
    [
        ("password", {"min_length": 32, "max_length": 32, "max_bytes": 32}, []),
        ("password", {"min_length": 33}, ["rules.min_length: what is generated (password) has 32 characters"]),
        (
            {"type": "token", "encoding": "hex"},
            {"max_length": 63, "max_bytes": 63},
            ["rules.max_length", "rules.max_bytes"],
        ),
        (
            "uuid",
            {"max_length": 32, "fields": {"id": {}}},
            ["has 36 characters", "rules.fields.id: what is generated (uuid) has no"],
        ),
        ({"type": "api_key", "prefix": "ci_", "checksum": True}, {"max_length": 48}, ["has 49 characters"]),
        ("ssh_key", {"min_length": 9999, "fields": {"public_key": {}}}, []),
        (
            {"type": "tls", "dns": ["a"], "output": "csr"},
            {"fields": {"certificate": {}, "csr": {}}},
            ["rules.fields.certificate: what is generated (tls) has no such field; it has private_key, csr"],
        ),
    ],
)
def test_what_is_generated_could_obey_the_rules(spec: Any, rules: Any, told: list[str]) -> None:
    found = [str(one) for one in agreement_problems(normal(spec), normal(rules, RULES), Place("rules"))]
    assert len(found) == len(told), found
    assert all(part in message for message, part in zip(found, told, strict=True)), found


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(values(RULES))
def test_any_valid_rules_are_judged(rules: Any) -> None:
    assert all(one.startswith("rules") for one in said_of_rules(rules))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"type": "pasword"},
            "'pasword' is not one of password, token, uuid, ssh_key, tls, api_key; did you mean password?",
        ),
        ({"length": 3}, "'type' is missing"),
        ("api_key", "needs its prefix"),
        ({"type": "api_key"}, "'prefix' is missing; add prefix: what it begins with"),
        ({"type": "token", "length": 32}, "unknown field 'length'"),
        ({"type": "password", "lenght": 32}, "unknown field 'lenght'; did you mean length?"),
        ({"type": "password", "length": "long"}, "expected a whole number, got 'long' (text)"),
        ({"type": "tls", "dns": ["a b"]}, "'a b' is not a DNS name"),
        ({"type": "password", "symbols": "aé"}, "is not printable ASCII without letters"),
    ],
)
def test_what_the_schema_refuses_is_said_for_people(spec: Any, told: str) -> None:
    fault = compile_check(GENERATE)(spec)
    assert fault is not None
    found = problems(spec, GENERATE, Place("generate"), fault)
    assert len(found) == 1, found
    assert told in str(found[0])


def test_what_a_template_made_text_of_is_taken_for_what_it_says() -> None:
    spec = coerce({"type": "password", "length": "40", "classes": {"digits": "2"}, "exclude": "12"}, GENERATE)
    assert spec == {"type": "password", "length": 40, "classes": {"digits": 2}, "exclude": "12"}
    assert coerce({"type": "tls", "ca": "true", "days": "x"}, GENERATE) == {"type": "tls", "ca": True, "days": "x"}
    assert coerce({"type": "nothing", "ca": "true"}, GENERATE) == {"type": "nothing", "ca": "true"}

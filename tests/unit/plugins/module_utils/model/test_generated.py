# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of what is generated changes when, and only when, it means something else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.check import compile_check
from ansible_collections.hodei.workers.plugins.module_utils.model.generated import complete, digest_of
from ansible_collections.hodei.workers.plugins.module_utils.model.normal import compile_normal
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import fields, group, integer, kinds, schema_at
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE, RULES
from ansible_collections.hodei.workers.tests.support.generated_values import normal
from ansible_collections.hodei.workers.tests.support.schema_values import values

PATIENT = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def digest(written: Any) -> str:
    return digest_of(normal(written))


@PATIENT
@given(values(GENERATE), st.randoms(use_true_random=False))
def test_order_and_written_defaults_change_nothing(spec: Any, chance: Any) -> None:
    assert compile_check(GENERATE)(spec) is None
    full = complete(normal(spec))
    assert compile_check(GENERATE)(full) is None
    shuffled = {name: full[name] for name in chance.sample(list(full), len(full))}
    for name in ("dns", "ip", "email", "uri", "key_usage", "extended_key_usage", "symbols", "exclude"):
        if name in shuffled:
            mixed = chance.sample(list(shuffled[name]), len(shuffled[name]))
            shuffled[name] = "".join(mixed) if isinstance(shuffled[name], str) else mixed
    assert digest(shuffled) == digest(spec)
    assert complete(full) == full


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("password", {"type": "password", "length": 32, "exclude": ""}),
        ({"type": "password", "exclude": "0O1l"}, {"type": "password", "exclude": "l1O00O"}),
        ({"type": "tls", "dns": ["a", "b"]}, {"type": "tls", "dns": ["b", "a"], "days": 365, "ca": False}),
        ({"type": "tls", "ip": ["::1"]}, {"type": "tls", "ip": ["0:0:0:0:0:0:0:1"]}),
    ],
)
def test_what_means_the_same_has_one_digest(one: Any, other: Any) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("password", "token"),
        ("password", {"type": "password", "length": 33}),
        ("password", {"type": "password", "classes": {"lower": 1}}),
        ({"type": "tls", "dns": ["a"]}, {"type": "tls", "email": ["a@b"]}),
        ({"type": "tls", "dns": ["a"]}, {"type": "tls", "dns": ["a"], "key_usage": []}),
    ],
)
def test_what_means_something_else_has_another(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


def test_the_digest_of_a_version_ago_is_the_same() -> None:
    # Written down: when this fails, every `regenerate: on_change` out there generates anew.
    assert digest("password") == "9bce20cebdb87ab41c460ebffbdaabbd0d5d099d19fa61c0447973fd29ead6ab"


def test_a_default_that_a_later_version_adds_changes_nothing() -> None:
    password = kinds(GENERATE)["password"]
    later = group({**password["properties"], "new": integer("", 0, 9, 3)})
    convert = compile_normal(later)
    assert convert is not None
    for spec in ({"type": "password"}, {"type": "password", "new": 3}):
        assert digest_of(convert(spec)) == digest("password")


def test_every_default_is_a_valid_value_of_its_field() -> None:
    for schema in (GENERATE, RULES):
        for path, inner, _required in fields(schema):
            if "default" in inner:
                assert compile_check(inner)(inner["default"]) is None, path
    assert schema_at(GENERATE, "classes.lower") is not None
    assert schema_at(GENERATE, "prefix") is not None
    assert schema_at(GENERATE, "nothing") is None

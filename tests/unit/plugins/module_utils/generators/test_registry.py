# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever spec is allowed, what is generated is what the spec says, and passes the rules that say the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from ansible_collections.hodei.workers.plugins.module_utils.generators.registry import GENERATORS, generate
from ansible_collections.hodei.workers.plugins.module_utils.generators.rules import check
from ansible_collections.hodei.workers.plugins.module_utils.model.generated import complete, fields_of, length_of
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import kinds
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_rules import generate_problems
from ansible_collections.hodei.workers.tests.support.generated_values import NOW, made, normal
from ansible_collections.hodei.workers.tests.support.schema_values import values

ENCODED = {"hex": "[0-9a-f]*", "base64": "[A-Za-z0-9+/]*={0,2}", "base64url": "[A-Za-z0-9_-]*"}


def rules_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The rules that a value of a spec (with its defaults) obeys."""
    if spec["type"] == "password":
        return {"min_length": spec["length"], "max_length": spec["length"], "classes": spec["classes"]}
    if spec["type"] == "token":
        return {"pattern": ENCODED[spec["encoding"]]}
    if spec["type"] == "api_key":
        return {"pattern": f"{spec['prefix']}[A-Za-z0-9]+"}
    if spec["type"] == "ssh_key":
        key = {"private_key": {"format": "ssh_private_key"}, "public_key": {"format": "ssh_public_key"}}
        return {"format": "json", "fields": {**key, "fingerprint": {"pattern": "SHA256:[A-Za-z0-9+/]{43}"}}}
    if spec["type"] == "tls":
        named = {"csr": {"format": "pem"}, "certificate": {"format": "certificate", "not_expired": True}}
        return {"fields": {"private_key": {"format": "private_key"}, spec["output"]: named[spec["output"]]}}
    return {"format": "uuid", "pattern": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(values(GENERATE))
def test_what_is_generated_is_what_the_spec_says(written: Any) -> None:
    spec = normal(written)
    assume(not generate_problems(spec, Place("")))
    full = complete(spec)
    assume(not str(full.get("key")).startswith("rsa"))  # slow; test_ssh_key.py and test_tls.py have one each
    value = generate(spec, NOW)
    assert check(value, rules_of(full), NOW) == []
    if full["type"] == "password":
        assert not set(value.text()) & set(full["exclude"])
        classes = {"lower": "a-z", "upper": "A-Z", "digits": "0-9", "symbols": re.escape(full["symbols"])}
        assert re.fullmatch(f"[{''.join(classes[name] for name in full['classes'])}]+", value.text())
    length = length_of(spec)
    assert set(value.fields()) == set(fields_of(spec)) if length is None else length == len(value.text())


def test_there_is_a_generator_for_each_type() -> None:
    assert GENERATORS.keys() == kinds(GENERATE).keys()


@pytest.mark.parametrize("written", ["password", "token", "uuid", "ssh_key", {"type": "api_key", "prefix": "k"}])
def test_no_value_comes_twice(written: Any) -> None:
    assert len({made(written).text() for _unused in range(50)}) == 50

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled check and jsonschema agree, both ways; the check refuses to compile what it does not know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ansible_collections.hodei.workers.plugins.module_utils.model.check import compile_check
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import Schema
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_document import BACKEND, provider_schema
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE, RULES
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER
from ansible_collections.hodei.workers.plugins.module_utils.model.words import library_validator
from ansible_collections.hodei.workers.tests.support.schema_values import broken, values

PROVIDER = provider_schema(
    {"properties": {"port_range": {"type": "string", "pattern": "^[0-9]+-[0-9]+$", "format": "text"}}}
)
PATIENT = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

check = compile_check(WORKER)
library = library_validator(WORKER)


@PATIENT
@given(values(WORKER))
def test_a_valid_worker_passes_both(worker: Any) -> None:
    assert check(worker) is None
    assert library.is_valid(worker)


@PATIENT
@given(broken(WORKER))
def test_the_check_refuses_a_worker_exactly_when_jsonschema_does(worker: Any) -> None:
    assert (check(worker) is None) == library.is_valid(worker)


@PATIENT
@given(broken(BACKEND))
def test_the_same_holds_for_backends(value: Any) -> None:
    assert (compile_check(BACKEND)(value) is None) == library_validator(BACKEND).is_valid(value)


@PATIENT
@given(broken(PROVIDER))
def test_the_same_holds_for_providers(value: Any) -> None:
    assert (compile_check(PROVIDER)(value) is None) == library_validator(PROVIDER).is_valid(value)


@pytest.mark.parametrize("schema", [GENERATE, RULES], ids=["generate", "rules"])
def test_the_same_holds_for_secrets(schema: Schema) -> None:
    check, library = compile_check(schema), library_validator(schema)

    @settings(PATIENT, max_examples=150)
    @given(broken(schema))
    def agree(value: Any) -> None:
        fault = check(value)
        errors = {(tuple(error.absolute_path), error.validator) for error in library.iter_errors(value)}
        assert (fault is None) == (not errors)
        assert fault is None or (fault.path, fault.keyword) in errors

    agree()


@PATIENT
@given(broken(WORKER))
def test_a_fault_is_one_of_those_that_jsonschema_finds(worker: Any) -> None:
    fault = check(worker)
    if fault is not None:
        found = {(tuple(error.absolute_path), error.validator) for error in library.iter_errors(worker)}
        assert (fault.path, fault.keyword) in found


def test_a_keyword_that_the_check_does_not_know_is_refused_at_compile_time() -> None:
    with pytest.raises(ValueError, match="maxLength"):
        compile_check({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, 1, 1.0),
        ({"type": "integer"}, 1, True),
        ({"type": "number"}, 1.5, False),
        ({"type": ["string", "object"], "enum": ["a"]}, "a", "b"),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, ["a", "b"], ["a", "a"]),
        (
            {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b", "c"]}]},
            {"a": 1},
            {"a": 1, "b": 1, "c": 1},
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"x": 1}, {"x": "1"}),
    ],
)
def test_a_keyword_decides(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert compile_check(schema)(good) is None
    assert compile_check(schema)(bad) is not None

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema as a tree of fields."""

from __future__ import annotations

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.normal import compile_filler
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import fields, schema_at
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import ENGINE_FIELDS, INSTANCE, WORKER
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle


@pytest.mark.parametrize(
    ("path", "format_or_type"),
    [
        ("resources.memory", "size"),
        ("ports.host", "integer"),
        ("ports[0].host", "integer"),
        ("env.DEBUG", "text"),
        ("labels.example.org/x.y", "text"),
        ("health.http.port", "port_name"),
        ("resources.ulimits.nofile.soft", "integer"),
    ],
)
def test_a_path_leads_to_its_schema(path: str, format_or_type: str) -> None:
    found = schema_at(WORKER, path)
    assert found is not None
    assert format_or_type in (found.get("format"), found.get("type"))


@pytest.mark.parametrize("path", ["memory", "resources.ram", "ports.nam", "image.tag"])
def test_a_path_that_leads_nowhere_is_told(path: str) -> None:
    assert schema_at(WORKER, path) is None


def test_every_field_has_a_description_that_is_a_sentence() -> None:
    for path, schema, _required in fields(WORKER):
        assert schema["description"].endswith("."), path


def test_the_lifecycle_defaults_of_the_schema_and_of_the_model_are_the_same() -> None:
    filled = compile_filler(WORKER["properties"]["lifecycle"])({})
    assert Lifecycle(**{**filled, "ignore_changes": tuple(filled["ignore_changes"])}) == Lifecycle()


def test_the_engine_alone_reads_real_fields_and_instances_override_the_others() -> None:
    assert set(WORKER["properties"]) >= ENGINE_FIELDS
    assert set(INSTANCE["properties"]) & ENGINE_FIELDS == {"state"}

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The column of processes says something about every field, and the configuration's schema is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import SAFETY_FIELDS, Support, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_providers
from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import WAYS
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER, spec_schema
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.fields import (
    COLUMN,
    PROCESS_CONFIG,
    column,
)


def leaves(prefix: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield the path of every field of a spec."""
    for name, inner in schema.get("properties", {}).items():
        path = f"{prefix}.{name}" if prefix else name
        if inner.get("properties"):
            yield from leaves(path, inner)
        elif path == "secrets":
            yield from (f"{path}.{way}" for way in WAYS)
        else:
            yield path


def test_every_field_has_a_cell_that_is_meant() -> None:
    """No field falls to NONE for want of a line."""
    fields = list(leaves("", dict(spec_schema())))
    assert len(fields) > 40
    for path in fields:
        parts = path.split(".")
        assert any(".".join(parts[:count]) in COLUMN for count in range(1, len(parts) + 1)), path


def test_what_cannot_be_carried_names_what_can_be_done() -> None:
    """A note for each NONE and each EMULATED."""
    for path, one in COLUMN.items():
        assert one.note or one.support is Support.NATIVE, path


def test_every_line_is_a_field_of_the_schema() -> None:
    """No line about a field that is not there."""
    fields = list(leaves("", WORKER))
    for path in COLUMN:
        assert any(field == path or field.startswith(f"{path}.") for field in fields), path
    assert all(cell(COLUMN, path).support is not Support.IGNORED for path in SAFETY_FIELDS)


def test_limits_become_native_where_a_cgroup_enforces_them() -> None:
    """And only those."""
    found = column({"memory"})
    assert cell(found, "resources.memory").support is Support.NATIVE
    assert cell(found, "resources.cpu").support is Support.NONE
    assert cell(COLUMN, "resources.memory").support is Support.EMULATED


def test_a_configuration_is_read_with_its_defaults() -> None:
    """Durations become seconds."""
    found, problems = read_providers({"local": {"type": "process", "settle": "1s"}}, {"process": PROCESS_CONFIG})
    assert problems == []
    assert (found["local"]["settle"], found["local"]["port_range"]) == (1, "20000-29999")
    _unused, problems = read_providers(
        {"local": {"type": "process", "port_range": "many"}}, {"process": PROCESS_CONFIG}
    )
    assert "port_range" in str(problems[0])

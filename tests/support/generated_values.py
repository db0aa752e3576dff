# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated values for tests: from a spec as people write it."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.generators.registry import generate
from ansible_collections.hodei.workers.plugins.module_utils.model.check import compile_check
from ansible_collections.hodei.workers.plugins.module_utils.model.normal import compile_normal
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import Schema
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_rules import generate_problems
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue

NOW = 1_800_000_000.0


def normal(written: Any, schema: Schema = GENERATE) -> dict[str, Any]:
    """The normal form of something valid."""
    assert compile_check(schema)(written) is None, compile_check(schema)(written)
    found: dict[str, Any] = (compile_normal(schema) or dict)(written)
    return found


def made(written: Any, now: float = NOW) -> SecretValue:
    """A value of a spec that has no problems."""
    spec = normal(written)
    assert generate_problems(spec, Place("generate")) == []
    return generate(spec, now)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/secrets/generate.md shows works as it is written there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.generators import registry
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import RULES
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_rules import rules_problems
from ansible_collections.hodei.workers.tests.support.generated_values import made, normal

PAGE = next(folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").is_file())
TEXT = (PAGE / "docs" / "secrets" / "generate.md").read_text()


def shown(name: str) -> list[Any]:
    """Every value of a field that the page shows in YAML."""
    blocks = "\n".join(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
    return [yaml.safe_load(one) for one in re.findall(rf"^ *{name}: (.+)$", blocks, re.MULTILINE)]


@pytest.mark.parametrize("spec", shown("generate"), ids=str)
def test_an_example_of_generate(spec: Any) -> None:
    if "rsa-4096" not in str(spec):  # seconds
        assert made(spec).reveal()


@pytest.mark.parametrize("rules", shown("rules"), ids=str)
def test_an_example_of_rules(rules: Any) -> None:
    assert rules_problems(normal(rules, RULES), Place("rules")) == []


def test_there_are_examples_of_every_type() -> None:
    specs = [normal(spec)["type"] for spec in shown("generate")]
    assert len(specs) >= 10
    assert set(specs) >= registry.GENERATORS.keys() - {"uuid"}
    assert len(shown("rules")) == 3


def test_the_program_that_tells_mistyped_keys() -> None:
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    key = made({"type": "api_key", "prefix": "ci_live_", "checksum": True}).text()
    assert names["is_ours"](key)
    assert not names["is_ours"](key[:-7] + ("a" if key[-7] != "a" else "b") + key[-6:])

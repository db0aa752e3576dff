# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""The tables of what can be generated and of the rules for values in docs/secrets/fields.md, made from the schema."""

from __future__ import annotations

from collections.abc import Iterator

from generate_reference import NOTE, table

from ansible_collections.hodei.workers.plugins.module_utils.model.schema import Schema, kinds
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE, RULES

INTRO = """\
# Generated values and rules, field by field

What these mean, with examples: [generate a secret](generate.md).
"""


def fields() -> str:
    """The text of docs/secrets/fields.md."""
    parts = [NOTE, INTRO, "## generate\n", f"{GENERATE['description']}\n"]
    for name, one in kinds(GENERATE).items():
        parts += [f"### type: {name}\n", f"{one['description']}\n", *_own_fields(name, one)]
    parts += ["## rules\n", f"{RULES['description']}\n", table(RULES)]
    parts += ["### rules.classes\n", table(RULES["properties"]["classes"])]
    return "\n".join(parts)


def _own_fields(name: str, one: Schema) -> Iterator[str]:
    own = {field: inner for field, inner in one["properties"].items() if field != "type"}
    if own:
        yield table({**one, "properties": own})
    for field, inner in own.items():
        if inner.get("properties"):
            yield f"### {name}.{field}\n"
            yield table(inner)

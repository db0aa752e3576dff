# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""The published JSON schemas: ours, in words that every validator and editor knows."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.formats import FORMATS
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import Schema
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_document import document_schema
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER
from ansible_collections.hodei.workers.plugins.module_utils.providers.registry import config_schemas
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def published(schema: Any) -> Any:
    """Replace our formats by their patterns and leave our own keywords out."""
    if isinstance(schema, list):
        return [published(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: published(value) for key, value in schema.items() if not key.startswith("x-") and key != "format"}
    # A mapping of fields may have one that is called `format`; a keyword's value is text.
    name = schema.get("format")
    if isinstance(name, dict):
        found["format"] = published(name)
    elif name and FORMATS[name].pattern:
        found["pattern"] = f"^(?:{FORMATS[name].pattern})$"
    return found


def worker() -> str:
    """The schema of one worker."""
    return _text("A worker of hodei.workers", published(WORKER))


def document() -> str:
    """The schema of a whole document, with worker and secret written once."""
    schema = published(document_schema(config_schemas(), store_schemas()))
    schema["$defs"] = {}
    for noun in ("worker", "secret"):
        entries = schema["properties"][f"{noun}s"]
        schema["$defs"][noun] = entries["additionalProperties"]
        entries["additionalProperties"] = {"$ref": f"#/$defs/{noun}"}
        entries["items"] = {"$ref": f"#/$defs/{noun}", "required": ["name"]}
    return _text("A document of hodei.workers", schema)


def _text(title: str, schema: Schema) -> str:
    return json.dumps({"$schema": DIALECT, "title": title, **schema}, indent=2) + "\n"

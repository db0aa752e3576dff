# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text where a number or a truth value belongs, taken for what it says.

ansible-core before 2.19 makes text of every template, so `count: "{{ n }}"` arrives as "4", and no filter helps. This runs only
for entries that the checker refused, so that documents without templates pay nothing for it.
"""

from __future__ import annotations

import re
from typing import Any

from .formats import accepts
from .schema import Schema, kinds

_WORDS = {"true": True, "True": True, "false": False, "False": False}


def _wants_integer(value: str, schema: Schema) -> bool:
    """Tell whether a number is wanted here, and the text as it stands is not."""
    wanted = schema.get("type", ())
    if isinstance(wanted, str):
        return wanted == "integer"
    return "integer" in wanted and ("string" not in wanted or not accepts(schema["format"])(value))


def coerce(value: Any, schema: Schema) -> Any:
    """Return the value with decimal text as an integer, and true or false as a boolean, where the schema wants just that."""
    wanted = schema.get("type")
    if isinstance(value, dict):
        chosen = kinds(schema).get(str(value.get("type")), schema)
        properties, extra = chosen.get("properties", {}), schema.get("additionalProperties")
        others = extra if isinstance(extra, dict) else {}
        return {key: coerce(inner, properties.get(key, others)) for key, inner in value.items()}
    if isinstance(value, list):
        return [coerce(inner, schema.get("items", {})) for inner in value]
    if isinstance(value, str) and _wants_integer(value, schema) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if wanted == "boolean" and isinstance(value, str):
        return _WORDS.get(value, value)
    return value

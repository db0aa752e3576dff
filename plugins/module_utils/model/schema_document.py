# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of the rest of a document: whose fleet it is, where its state lies and which providers run it."""

from __future__ import annotations

from collections.abc import Mapping

from .schema import Schema, choice, flag, formatted, group, integer, listed, mapping, quantity
from .schema_audit import AUDIT
from .schema_identity import IDENTITY
from .schema_secret import SECRET
from .schema_worker import WORKER, named

_LATER = "comes in a later version"

BACKEND = group(
    {
        "type": choice(
            ["sqlite"],
            "Where state is kept: a SQLite file on the machine that runs the task.",
            "sqlite",
            x_later={"postgresql": f"PostgreSQL {_LATER}"},
        ),
        "path": formatted(
            "text", "The directory of the state. Left out: `<state directory>/<owner>`, see `HODEI_STATE_DIR`."
        ),
        "allow_ephemeral": flag("Allow a directory that vanishes with its container or lies on a network file system."),
    },
    "Where the fleet's state is kept.",
    default={},
    x_later={"dsn": f"PostgreSQL {_LATER}"},
)

#: The keys that every provider understands, whatever its type.
PROVIDER_COMMON = {
    "type": formatted("name", "The type of the provider. Left out: told from its other keys."),
    "max_parallel": integer("Most calls at the same time.", 1, 1000),
    "rate_limits": group(
        {
            "wpm": integer("Most workers created per minute.", 1, 1_000_000),
            "ops": integer("Most calls per second.", 1, 1_000_000),
        },
        "How hard the provider may be driven. Left out: `RATE_LIMITS`; none for providers on this machine.",
    ),
    "timeout": quantity("positive_duration", "How long one call may take. Left out: `DEFAULT_TIMEOUT`."),
    "retry": group(
        {
            "attempts": integer("Most attempts of one call, the first included.", 1, 100, 3),
            "initial": quantity("positive_duration", "Wait before the second attempt; it doubles, with jitter.", "1s"),
            "max": quantity("positive_duration", "The longest wait.", "30s"),
        },
        "What happens when a call fails for a reason that may pass.",
        default={},
    ),
    "breaker": group(
        {
            "failures": integer("Failures in a row after which the provider is left alone.", 1, 1000, 5),
            "reset": quantity("positive_duration", "How long it is left alone.", "30s"),
        },
        "When to stop calling a provider that does not answer.",
        default={},
    ),
}

OWNER = formatted("name", "Whose fleet this is: the ownership boundary. Nothing outside of it is ever touched.")
LINEAGE = formatted(
    "uuid", "The fleet's identity, printed once by `hodei.workers.init`; lost state costs nothing with it."
)

#: The keys that every store understands, whatever its type.
STORE_COMMON = {
    "type": formatted("name", "The type of the store.", "local"),
}

_MOVABLE = {"type": "string", "format": "movable"}

MOVED = listed(
    group(
        {
            "from": {
                **_MOVABLE,
                "description": "What it was called: `worker.old`, one instance, `worker.web[0]`, or an owner, `owner.old`.",
            },
            "to": {**_MOVABLE, "description": "What it is called now."},
        },
        "A worker, or an owner, that got another name.",
        required=("from", "to"),
    ),
    "Workers and owners that were renamed: what runs goes on under its new name, and nothing is made anew. Entries may stay.",
)


def provider_schema(own: Schema) -> Schema:
    """Put a provider type's own keys (a fragment with `properties`, and `required`, `oneOf`... if it likes) beside the common ones."""
    return {
        **group(PROVIDER_COMMON, "A provider."),
        **own,
        "properties": {**PROVIDER_COMMON, **own.get("properties", {})},
    }


def store_schema(own: Schema) -> Schema:
    """Put a store type's own keys beside the common ones."""
    return {**own, "properties": {**STORE_COMMON, **own.get("properties", {})}}


def _any_of(common: Mapping[str, Schema], schemas: Mapping[str, Schema], description: str) -> Schema:
    """Return a schema that takes the keys of all types."""
    own: dict[str, Schema] = {}
    for one in schemas.values():
        own.update(one.get("properties", {}))
    return group({**common, **own, "type": {**common["type"], "enum": sorted(schemas)}}, description)


def document_schema(provider_schemas: Mapping[str, Schema], store_schemas: Mapping[str, Schema]) -> Schema:
    """Return the schema of a whole document file."""
    provider = _any_of(PROVIDER_COMMON, provider_schemas, "One provider by its name.")
    store = _any_of(STORE_COMMON, store_schemas, "One store by its name.")
    entry = named(WORKER)
    return group(
        {
            "owner": OWNER,
            "lineage": LINEAGE,
            "backend": BACKEND,
            "providers": mapping(
                "name", provider, "Where workers run, by a name of your choice. Left out: `local: {type: process}`."
            ),
            "stores": mapping(
                "name", store, "Where secrets lie, by a name of your choice. Left out: `local: {type: local}`."
            ),
            "audit": AUDIT,
            "identity": IDENTITY,
            "moved": MOVED,
            "workers": {
                **listed(WORKER, "The workers: a list, or a mapping by name."),
                "type": ["array", "object"],
                "propertyNames": {"type": "string", "format": "name", "x-key": True},
                "additionalProperties": entry,
            },
            "secrets": {
                **listed(SECRET, "The secrets: a list, or a mapping by name."),
                "type": ["array", "object"],
                "propertyNames": {"type": "string", "format": "secret_name", "x-key": True},
                "additionalProperties": named(SECRET),
            },
        },
        "A fleet.",
        x_later={
            "rotation_policies": f"rotation {_LATER}",
        },
    )

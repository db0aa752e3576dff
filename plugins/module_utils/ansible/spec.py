# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs of the modules; the fields of a worker come from the model's schema, never typed twice."""

from __future__ import annotations

from typing import Any

from ..model.schema_secret import SECRET
from ..model.schema_worker import WORKER
from ..model.states import WorkerState

Spec = dict[str, dict[str, Any]]

_LIST_OF_TEXT = {"type": "list", "elements": "str", "default": []}

#: What every module takes: whose fleet, and where things are. ``_payload`` is what the action plugin gathered, ``_sealed``
#: the secrets that references in it stand for.
FLEET: Spec = {
    "owner": {"type": "str"},
    "lineage": {"type": "str"},
    "backend": {"type": "dict"},
    "providers": {"type": "dict"},
    "stores": {"type": "dict"},
    "audit": {"type": "dict"},
    "identity": {"type": "dict"},
    "moved": {"type": "list", "elements": "dict"},
    "document": {"type": "raw"},
    "_payload": {"type": "str", "no_log": True},
    "_sealed": {"type": "str", "no_log": True},
}

WORKERS: Spec = {"workers": {"type": "raw"}}
SECRETS: Spec = {"secrets": {"type": "raw", "no_log": True}}

SELECTION: Spec = {"targets": dict(_LIST_OF_TEXT), "excludes": dict(_LIST_OF_TEXT)}

REPLACE: Spec = {"replace": dict(_LIST_OF_TEXT)}

LEASE: Spec = {
    "lease_timeout": {"type": "str", "default": "1m"},
    "lease_ttl": {"type": "str", "default": "30s"},
    "break_lease": {"type": "bool", "default": False},
}

WAIT_STATES: Spec = {
    "wait": {"type": "bool", "default": False},
    "wait_states": {
        "type": "list",
        "elements": "str",
        "choices": [state.value for state in WorkerState],
        "default": [WorkerState.RUNNING.value],
        "aliases": ["wait_state"],
    },
    "wait_timeout": {"type": "str", "default": "2m"},
}

DRAIN: Spec = {"drain": {"type": "bool", "default": True}}

WAIT: Spec = {"wait_for_drain": {"type": "bool", "default": True}}

RUN: Spec = {
    **LEASE,
    "parallel": {"type": "int", "default": 64},
    "interrupt_grace": {"type": "str", "default": "10s"},
}

PRUNE: Spec = {
    "prune": {"type": "bool", "default": True},
    "max_deletes": {"type": "int"},
    "allow_empty": {"type": "bool", "default": False},
    "prune_fragments": dict(_LIST_OF_TEXT),
}

#: The fields of one worker as options of their own; ``state`` is the module's.
ONE_WORKER: Spec = {name: {"type": "raw"} for name in WORKER["properties"] if name != "state"}
ONE_WORKER["secrets"]["no_log"] = False  # their names
WORKER_FIELDS = frozenset(ONE_WORKER)

#: The fields of one secret as options of their own.
ONE_SECRET: Spec = {name: {"type": "raw"} for name in SECRET["properties"]}
SECRET_FIELDS = frozenset(ONE_SECRET)


def spec(*parts: Spec, **own: dict[str, Any]) -> Spec:
    """Put an argument spec together."""
    return {name: dict(option) for part in (*parts, own) for name, option in part.items()}

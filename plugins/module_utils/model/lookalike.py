# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are something else than a document, or have one a level off: told as that, instead of field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Problem
from .schema_worker import WORKER

_CURE = "write workers: and a list of workers below"


def other_file(content: Any, source: str) -> Problem | None:
    """Say what sort of file this is, when it is one of those that people mix up with a document."""
    if isinstance(content, list):
        first = content[0] if content else None
        if isinstance(first, dict) and "hosts" in first and first.keys() & {"tasks", "roles", "pre_tasks"}:
            return Problem("", "this is a playbook, not a document", f"run it; in a document {_CURE}", source)
        return None
    keys = content.keys() if isinstance(content, Mapping) else set()
    if {"apiVersion", "kind"} <= keys:
        return Problem("", "this is a manifest of Kubernetes, not a document", _CURE, source)
    if "services" in keys and "workers" not in keys:
        return Problem("", "this is a file of Compose, not a document: services are workers here", _CURE, source)
    if "all" in keys and "workers" not in keys:
        return Problem(
            "", "this is an inventory, not a document", "give it by -i; its variable is hodei_workers", source
        )
    return None


def one_worker(workers: Any, path: str, source: str) -> Problem | None:
    """Say that a single worker stands where the list of them belongs."""
    if not isinstance(workers, dict) or "name" not in workers or not workers.keys() <= WORKER["properties"].keys():
        return None
    return Problem(path, "this is one worker, where a list of them belongs", "write - before its first line", source)


def of_a_worker(field: str) -> str:
    """Say where a field of a worker belongs that stands at the top of a document; nothing for any other."""
    return "it is a field of a worker: write it below one, under 'workers'" if field in WORKER["properties"] else ""

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing records that nobody reads any more: of containers that are gone, and versions that gave way to a later one.

Whoever removes a container or writes a version removes them, unless killed in between, or the container was removed by other means.
"""

from __future__ import annotations

from typing import Any

from ...model.errors import HodeiError, Kind
from . import records
from .engine import Engine
from .sdk import told


def sweep(engine: Engine, owner: str) -> None:
    """Remove what is left over of an owner's records. Raises HodeiError."""
    ours: dict[str, Any] = {"label": [f"{records.OWNER}={owner}"]}
    kept = records.revisions(engine.get("/volumes", filters=ours).get("Volumes") or ())
    if not kept:
        return
    # Looked for after the records: one that is made meanwhile is of a container that is seen now.
    living = {one["Id"] for one in engine.get("/containers/json", all=1, filters=ours)}
    for container, versions in kept.items():
        newest = max(versions) if container in living else None
        for revision in versions:
            if revision != newest:
                _remove(engine, records.volume_name(container, revision))


def _remove(engine: Engine, volume: str) -> None:
    try:
        with told():
            engine.api.remove_volume(volume)
    except HodeiError as error:
        if error.kind not in (Kind.NOT_FOUND, Kind.CONFLICT):  # somebody else does it, or uses it
            raise

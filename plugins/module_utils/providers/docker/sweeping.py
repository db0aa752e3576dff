# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing what nobody needs any more: records and secrets of containers that are gone, versions that gave way to a later one, helpers.

Whoever removes a container, writes a version or makes a helper removes them, unless killed in between, or the container was
removed by other means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...model.errors import HodeiError, Kind
from . import records
from .engine import Engine
from .mapping import HELPER
from .sdk import told
from .secret_delivery import Secrets


def sweep(engine: Engine, owner: str, secrets: Secrets) -> None:
    """Remove what is left over of an owner. Raises HodeiError."""
    ours: dict[str, Any] = {"label": [f"{records.OWNER}={owner}"]}
    volumes = engine.get("/volumes", filters=ours).get("Volumes") or ()
    kept, sources = records.revisions(volumes), secrets.sources(volumes)
    # Looked for after these: one that is made meanwhile is of a container that is seen now.
    containers = engine.get("/containers/json", all=1, filters=ours) if kept or sources else ()
    living = {one["Id"] for one in containers}
    secrets.keep(containers, sources)
    for container, versions in kept.items():
        newest = max(versions) if container in living else None
        for revision in versions:
            if revision != newest:
                _remove(engine.api.remove_volume, records.volume_name(container, revision))
    for helper in engine.get("/containers/json", all=1, filters={"label": [f"{HELPER}={owner}"]}):
        _remove(engine.api.remove_container, helper["Id"], v=True, force=True)


def _remove(call: Callable[..., None], name: str, **options: bool) -> None:
    try:
        with told():
            call(name, **options)
    except HodeiError as error:
        if error.kind not in (Kind.NOT_FOUND, Kind.CONFLICT):  # somebody else does it, or uses it
            raise

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named volumes that an Engine made for the workers of an owner."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.ports import Volume
from ...model.worker import Spec
from .engine import Engine
from .mapping import NAMED, engine_name
from .records import container_of
from .seeing import seconds


def volumes_of(engine: Engine, owner: str, specs: Sequence[Spec]) -> list[Volume]:
    """List them; ``specs`` are those of workers that may want one. One whose age the Engine does not tell is new. Raises HodeiError."""
    wanted = {engine_name(one) for spec in specs for one in spec.get("volumes", ()) if one.get("type") == "named"}
    ours = {"label": [f"{NAMED}={owner}"]}
    found = engine.get("/volumes", filters=ours).get("Volumes") or ()
    # The Engine's own count, by which it refuses to remove one; asked for last, so that what is mounted meanwhile is seen.
    free = engine.get("/volumes", filters={**ours, "dangling": ["true"]}).get("Volumes") or ()
    unused = {one["Name"] for one in free}
    return [
        Volume(
            name=one["Name"],
            since=seconds(one.get("CreatedAt", "")) or engine.now(),
            used=one["Name"] not in unused,
            wanted=one["Name"] in wanted,
        )
        for one in found
        if not container_of(one["Name"])
    ]

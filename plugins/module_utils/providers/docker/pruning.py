# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All images of an Engine, and removing one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.ports import Image
from .engine import Engine
from .images import Images
from .sdk import told
from .seeing import seconds

_NAMELESS = "<none>"


def all_images(engine: Engine, images: Images, named: Iterable[str]) -> list[Image]:
    """List the images that have a name or came by a digest; ``named`` are those that somebody wants. Raises HodeiError."""
    wanted: dict[str, list[str]] = {}
    for name in sorted(set(named)):
        found = images.look(name)
        if found is not None:
            wanted.setdefault(str(found["Id"]), []).append(name)
    used = {one["ImageID"] for one in engine.get("/containers/json", all=1)}
    return [
        Image(
            id=one["Id"],
            names=_names(one),
            size=int(one["Size"]),
            since=_since(images.look(one["Id"]) or {}, float(one["Created"])),
            used=one["Id"] in used,
            wanted=tuple(wanted.get(one["Id"], ())),
        )
        for one in engine.get("/images/json")
    ]


def remove(engine: Engine, image: Image) -> None:
    """Take all names from an image, with which it goes. Raises HodeiError(conflict) when something still needs it."""
    for name in image.names or (image.id,):
        try:
            with told():
                engine.api.remove_image(name, noprune=False)
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND:  # with its last tag its digests are gone, too
                raise


def _names(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Its tags; without one, the digests that it came by."""
    tags = [name for name in one.get("RepoTags") or () if not name.startswith(_NAMELESS)]
    return tuple(tags or [name for name in one.get("RepoDigests") or () if not name.startswith(_NAMELESS)])


def _since(image: Mapping[str, Any], built: float) -> float:
    return seconds((image.get("Metadata") or {}).get("LastTagTime", "")) or built

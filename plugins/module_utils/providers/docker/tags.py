# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a tag still means the image that a container was made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...model.errors import HodeiError
from ...model.ports import Listing, Observation
from .images import Images, in_parallel

_SHOWN = 19  # `sha256:` and twelve digits, as the docker command shows an id


def with_moved_tags(listing: Listing, images: Images, *, registry: bool) -> Listing:
    """Add to the drift of each object that its tag means another image by now: at the registry, or on the Engine itself."""
    used = {(one.details["image"], one.details["image_id"]) for one in listing.observations}
    moved: dict[tuple[str, str], str] = {}
    unknown: dict[str, HodeiError] = {}

    def look(image: str, number: str) -> None:
        try:
            now = (_at_registry if registry else _on_engine)(images, image, number)
        except HodeiError as error:
            unknown[image] = error
        else:
            if now:
                moved[image, number] = f"{number[:_SHOWN]} (the tag now means another image, {now[:_SHOWN]})"

    in_parallel(look, (one for one in used if not _is_for_ever(one[0])))
    seen = tuple(_drifted(one, moved) for one in listing.observations)
    warnings = (f"nobody knows whether the tag of {image} has moved: {why}" for image, why in sorted(unknown.items()))
    return replace(listing, observations=seen, warnings=(*listing.warnings, *warnings))


def _drifted(one: Observation, moved: Mapping[tuple[str, str], str]) -> Observation:
    found = moved.get((one.details["image"], one.details["image_id"]))
    return replace(one, drift={**one.drift, "image": found}) if found else one


def _is_for_ever(image: str) -> bool:
    """Tell whether a reference can never mean something else: a digest, or the id of an image that has no name."""
    return "@" in image or image.startswith("sha256:")


def _on_engine(images: Images, image: str, number: str) -> str:
    found = images.look(image)
    return str(found["Id"]) if found is not None and found["Id"] != number else ""


def _at_registry(images: Images, image: str, number: str) -> str:
    """Compare digests. An image that never came from a registry has none, so its tag always means another one there."""
    found = images.look(number)
    if found is None:
        return ""
    digest = str(images.ask(image)["Descriptor"]["digest"])
    return "" if digest in _digests(found.get("RepoDigests") or ()) else digest


def _digests(names: Iterable[Any]) -> set[str]:
    return {str(name).rpartition("@")[2] for name in names}

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: there before a container is made of them, pulled once each however many ask."""

from __future__ import annotations

import threading
from typing import Any

from ...model.errors import HodeiError, Kind
from .engine import Engine
from .sdk import told


class Images:
    """The images of one Engine, as one run needs them."""

    def __init__(self, engine: Engine, policy: str) -> None:
        """``policy`` is ``missing``, ``always`` or ``never``."""
        self._engine = engine
        self._policy = policy
        self._lock = threading.Lock()
        self._pulled: dict[str, HodeiError | None] = {}

    def before_create(self, image: str) -> None:
        """Pull what is to be fresh. Raises HodeiError."""
        if self._policy == "always":
            self.pull(image)

    def pull(self, image: str) -> None:
        """Have an image. Raises HodeiError(not_found) that names it."""
        if self._policy == "never":
            raise HodeiError(
                Kind.NOT_FOUND, f"there is no image {image}", hint="Pull it, or set `pull: missing` in the provider."
            )
        with self._lock:
            if image not in self._pulled:
                self._pulled[image] = self._try(image)
        problem = self._pulled[image]
        if problem is not None:
            raise problem

    def _try(self, image: str) -> HodeiError | None:
        try:
            with told():
                lines = self._engine.api.pull(image, tag=_tag(image), stream=True, decode=True)
                said = next((line["error"] for line in lines if "error" in line), "")
        except HodeiError as error:
            said = error.message
        if not said:
            return None
        return HodeiError(
            Kind.NOT_FOUND,
            f"image {image} is not there and cannot be pulled: {said}",
            hint="Correct its name, or log in to its registry.",
        )


def _tag(image: str) -> Any:
    """Return what keeps the SDK from pulling every tag."""
    return None if "@" in image or ":" in image.rpartition("/")[2] else "latest"

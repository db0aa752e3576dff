# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of containers in volumes of their own, for Engines whose memory we cannot reach: they lie on the Engine's disk.

A container may only read its volume, so a helper that never runs has it to write to, and the Engine unpacks a tar there. Nothing of
the image is needed, and the Engine maps the owners of files where it maps users.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ...durable.failpoints import hit
from . import records
from .archive import put, stat
from .engine import Engine
from .mapping import HELPER
from .packing import Item
from .secret_layout import CURRENT, DIRECTORY, OURS

_NAME = "hodei-secrets-"
_SLOTS = (f"{OURS}1", f"{OURS}2")
#: Where a helper has the volume.
_AT = "/secrets"
_ROOT = (0, 0)


class SecretVolumes:
    """The volumes for the containers of one owner."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine, self._owner = engine, owner

    def new(self) -> str:
        """Name a volume: it comes with the container that has it first."""
        return f"{_NAME}{uuid.uuid4().hex}"

    def mount(self, source: str) -> dict[str, Any]:
        """Return the mount of a volume as the Engine takes it."""
        return {**self._mounted(source, DIRECTORY), "ReadOnly": True}

    def _mounted(self, source: str, at: str) -> dict[str, Any]:
        options = {"NoCopy": True, "Labels": {records.OWNER: self._owner}}
        return {"Type": "volume", "Source": source, "Target": at, "VolumeOptions": options}

    @staticmethod
    def is_ours(mount: Mapping[str, Any]) -> bool:
        """Tell whether a mount of a container is one that we made."""
        return mount["Type"] == "volume" and str(mount["Name"]).startswith(_NAME)

    def write(
        self,
        source: str,
        image: str,
        items: Sequence[Item],
        tops: Mapping[str, str],
        still: AbstractContextManager[None],
    ) -> None:
        """Have a container see all of this in place of what it saw; what fails changes nothing. Raises HodeiError.

        An Engine puts a link in another's place in two steps, so the container is held ``still`` meanwhile. What it saw goes in the same
        call: nobody would remember that it is left to be removed.
        """
        with self._helper(source, image) as helper:
            current = self._current(helper)
            slot = next(one for one in _SLOTS if one != current)
            links = [_link(*one) for one in tops.items()]
            at = f"{_AT}/{slot}"
            written = [item._replace(at=f"{at}/{item.at}") for item in items]
            put(self._engine, helper, _AT, [Item(at, 0, _ROOT, b""), Item(at, 0o755, _ROOT), *written])
            hit("secrets.written")
            with still:
                old = [_nothing(one) for one in _SLOTS if one != slot]
                put(self._engine, helper, _AT, [*links, _link(CURRENT, slot), *old])
            hit("secrets.switched")

    def empty(self, source: str, image: str) -> None:
        """Remove all that a container was given; it can start again. Raises HodeiError."""
        with self._helper(source, image) as helper:
            put(self._engine, helper, _AT, [_nothing(one) for one in (CURRENT, *_SLOTS)])

    def remove(self, source: str) -> None:
        """Remove a volume whose container is gone. Raises HodeiError."""
        self._engine.remove_volume(source)

    @staticmethod
    def sources(volumes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return those of an owner's volumes that hold secrets."""
        return [one["Name"] for one in volumes if one["Name"].startswith(_NAME)]

    def _current(self, helper: str) -> str:
        found = stat(self._engine, helper, f"{_AT}/{CURRENT}")
        return found.target.rpartition("/")[2] if found is not None else ""

    @contextlib.contextmanager
    def _helper(self, source: str, image: str) -> Iterator[str]:
        body = {
            "Image": image,
            "Cmd": ["never-started"],
            "HostConfig": {"Mounts": [self._mounted(source, _AT)], "NetworkMode": "none"},
            "Labels": {HELPER: self._owner},
        }
        helper = str(self._engine.post("/containers/create", body)["Id"])
        try:
            yield helper
        finally:
            self._engine.delete(f"/containers/{helper}", force="true")


def _link(name: str, target: str) -> Item:
    return Item(f"{_AT}/{name}", 0o777, _ROOT, link=target)


def _nothing(name: str) -> Item:
    """Stand for what was there: an Engine unpacks files, and never removes one but to put another in its place."""
    return Item(f"{_AT}/{name}", 0, _ROOT, b"")

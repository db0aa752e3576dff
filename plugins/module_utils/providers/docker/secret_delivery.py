# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives containers their secrets: in this machine's memory where the Engine is here and we are root, else in a volume of the Engine.

Why so, and what was measured: docs/decisions/0060.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.mounts import Delivery
from .endpoint import is_here
from .engine import Engine
from .records import Record
from .secret_layout import DIRECTORY, Identity, contents, is_variable, remembered, tops, versions
from .secret_memory import Memory
from .secret_volumes import SecretVolumes

#: Whoever has opened a directory of what does not count any more may read on for so many seconds.
READ_ON = 1.0
_MAPPED = ("rootless", "userns", "selinux")


class Secrets:
    """The secrets of the containers of one owner. A source is a directory of this machine or the name of a volume.

    ``info`` returns what the Engine tells of itself; ``wanted`` is `memory`, `volume`, or empty for what can be had.
    """

    def __init__(self, engine: Engine, owner: str, info: Callable[[], Mapping[str, Any]], wanted: str = "") -> None:
        self._engine, self._owner, self._info, self._wanted = engine, owner, info, wanted
        self._volumes = SecretVolumes(engine, owner)
        self._changed: list[tuple[float, str, str]] = []

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self._owner, engine_name(self._info()))

    @cached_property
    def why_not_in_memory(self) -> str:
        """Say why nothing can be kept in memory; empty where it can."""
        if not (self._engine.endpoint.local and is_here(self._info())):
            return "the Engine is not on this machine"
        if os.geteuid() != 0:
            return "the task does not run as root, and only root may give a file to the container's user"
        options = [one.partition("name=")[2].partition(",")[0] for one in self._info().get("SecurityOptions") or ()]
        mapped = next((one for one in _MAPPED if one in options), "")
        if mapped:
            return f"the Engine runs with {mapped}, so files of this machine are not the container's"
        return "" if self._memory.place else "this machine has no file system in memory at /run or /dev/shm"

    def why_refused(self) -> str:
        """Say why they cannot be where they must be; empty where they can."""
        return self.why_not_in_memory if self._wanted == "memory" else ""

    # ---- where they lie ------------------------------------------------------------------------------------------

    def new(self) -> str:
        """Return a source for a container that is about to be made. Raises HodeiError."""
        if self._wanted == "volume" or self.why_not_in_memory:
            return self._volumes.new()
        return self._memory.new()

    def mount(self, source: str) -> dict[str, Any]:
        """Return the mount of a source as the Engine takes it."""
        return self._memory.mount(source) if _is_path(source) else self._volumes.mount(source)

    def source_of(self, container: Mapping[str, Any]) -> str:
        """Return the source of a container as the Engine lists or inspects it; empty when it has none."""
        for one in container.get("Mounts") or ():
            if one["Destination"] == DIRECTORY:
                if one["Type"] == "volume" and self._volumes.is_ours(one):
                    return str(one["Name"])
                if one["Type"] == "bind" and Memory.is_ours(one):
                    return str(one["Source"])
        return ""

    # ---- what is there -------------------------------------------------------------------------------------------

    def seen(self, container: Mapping[str, Any], record: Record) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        """Return the versions of what a container really has, and what of it is drift: that takes another container."""
        source = self.source_of(container) if record.secrets else ""
        if not _is_path(source) or self.why_not_in_memory or self._memory.is_there(source):
            return record.secrets, {}
        cut_off = container["State"]["Running"] and self._memory.is_cut_off(source)
        left = {key: version for key, version in record.secrets.items() if is_variable(key)}
        return left, {"secrets": f"{source} is gone"} if cut_off else {}

    # ---- changing ------------------------------------------------------------------------------------------------

    def give(
        self,
        container: Mapping[str, Any],
        record: Record,
        given: Mapping[str, Delivery],
        identity: Identity,
        still: Callable[[], AbstractContextManager[None]],
        *,
        anew: bool = False,
    ) -> dict[str, str]:
        """Have a container see what it is ``given`` at which places, all at once, ``anew`` also where the versions are the same; return
        what its record is to remember. Raises HodeiError.
        """
        after = remembered(record.secrets, given.values())
        there, _unused = self.seen(container, record)
        had = {key: version for key, version in there.items() if not is_variable(key)}
        if versions(given.values()) == had and not (anew and given):
            return after
        source, image = self.source_of(container), container["Image"]
        if not given:
            self.empty(container)
            return after
        if not source:
            raise HodeiError(
                Kind.CONFLICT,
                "the container was made without a place for secrets",
                hint="Replace the worker: name it in `replace`.",
            )
        items, links = contents(given, identity), tops(given)
        if not _is_path(source):
            self._volumes.write(source, image, items, links, still())
        else:
            self._refuse_far(source)
            before = self._memory.write(source, items, links)
            if before:
                self._changed.append((time.monotonic() + READ_ON, source, before))
        return after

    def drop_old(self, *, wait: bool = False) -> None:
        """Remove what was given before and nobody reads any more; ``wait`` until that is all. What is left goes with the next run."""
        changed, self._changed = self._changed, []
        for until, source, slot in changed:
            left = until - time.monotonic()
            if left > 0 and not wait:
                self._changed.append((until, source, slot))
                continue
            time.sleep(max(0.0, left))
            with suppress(HodeiError):  # it may be gone
                self._memory.drop(source, slot)

    def empty(self, container: Mapping[str, Any]) -> None:
        """Take all from a container that goes on without us. Raises HodeiError."""
        source = self.source_of(container)
        if _is_path(source):
            self._refuse_far(source)
            self._memory.empty(source)
        elif source:
            self._volumes.empty(source, container["Image"])

    def remove(self, source: str) -> None:
        """Remove what a container had that is gone. Raises HodeiError."""
        if _is_path(source):
            self._refuse_far(source)
            self._memory.remove(source)
        elif source:
            self._volumes.remove(source)

    def keep(self, containers: Sequence[Mapping[str, Any]], sources: Collection[str]) -> None:
        """Remove those of some sources that no container has, and what does not count any more of the others. Raises HodeiError."""
        used = {self.source_of(one) for one in containers}
        for source in {*sources} - used:
            self.remove(source)
        for source in filter(_is_path, {*sources} & used):
            self._memory.drop_old(source)

    def sources(self, volumes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return all sources that this owner has here; ``volumes`` are the owner's."""
        found = self._volumes.sources(volumes)
        return found if not Memory.is_used() or self.why_not_in_memory else found + self._memory.sources()

    def _refuse_far(self, source: str) -> None:
        if self.why_not_in_memory:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"the secrets of the container lie in the memory of its Engine's machine, at {source}, and "
                f"{self.why_not_in_memory}",
                hint="Run the task there as root, or replace the worker.",
            )


def _is_path(source: str) -> bool:
    return source.startswith("/")


def engine_name(info: Mapping[str, Any]) -> str:
    """Name an Engine as no other of this machine is named: several may have one ID, which lies in /etc, but none shares its files."""
    return hashlib.sha256(f"{info.get('ID', '')}\0{info.get('DockerRootDir', '')}".encode()).hexdigest()[:16]

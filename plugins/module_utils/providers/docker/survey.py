# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers are ours, in two bulk calls; and what one of them is like, in one call more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ...model.address import Address
from ...model.errors import HodeiError, Kind
from ...model.ports import Listing, Observation
from . import records
from .engine import Engine
from .records import Record
from .secret_delivery import Secrets
from .seeing import etag, is_unclear, observation, seconds

#: Details of so many containers are asked for at the same time where the Engine is not on this machine.
_AT_ONCE = 8
#: A container with such a name belongs to nobody, whatever its labels say.
RELEASED = "released."
#: More than so many are looked for in one list.
_FEW = 16


def revision() -> int:
    """Return the place of a look that begins now in the order of all looks: whatever changed before, a later one sees."""
    return time.monotonic_ns()


class Row(NamedTuple):
    """A container of ours."""

    container: str
    name: str
    record: Record
    revision: int

    @property
    def etag(self) -> str:
        """What changes whenever somebody changes it, and with another container in its place."""
        return etag(self.container, self.record)

    @property
    def key(self) -> tuple[Address, int]:
        """Which object of which worker."""
        return self.record.address, self.record.generation


class Survey:
    """What of an Engine belongs to one configured provider of one owner."""

    def __init__(self, engine: Engine, owner: str, provider: str, secrets: Secrets) -> None:
        self._engine = engine
        self._secrets = secrets
        self.owner = owner
        self._provider = provider

    def rows(self) -> list[Row]:
        """List our containers. Raises HodeiError, also for one whose record cannot be read: what it is, nobody knows."""
        ours = {"label": [f"{records.OWNER}={self.owner}"]}
        containers = self._engine.get("/containers/json", all=1, filters=ours)
        volumes = self._engine.get("/volumes", filters=ours).get("Volumes") or ()
        later = records.revisions(volumes)
        found: list[Row] = []
        strays: list[Row] = []
        for container in containers:
            name = next((one[1:] for one in container["Names"] if one.count("/") == 1), "")
            row = self._read(container["Id"], name, container["Labels"], later.get(container["Id"], {}))
            if row is not None:
                (found if self._has_its_name(row) else strays).append(row)
        there = {row.key for row in found}
        return found + [
            row for row in strays if row.key not in there and self._is_made(row, self.inspect(row.container))
        ]

    def _has_its_name(self, row: Row) -> bool:
        return row.name.startswith(f"{self.owner}.")

    def _is_made(self, row: Row, seen: Mapping[str, Any] | None) -> bool:
        """Whether a container with another name is ours, renamed by somebody, and not a copy made of an image with our labels."""
        return seen is not None and seen["Config"]["Image"] == row.record.image

    def row(self, container: str) -> Row | None:
        """Look for one of ours by its id. Raises HodeiError."""
        found = self.find(container)
        return None if found is None else found[0]

    def find(self, container: str) -> tuple[Row, Mapping[str, Any]] | None:
        """Look for one of ours by its id, and return with it all that the Engine tells. Raises HodeiError."""
        seen = self.inspect(container)
        labels = (seen["Config"]["Labels"] or {}) if seen is not None else {}
        if seen is None or labels.get(records.OWNER) != self.owner:
            return None
        row = self._read(seen["Id"], seen["Name"][1:], labels, self.revisions(seen["Id"]))
        if row is None or not (self._has_its_name(row) or self._is_made(row, seen)):
            return None
        return row, seen

    def look(self, containers: Collection[str]) -> dict[str, Observation]:
        """Look at those of some that are there and ours, by the beginnings of their ids. Raises HodeiError."""
        if len(containers) > _FEW:
            rows = [row for row in self.rows() if records.short(row.container) in containers]
            seen = {records.short(row.container): self.see(row) for row in rows}
            return {name: one for name, one in seen.items() if one is not None}
        found = {name: self.find(name) for name in containers}
        return {name: self.shown(*one) for name, one in found.items() if one is not None}

    def revisions(self, container: str) -> Mapping[int, Mapping[str, str]]:
        """Return the labels of the later versions of one record."""
        volumes = self._engine.get("/volumes", filters={"label": [f"{records.OF}={container}"]}).get("Volumes") or ()
        return records.revisions(volumes).get(container, {})

    def _read(
        self, container: str, name: str, labels: Mapping[str, str], later: Mapping[int, Mapping[str, str]]
    ) -> Row | None:
        if name.startswith(RELEASED):
            return None
        record, revision = records.latest(labels, later)
        if record is None:
            raise HodeiError(
                Kind.COMPATIBILITY,
                f"the label {records.RECORD} of container {name} cannot be read",
                hint="It may be of a later version of hodei.workers: use that one, or remove the container.",
            )
        return Row(container, name, record, revision) if record.provider == self._provider else None

    def index(self) -> dict[tuple[Address, int], Row]:
        """List our containers by address and generation."""
        return {row.key: row for row in self.rows()}

    def inspect(self, container: str) -> Mapping[str, Any] | None:
        """Return all that the Engine tells of a container; None when there is none. Raises HodeiError."""
        try:
            found: Mapping[str, Any] = self._engine.get(f"/containers/{container}/json")
        except HodeiError as error:
            if error.kind is Kind.NOT_FOUND:
                return None
            raise
        return found

    def see(self, row: Row) -> Observation | None:
        """Look at one container."""
        found = self.inspect(row.container)
        return None if found is None else self.shown(row, found)

    def shown(self, row: Row, container: Mapping[str, Any]) -> Observation:
        """Return a container that was looked at as the port shows it; one that never ran has no files yet."""
        files: Mapping[str, Any] = {}
        if (row.record.files or row.record.gone) and seconds(container["State"]["StartedAt"]) is not None:
            from .drift import drift

            running = container["State"]["Status"] == "running"
            files = drift(self._engine, row.container, row.record, running=running)
        if not self._has_its_name(row):
            files = {**files, "name": row.name}
        secrets, lost = self._secrets.seen(container, row.record)
        began = self.engine_began() if is_unclear(container, row.record) else 0.0
        return observation(container, row.record, {**files, **lost}, began, secrets)

    def engine_began(self) -> float:
        """Return when the Engine was started: it makes its default network anew then. 0 where it has none. Raises HodeiError."""
        try:
            return seconds(self._engine.get("/networks/bridge")["Created"]) or 0.0
        except HodeiError as error:
            if error.kind is Kind.NOT_FOUND:
                return 0.0
            raise

    def listing(self) -> Listing:
        """Look at all."""
        at = revision()
        rows = self.rows()
        see: Callable[[Row], Observation | None] = self.see
        if self._engine.endpoint.local or len(rows) < _AT_ONCE:
            seen = [see(row) for row in rows]
        else:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                seen = list(pool.map(see, rows))
        return Listing(tuple(one for one in seen if one is not None), revision=at)

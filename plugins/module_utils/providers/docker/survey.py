# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers are ours, in two bulk calls; and what one of them is like, in one call more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ...model.address import Address
from ...model.errors import HodeiError, Kind
from ...model.ports import Listing, Observation
from . import records
from .engine import Engine
from .records import Record
from .seeing import observation, seconds

#: Details of so many containers are asked for at the same time where the Engine is not on this machine.
_AT_ONCE = 8
#: A container with such a name belongs to nobody, whatever its labels say.
RELEASED = "released."


class Row(NamedTuple):
    """A container of ours."""

    container: str
    name: str
    record: Record
    revision: int

    @property
    def etag(self) -> str:
        """What changes with each version of its record, and with another container in its place."""
        return f"{self.container[:12]}.{self.revision}"


class Survey:
    """What of an Engine belongs to one configured provider of one owner."""

    def __init__(self, engine: Engine, owner: str, provider: str) -> None:
        self._engine = engine
        self._owner = owner
        self._provider = provider

    def rows(self) -> list[Row]:
        """List our containers. Raises HodeiError, also for one whose record cannot be read: what it is, nobody knows."""
        ours = {"label": [f"{records.OWNER}={self._owner}"]}
        containers = self._engine.get("/containers/json", all=1, filters=ours)
        volumes = self._engine.get("/volumes", filters=ours).get("Volumes") or ()
        later = records.revisions(volumes)
        found: list[Row] = []
        strays: list[Row] = []
        for container in containers:
            name = next((one[1:] for one in container["Names"] if one.count("/") == 1), "")
            if name.startswith(RELEASED):
                continue
            record, revision = records.latest(container["Labels"], later.get(container["Id"], {}))
            if record is None:
                raise HodeiError(
                    Kind.COMPATIBILITY,
                    f"the label {records.RECORD} of container {name} cannot be read",
                    hint="It may be of a later version of hodei.workers: use that one, or remove the container.",
                )
            if record.provider == self._provider:
                rows = found if name.startswith(f"{self._owner}.") else strays
                rows.append(Row(container["Id"], name, record, revision))
        there = {(row.record.address, row.record.generation) for row in found}
        return found + [
            row for row in strays if (row.record.address, row.record.generation) not in there and self._is_made(row)
        ]

    def _is_made(self, row: Row) -> bool:
        """Whether a container with another name is ours, renamed by somebody, and not a copy made of an image with our labels."""
        seen = self.inspect(row.container)
        return seen is not None and seen["Config"]["Image"] == row.record.image

    def index(self) -> dict[tuple[Address, int], Row]:
        """List our containers by address and generation."""
        return {(row.record.address, row.record.generation): row for row in self.rows()}

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
            from .delivery import drift

            running = container["State"]["Status"] == "running"
            files = drift(self._engine, row.container, row.record, running=running)
        if not row.name.startswith(f"{self._owner}."):
            files = {**files, "name": row.name}
        return observation(container, row.record, row.revision, files)

    def listing(self) -> Listing:
        """Look at all."""
        rows = self.rows()
        see: Callable[[Row], Observation | None] = self.see
        if self._engine.endpoint.local or len(rows) < _AT_ONCE:
            seen = [see(row) for row in rows]
        else:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                seen = list(pool.map(see, rows))
        return Listing(tuple(one for one in seen if one is not None))

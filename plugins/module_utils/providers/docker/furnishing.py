# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a container is given beside its image: its files and volumes, and its secrets with the links that lead to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...model.errors import HodeiError
from ...model.ports import CreateRequest
from .delivery import Delivery
from .mapping import absolute
from .packing import ROOT
from .records import Record
from .secret_delivery import Secrets
from .secret_layout import HOME, in_files, needs_home, outside, placed
from .survey import Row


class Furnisher:
    """Gives containers what they are given; what is ``seen`` of one is what the Engine tells of it."""

    def __init__(self, delivery: Delivery, secrets: Secrets) -> None:
        self._delivery, self._secrets = delivery, secrets

    def wanted(self, request: CreateRequest) -> bool:
        """Tell whether a container needs anything before its first start."""
        return self._delivery.wanted(request.spec) or bool(in_files(request.secrets))

    def furnish(self, row: Row, request: CreateRequest, seen: Mapping[str, Any]) -> Record:
        """Give a container that never ran all of it, and return its record then. Raises HodeiError."""
        links = outside(placed(request.secrets, self._home(request, seen)))
        record = self._delivery.furnish(row, request.spec, seen, links)
        return replace(record, secrets=self._given(row, request, seen))

    def change(
        self, row: Row, record: Record, request: CreateRequest, seen: Mapping[str, Any]
    ) -> tuple[Record, HodeiError | None]:
        """Make all of it what a request says; return ``record`` with that, which is not written yet, and why files that left the
        document are there still. Raises HodeiError.
        """
        before = {key.removeprefix(HOME) for key in row.record.secrets if key.startswith(HOME)}
        there = {one.mount.place: one for one in request.secrets if one.mount.in_home}
        home = self._home(request, seen) if there.keys() == before else self._delivery.home(seen["Image"])
        left = [{"path": path, "at": absolute(path, home)} for path in sorted(before - there.keys())]
        files, gone = ([one for one in held if one["path"] not in there] for held in (record.files, record.gone))
        fresh, problem = self._delivery.change(row, replace(record, files=files, gone=[*gone, *left]), request, seen)
        fresh = replace(fresh, secrets=self._given(row, request, seen))
        links = outside(placed([one for path, one in there.items() if path not in before], home))
        self._delivery.lead(row, links, seen)
        told = all(row.record.secrets.get(one.mount.key) == one.version for one in there.values())
        if not told and seen["State"]["Status"] in ("running", "paused"):
            fresh = replace(fresh, stale=seen["State"]["StartedAt"])
        return fresh, problem

    def _given(self, row: Row, request: CreateRequest, seen: Mapping[str, Any]) -> dict[str, str]:
        """Give a container its secrets, and return what its record remembers of them."""
        user = str(seen["Config"].get("User") or "")
        running = seen["State"]["Status"] == "running"
        return self._secrets.give(
            seen,
            row.record,
            placed(request.secrets, self._home(request, seen)),
            lambda owner: self._delivery.identity(seen, owner or user),
            lambda: self._delivery.frozen(row.container, running),
        )

    def _home(self, request: CreateRequest, seen: Mapping[str, Any]) -> str:
        return self._delivery.home(seen["Image"]) if needs_home(request.secrets) else ROOT

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
from .secret_layout import HOME, in_files, is_inside, is_variable, needs_home, outside, place_of, placed, variables
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
        variables(request.secrets)  # refused as if they could be given
        before, given = self._before(row, seen), placed(request.secrets, self._home(request, seen))
        files, gone = ([one for one in held if one["at"] not in given] for held in (record.files, record.gone))
        left = [{"path": path, "at": place} for place, path in before.items() if place not in given]
        fresh, problem = self._delivery.change(
            row,
            replace(record, files=files, gone=[*gone, *(one for one in left if not is_inside(one["at"]))]),
            request,
            seen,
        )
        fresh = replace(fresh, secrets=self._given(row, request, seen))
        self._delivery.lead(row, outside(place for place in given if place not in before), seen)
        told = [one for one in given.values() if one.mount.in_home or request.spec.get("reload")]
        new = any(row.record.secrets.get(one.mount.key) != one.version for one in told)
        if new and seen["State"]["Status"] in ("running", "paused"):
            fresh = replace(fresh, stale=seen["State"]["StartedAt"])
        return fresh, problem

    def _before(self, row: Row, seen: Mapping[str, Any]) -> dict[str, str]:
        """Return what a container was given in files up to now: place -> path of the document."""
        keys = [key.partition(".") for key in row.record.secrets if not is_variable(key)]
        at_home = any(way == HOME and not path.startswith("/") for way, _unused, path in keys)
        home = self._delivery.home(seen["Image"]) if at_home else ROOT
        return {absolute(path, home) if way == HOME else place_of(path): path for way, _unused, path in keys}

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
            anew=request.digest != row.record.digest,
        )

    def _home(self, request: CreateRequest, seen: Mapping[str, Any]) -> str:
        return self._delivery.home(seen["Image"]) if needs_home(request.secrets) else ROOT

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing what is due: it is not due again then; and what fails for one container is nobody else's problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.care import Need, duty
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.keeping import Keeper
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.records import (
    TTL,
    WORKS_ON,
    Finish,
    Record,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.survey import Row

RECORD = Record("me", "local", "one", "web", None, 1, "digest", "key", "op", ttl=60.0)
NOW = 2_000_000_000.0


class World:
    """Some running containers, whose time to live is over, and the ledger of their records; one of them is ``stuck``."""

    def __init__(self, *records: Record, stuck: str = "") -> None:
        self._rows = {one.name: Row(one.name, f"me.{one.name}.1", one, 0) for one in records}
        self._stuck = stuck
        self.ended: list[str] = []

    ledger = property(lambda self: self)

    def now(self) -> float:
        return NOW

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def find(self, container: str) -> tuple[Row, Mapping[str, Any]]:
        state = {"Status": "running", "StartedAt": "2026-01-01T00:00:00Z"}
        return self._rows[container], {"Id": container, "State": state, "Config": {}, "HostConfig": {}}

    def write(self, row: Row, change: Callable[[Record], Record]) -> Row:
        if row.container == self._stuck:
            raise HodeiError(Kind.RESOURCE_EXHAUSTED, "no space left on device")
        self._rows[row.container] = row._replace(record=change(row.record))
        return self._rows[row.container]

    note = write

    def end(self, row: Row, grace: float) -> None:
        self.ended.append(row.container)


def keeper(world: World) -> Keeper:
    """Look after a world."""
    engine: Any = world
    return Keeper(engine, engine, engine, engine)


def due(world: World, container: str) -> Need | None:
    """Return what one of them needs by now."""
    row, seen = world.find(container)
    next_ = duty(seen, row.record, NOW)
    return next_.need if next_ is not None and next_.due <= NOW else None


@pytest.mark.parametrize("draining", [WORKS_ON, Finish(NOW - 5.0), Finish(NOW - 5.0, told=True)])
def test_the_end_of_a_time_to_live_is_left_with_who_drains(draining: Finish) -> None:
    """Also with one that a converge told which waits itself, or that is no more: nobody else ends it."""
    world = World(replace(RECORD, drain={"on_timeout": "kill"}, draining=draining))
    assert due(world, "web") is Need.EXPIRE
    keeper(world).do("web", Need.EXPIRE)
    assert due(world, "web") is Need.SETTLE
    (row,) = world.rows()
    assert row.record.draining == Finish(draining.since or NOW, draining.told, TTL)


def test_what_cannot_be_done_for_one_is_told_and_done_for_the_others() -> None:
    """And does not hide all of them from a run."""
    world = World(RECORD, replace(RECORD, name="stuck"), replace(RECORD, name="other"), stuck="stuck")
    (warning,) = keeper(world).sweep()
    assert warning.startswith("worker.stuck: ")
    assert "no space left" in warning
    assert sorted(world.ended) == ["other", "web"]

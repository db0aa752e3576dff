# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process belongs to whom, on trees that were never planted."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import tree
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.procfs import Process
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.tree import (
    Census,
    Leader,
    Reaper,
    marker_of,
)

SUPERVISOR = 100


def process(pid: int, parent: int, session: int | None = None, started: int = 0, state: str = "S") -> Process:
    """Describe a process; its session is its parent's leader unless told."""
    return Process(pid, state, parent, session or pid, session or pid, started or pid, 0)


def owners(processes: list[Process], leaders: dict[int, Leader], markers: dict[int, str]) -> dict[int, str]:
    """Take a census."""
    census = Census(lambda pid: f"A=1\0HODEI_WORKER={markers[pid]}\0".encode() if pid in markers else b"A=1\0")
    return census.owners({one.pid: one for one in processes}, leaders, SUPERVISOR)


def test_descendants_and_their_session() -> None:
    """A leader, its children, and children of those that left the session."""
    found = owners(
        [process(10, SUPERVISOR), process(11, 10, 10), process(12, 11), process(13, 12), process(50, 1)],
        {10: Leader("one", 10)},
        {},
    )
    assert found == {10: "one", 11: "one", 12: "one", 13: "one"}


def test_an_orphan_is_known_by_session_or_marker() -> None:
    """Whoever is its parent by now."""
    found = owners(
        [process(10, SUPERVISOR), process(11, 1, 10), process(12, 1), process(13, SUPERVISOR), process(14, 13)],
        {10: Leader("one", 10)},
        {12: "one", 13: "two.x3"},
    )
    assert found == {10: "one", 11: "one", 12: "one", 13: "two.x3", 14: "two.x3"}


def test_a_reused_pid_is_not_the_leader() -> None:
    """The start tells them apart; the session of a leader that is gone is still its own."""
    reused = owners([process(10, 1, started=999), process(11, 1, 10)], {10: Leader("one", 10)}, {})
    assert reused == {}
    gone = owners([process(11, 1, 10)], {10: Leader("one", 10)}, {})
    assert gone == {11: "one"}


def test_the_supervisor_belongs_to_nobody() -> None:
    """Nor does init, whatever their environment says."""
    assert owners([process(SUPERVISOR, 1), process(1, 0)], {}, {SUPERVISOR: "one", 1: "one"}) == {}


def test_a_very_deep_tree() -> None:
    """No recursion."""
    chain = [process(10, SUPERVISOR), *(process(pid, pid - 1, pid) for pid in range(11, 5000))]
    assert set(owners(chain[::-1], {10: Leader("one", 10)}, {}).values()) == {"one"}


def test_environments_are_read_once() -> None:
    """However often one looks."""
    read: list[int] = []
    census = Census(lambda pid: read.append(pid) or b"")  # type: ignore[func-returns-value]
    for _unused in range(3):
        census.owners({20: process(20, 1), 21: process(21, 20)}, {}, SUPERVISOR)
    assert sorted(read) == [20, 21]


def test_marker() -> None:
    """Found among others, and not inside of them."""
    assert marker_of(b"X_HODEI_WORKER=no\0HODEI_WORKER=yes\0") == "yes"
    assert marker_of(b"") == ""


def test_who_is_killed_again_has_all_the_time_to_die(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long others have kept the reaper at work since the first time."""
    reaper = Reaper({}, lambda _family: [])
    looks = {"stuck": 1000, "dies": 0}

    def members(families: frozenset[str]) -> dict[str, list[Process]]:
        """Each is there for so many looks."""
        for one in families:
            looks[one] -= 1
        return {one: [process(1 << 30, 1)] if looks[one] > 0 else [] for one in families}

    monkeypatch.setattr(reaper, "members", members)

    async def kill(family: str, seconds: float) -> bool:
        monkeypatch.setattr(tree, "_DEADLINE", seconds)
        looks[family] += 2
        return await reaper.kill(family)

    async def scenario() -> None:
        stuck = asyncio.create_task(kill("stuck", 600.0))
        while looks["stuck"] >= 1000:
            await asyncio.sleep(0)
        assert await kill("dies", 0.0)
        await asyncio.sleep(0.01)
        assert await kill("dies", 600.0)
        looks["stuck"] = 0
        assert await stuck

    asyncio.run(scenario())

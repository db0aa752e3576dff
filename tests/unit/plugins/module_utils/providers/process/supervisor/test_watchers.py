# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one watcher is behind by is bounded, and what has no room is told as a gap."""

from __future__ import annotations

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.watchers import MOST, Watchers


def test_each_worker_is_told_once_to_each_watcher() -> None:
    """From when it began to watch, and how often it changed does not matter."""
    watchers = Watchers()
    watchers.note("nobody watches")
    with watchers.opened() as first:
        watchers.note("a.1")
        with watchers.opened() as second:
            watchers.note("b.1")
            watchers.note("b.1")
            assert second.woken.is_set()
            assert second.take() == ({"b.1"}, False)
            assert not second.woken.is_set()
        watchers.note("c.1")
        assert second.take() == (set(), False)
        assert first.take() == ({"a.1", "b.1", "c.1"}, False)


def test_who_is_too_far_behind_hears_of_a_gap() -> None:
    """Once, and then of what changes after it."""
    watchers = Watchers()
    with watchers.opened() as watcher:
        for number in range(2 * MOST):
            watchers.note(f"w+{number}.1")
        told, gap = watcher.take()
        assert (len(told), gap) == (MOST, True)
        watchers.note("last.1")
        assert watcher.take() == ({"last.1"}, False)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Supervisors come and go while somebody watches: it is a cut, and nothing is missed."""

from __future__ import annotations

import threading

from ansible_collections.hodei.workers.plugins.module_utils.engine.watching import follow
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing, Verb
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig
from ansible_collections.hodei.workers.tests.conformance.providers.test_c9_watch import churn, shown
from ansible_collections.hodei.workers.tests.faults.test_supervisor_killed import kill_supervisor
from ansible_collections.hodei.workers.tests.faults.test_supervisor_versions import build, running
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


class Follower:
    """Follows a provider in a thread, whatever becomes of its supervisor."""

    def __init__(self, fleet: Fleet) -> None:
        self.seen = Listing((), complete=False)
        self._provider = fleet.provider
        self._over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for seen in follow("local", self._provider, 60.0):
            self.seen = seen
            if self._over:
                return

    def converges(self) -> None:
        """Wait until what is seen is what is there."""
        wait_for(lambda: shown(self.seen) == shown(self._provider.list()), "what is seen to be what is there", 20.0)
        assert self.seen.complete

    def close(self) -> None:
        self._over = True
        self._thread.join(20.0)
        assert not self._thread.is_alive()


def test_a_supervisor_that_is_killed_is_a_cut(rig: ProcessRig) -> None:
    """With nobody there the records on disk tell; the next one goes on."""
    fleet = Fleet(rig)
    follower = Follower(fleet)
    try:
        made = fleet.make("kept", rig.shell("exec sleep 600"))
        follower.converges()
        kill_supervisor(rig)
        churn(Fleet(rig))
        follower.converges()
        kill_supervisor(rig)
        rig.lose(made)
        wait_for(
            lambda: any(one.reason for one in follower.seen.observations), "its end to be seen without a supervisor"
        )
        follower.converges()
    finally:
        follower.close()


def test_a_newer_version_takes_over_from_one_that_is_watched(rig: ProcessRig) -> None:
    """Whoever watches hears of the next one's workers."""
    old, new = build(rig, "1.0.0", "old"), build(rig, "1.1.0", "new")
    old.make("kept", rig.shell("exec sleep 600"))
    follower = Follower(old)
    try:
        follower.converges()
        new.make("other", rig.shell("exec sleep 600"))
        assert running(new) == ("1.1.0", "digest-new")
        follower.converges()
        new.do(Verb.DELETE, "kept")
        follower.converges()
    finally:
        follower.close()


def test_a_supervisor_with_nothing_left_to_do_leaves_though_it_is_watched(rig: ProcessRig) -> None:
    """It costs nothing to watch, so it keeps nobody."""
    fleet = Fleet(rig)
    fleet.make("short", rig.shell("exec sleep 600"))
    follower = Follower(fleet)
    try:
        follower.converges()
        fleet.do(Verb.DELETE, "short")
        wait_for(lambda: rig.supervisor() is None, "the supervisor to leave")
        follower.converges()
    finally:
        follower.close()

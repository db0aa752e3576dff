# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C9: what changes is told; and whoever lists when a watch begins and is cut off sees the world as it is, whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.watching import View
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Listing,
    News,
    Observation,
    Provider,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs
from ansible_collections.hodei.workers.tests.testbed.wait import PATIENCE, wait_for

SLEEP = "exec sleep 600"
#: Telling takes a moment; far less than this, also on a busy machine.
SOON = 20.0


@pytest.fixture(autouse=True)
def watches(fleet: Fleet) -> None:
    """Only where the provider can."""
    needs(fleet, "watch")


class Watcher:
    """Reads a watch in a thread, from the moment when it has begun, as whoever follows the world does."""

    def __init__(self, provider: Provider) -> None:
        self.heard: list[News] = []
        self._view = View()
        self._over = False
        self._watch = provider.watch(PATIENCE)
        self._hear(next(self._watch))  # it has begun: whatever changes from now on is told
        self._view.hold(provider.list())
        self.seen = self._view.listing()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _hear(self, news: News) -> None:
        self._view.apply(news)
        self.seen = self._view.listing()  # whoever asks does so in another thread
        self.heard.append(news)

    def _read(self) -> None:
        for news in self._watch:
            self._hear(news)
            if self._over:
                break
        self._watch.close()

    def close(self) -> None:
        self._over = True
        self._thread.join(SOON)
        assert not self._thread.is_alive(), "something comes each second"
        told = [news.revision for news in self.heard if news.seen or news.gone]
        assert min(told, default=1) > 0, "what is told has a place in the order"


@contextmanager
def watching(provider: Provider) -> Iterator[Watcher]:
    """Watch, as long as the context is open."""
    watcher = Watcher(provider)
    try:
        yield watcher
    finally:
        watcher.close()


def shown(listing: Listing) -> dict[Any, Observation]:
    """Return what a listing shows, to be compared."""
    return {(one.address, one.generation): one for one in listing.observations}


def converges(watcher: Watcher, provider: Provider) -> None:
    """Wait until what is followed is what is there."""
    wait_for(lambda: shown(watcher.seen) == shown(provider.list()), "what is told to be what is there", SOON)


def test_what_changes_is_told(fleet: Fleet) -> None:
    """One life, from its beginning to its end; told by the watch alone."""
    spec = {**fleet.rig.shell(SLEEP), "restart": {"policy": "never"}}
    fleet.make("before", spec)
    with watching(fleet.provider) as watcher:

        def told(state: WorkerState) -> None:
            wait_for(lambda: state in [one.state for news in watcher.heard for one in news.seen if one.address.name == "told"],
                     f"{state.value} to be told", SOON)  # fmt: skip
            converges(watcher, fleet.provider)

        made = fleet.make("told", spec)
        told(WorkerState.RUNNING)
        fleet.do(Verb.STOP, "told")
        told(WorkerState.STOPPED)
        fleet.do(Verb.START, "told")
        converges(watcher, fleet.provider)
        fleet.rig.lose(made)
        told(WorkerState.FAILED)
        fleet.do(Verb.DELETE, "told")
        gone = (made.address, made.generation)
        wait_for(lambda: any(gone in news.gone for news in watcher.heard), "its end to be told", SOON)
        fleet.do(Verb.DELETE, "before")
        converges(watcher, fleet.provider)


def test_nothing_is_missed_however_often_it_is_cut(fleet: Fleet) -> None:
    """Others change the world all the time, while watches begin, are cut off, and begin again."""
    churned = threading.Thread(target=churn, args=(Fleet(fleet.rig),))
    churned.start()
    while churned.is_alive():
        with closing(fleet.provider.watch(PATIENCE)) as watch:
            next(watch, None)
            fleet.provider.list()
    churned = threading.Thread(target=churn, args=(Fleet(fleet.rig),))
    churned.start()
    with watching(fleet.provider) as watcher:
        churned.join(PATIENCE)
        converges(watcher, fleet.provider)


def churn(fleet: Fleet) -> None:
    """Make, stop and delete some workers, and leave others."""
    requests = [fleet.request("churn", fleet.rig.shell(SLEEP), key=key) for key in range(6)]
    targets = [fleet.target("churn", key=key, grace=0.1) for key in range(6)]
    for verb, some in ((Verb.STOP, targets[::2]), (Verb.DELETE, targets[1:4]), (Verb.DELETE, targets)):
        assert [outcome.error for outcome in fleet.provider.create(requests)] == [None] * len(requests)
        assert [outcome.error for outcome in fleet.provider.act(verb, some)] == [None] * len(some)
    list(fleet.provider.create(requests[:2]))


def test_it_tells_that_it_lives_and_ends_in_time(fleet: Fleet) -> None:
    """So that who watches can stop, and knows a watch that is dead."""
    fleet.make("quiet", fleet.rig.shell(SLEEP))
    began = time.monotonic()
    told = []
    for news in fleet.provider.watch(3.5):
        told.append(time.monotonic() - began)
        assert not news.gap
    assert len(told) >= 2, told
    assert told[-1] >= 0.9


def test_who_does_not_read_hears_of_the_last_or_of_a_gap(fleet: Fleet) -> None:
    """And is not in anybody's way."""
    fleet.make("before", fleet.rig.shell(SLEEP))
    with closing(fleet.provider.watch(PATIENCE)) as watch:
        next(watch)
        view = View()
        view.hold(fleet.provider.list())
        churn(fleet)
        for news in watch:
            view.apply(news)
            if news.gap:
                view.hold(fleet.provider.list())
            if shown(view.listing()) == shown(fleet.provider.list()):
                break
        else:
            pytest.fail("what is told never became what is there")


def test_watches_leave_nothing(fleet: Fleet) -> None:
    """However they end."""
    fleet.make("kept", fleet.rig.shell(SLEEP))

    def watch_and_leave() -> None:
        watches = [fleet.provider.watch(PATIENCE) for _unused in range(4)]
        for watch in watches:
            next(watch)
        fleet.do(Verb.STOP, "kept")
        next(watches[0])
        for watch in watches:
            watch.close()
        fleet.do(Verb.START, "kept")

    watch_and_leave()
    handles = fleet.rig.handles()
    for _unused in range(5):
        watch_and_leave()
    wait_for(lambda: fleet.rig.handles() <= handles + 2, "descriptors to be closed")

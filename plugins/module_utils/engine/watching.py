# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep seeing the world: list, follow what providers tell, and list again when something may have been missed.

A watch may be cut, told twice, late or in another order, or not be there at all. A list settles it each time, so what is seen
becomes what is there whatever a watch does; a watch only makes it sooner.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from typing import NamedTuple

from ..model.address import Address
from ..model.ports import Listing, News, Observation, Provider
from .interrupt import Stop
from .survey import listed
from .world import World, assemble

#: A watch is taken up anew, with a list, after so many seconds: what nobody tells is seen then.
RESYNC = 30.0
#: The pause between two lists: the first, and the longest that it grows to while one is needed after the other.
SHORTEST, LONGEST, GROWTH = 0.2, 2.0, 1.5
_LOOK_UP = 0.2

Key = tuple[Address, int]


class Tools(NamedTuple):
    """Time, handed in so that tests decide it."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class View:
    """What is known of one provider's objects. What is older than what is known changes nothing."""

    def __init__(self) -> None:
        # What is gone is known too, until a list that is younger: older news of it may still come.
        self._known: dict[Key, tuple[int, Observation | None]] = {}
        self._floor = 0
        self._listing = Listing((), complete=False)

    def hold(self, listing: Listing) -> None:
        """Take over a list, but for what is known of later. One without a place in the order is of now."""
        revision = listing.revision or max((known for known, _unused in self._known.values()), default=self._floor)
        if revision < self._floor:
            return
        later = {key: known for key, known in self._known.items() if known[0] > revision}
        self._known = {(one.address, one.generation): (revision, one) for one in listing.observations} | later
        self._floor = revision
        self._listing = listing

    def apply(self, news: News) -> None:
        """Take over what is told."""
        for one in news.seen:
            self._learn((one.address, one.generation), news.revision, one)
        for key in news.gone:
            self._learn(key, news.revision, None)

    def _learn(self, key: Key, revision: int, seen: Observation | None) -> None:
        known = self._known.get(key)
        if revision > (known[0] if known else self._floor):
            self._known[key] = (revision, seen)

    def listing(self) -> Listing:
        """Return what is known, as a list of now would show it."""
        seen = tuple(seen for _unused, seen in self._known.values() if seen is not None)
        return Listing(seen, self._listing.complete, self._listing.problem)


class Pace:
    """Keeps two lists apart; the longer, the more of them follow each other without a rest."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._pause = SHORTEST
        self._due = tools.clock()

    def wait(self, until: float) -> None:
        """Return when the next list is due, or at a time."""
        early = min(self._due, until) - self._tools.clock()
        if early > 0:
            self._tools.sleep(early)
            self._pause = min(self._pause * GROWTH, LONGEST)
        else:
            self._pause = SHORTEST
        self._due = self._tools.clock() + self._pause


def follow(name: str, provider: Provider, seconds: float, tools: Tools | None = None) -> Iterator[Listing]:
    """Yield what a provider shows: at once, whenever that may have changed, and now and then when it has not.

    Where the provider cannot watch, or its watch is cut off, it is listed again and again.
    """
    tools = tools or Tools()
    view, pace, until = View(), Pace(tools), tools.clock() + seconds

    def look() -> Listing:
        pace.wait(until)
        view.hold(listed(name, provider.list))
        return view.listing()

    while (left := until - tools.clock()) > 0:
        with closing(_news(provider, min(left, RESYNC))) as watch:
            first = next(watch, News())
            yield look()
            view.apply(first)
            for news in watch:
                view.apply(news)
                yield look() if news.gap else view.listing()


def _news(provider: Provider, seconds: float) -> Generator[News, None, None]:
    """Watch; whatever ends it is a cut, and what was missed is listed."""
    with suppress(Exception), closing(provider.watch(seconds)) as watch:
        yield from watch


def await_world(
    providers: Mapping[str, Provider], lineage: str, met: Callable[[World], bool], seconds: float, stop: Stop
) -> World:
    """Return the world as soon as it is as wanted; as it is when the time is over or somebody asks to stop.

    Each provider is followed by a thread of its own, which is not waited for in the end.
    """
    shown = {name: Listing((), complete=False) for name in providers}
    changed, over = threading.Event(), threading.Event()

    def run(name: str, provider: Provider) -> None:
        for listing in follow(name, provider, seconds):
            if over.is_set():
                return
            if listing != shown[name]:
                shown[name] = listing
                changed.set()

    until = time.monotonic() + seconds
    for name, provider in providers.items():
        threading.Thread(target=run, args=(name, provider), name=f"watch-{name}", daemon=True).start()
    while (left := until - time.monotonic()) > 0 and not stop.is_set():
        if changed.wait(min(left, _LOOK_UP)):
            changed.clear()
            world = assemble(dict(shown), lineage)
            if met(world):
                over.set()
                return world
    over.set()
    return assemble(dict(shown), lineage)

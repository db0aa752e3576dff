# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world as it is followed becomes the world as it is, whatever a provider's watch does; and C9 finds watches that break a promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.engine import watching
from ansible_collections.hodei.workers.plugins.module_utils.engine.interrupt import Stop
from ansible_collections.hodei.workers.plugins.module_utils.engine.watching import (
    RESYNC,
    SHORTEST,
    Tools,
    View,
    await_world,
    follow,
)
from ansible_collections.hodei.workers.plugins.module_utils.engine.world import World
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing, News, Observation, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers import test_c9_watch as c9
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import LINEAGE, OWNER, Fleet
from ansible_collections.hodei.workers.tests.support.model_cloud import Cloud, ModelProvider, Shown, difference

STATES = ("running", "stopped", "failed")
#: What may happen to an object, told by what it is called.
changes = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["make", "end", *STATES])), max_size=3)
#: What a watch may do with what happened: tell it in order, the last first, one again; lose it and say so; be cut off, or break.
moods = st.sampled_from(["tell", "tell", "backwards", "again", "hold", "gap", "cut", "raise", "bug"])
#: A list may fail, be cut short, or come from a cache of some time ago.
looks = st.sampled_from(["well", "well", "well", "broken", "bug", "partial", "old"])
storms = st.lists(st.tuples(changes, moods, looks), max_size=25)


class Weather:
    """A model cloud that changes while somebody looks, a clock that goes on only when they wait, and a storm that passes."""

    def __init__(self, storm: list[tuple[Any, str, str]]) -> None:
        self.fleet = Fleet(ModelRig())
        self.cloud = self.fleet.rig.cloud  # type: ignore[attr-defined]
        self.honest: ModelProvider = self.fleet.provider  # type: ignore[assignment]
        self.storm = storm
        self.now = 0.0
        self.lists: list[float] = []
        self.cache = self.honest.list()

    def step(self) -> tuple[str, str]:
        """Let a part of the storm happen; return how the provider behaves then. Nothing lasts for ever."""
        self.now += 0.05
        if not self.storm:
            self.now += 1.0
            return "tell", "well"
        changed, mood, look = self.storm.pop()
        for name, what in changed:
            self.change(name, what)
        return mood, look

    def change(self, name: str, what: str) -> None:
        """Change one object of the world; each change is seen by when it happened."""
        self.cloud.now += 1.0
        there = [one for one in self.cloud.objects() if one["address"] == f"worker.{name}"]
        if what == "make" and not there:
            self.fleet.make(name, {})
        elif what == "end" and there:
            self.fleet.do(Verb.DELETE, name)
        elif what in STATES and there:
            self.cloud.alter(name, state=what, started_at=self.cloud.now)

    # ---- the port --------------------------------------------------------------------------------------------------

    def list(self) -> Listing:
        self.lists.append(self.now)
        _mood, look = self.step()
        if look == "broken":
            raise HodeiError(Kind.NETWORK, "no answer")
        if look == "bug":
            raise KeyError("x")
        listing = self.honest.list()
        if look == "partial":
            return replace(listing, observations=listing.observations[:1], complete=False)
        if look == "old":
            listing, self.cache = self.cache, listing
        return listing

    def watch(self, seconds: float) -> Generator[News, None, None]:
        until = self.now + seconds
        told: list[News] = []
        untold: list[News] = []
        known: Shown = self.honest.shown()[0]
        yield News()
        while self.now < until:
            mood, _look = self.step()
            shown, revision = self.honest.shown()
            untold += one_by_one(difference(known, shown, revision))
            known = shown
            if mood == "cut":
                return
            if mood in ("raise", "bug"):
                raise HodeiError(Kind.NETWORK, "410 Gone") if mood == "raise" else ValueError("x")
            if mood == "again" and told:
                yield told[len(told) // 2]
            elif mood == "gap":
                untold.clear()
                yield News(gap=True)
            elif mood != "hold":
                telling, untold = untold[:: -1 if mood == "backwards" else 1], []
                told += telling
                yield from telling or [News()]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def follow(self, seconds: float) -> Iterator[Listing]:
        return follow("cloud", self, seconds, Tools(lambda: self.now, self.sleep))  # type: ignore[arg-type]


def one_by_one(news: News) -> list[News]:
    """Part news, so that they can come in any order."""
    parts = [News((one,), (), news.revision) for one in news.seen]
    return parts + [News((), (key,), news.revision) for key in news.gone]


def shown(listing: Listing) -> tuple[bool, Shown]:
    return listing.complete, {(one.address, one.generation): one for one in listing.observations}


def becomes_what_is_there(storm: list[tuple[Any, str, str]]) -> None:
    """In the end; and on the way nothing that was seen is followed by what was before it."""
    weather = Weather(storm[::-1])
    length = len(storm) * 3.0 + 2 * RESYNC
    last = Listing((), complete=False)
    youngest: dict[object, float] = {}
    before: Shown = {}
    for last in weather.follow(length):
        if last.complete:
            for key, one in shown(last)[1].items():
                began = one.started_at or 0.0
                assert began > youngest.get(key, 0.0) or one == before.get(key), "what is over does not come back"
                youngest[key] = began
            before = shown(last)[1]
    assert not weather.storm
    assert shown(last) == shown(weather.honest.list())
    for first, sixth in zip(weather.lists, weather.lists[5:], strict=False):
        assert sixth - first >= 5 * SHORTEST - 1e-6, "it is not listed more often than that"


#: What is followed is made, changes and ends, and then its change is told again; or it is made, and only that something was lost is told.
AGAIN: list[tuple[Any, str, str]] = [
    ([], "tell", "well"),
    ([("a", "make")], "tell", "well"),
    ([("a", "stopped")], "tell", "well"),
    ([("a", "end")], "tell", "well"),
    ([], "again", "well"),
]
LOST = [*AGAIN[:1], ([("a", "make")], "gap", "well")]


@settings(max_examples=100, deadline=None)
@given(storms)
@example(AGAIN)
@example(LOST)
def test_what_is_followed_becomes_what_is_there(storm: list[tuple[Any, str, str]]) -> None:
    becomes_what_is_there(storm)


class NoMemoryOfEnds(View):
    """Forgets what is gone, and takes older news of it for new."""

    def _learn(self, key: watching.Key, revision: int, seen: Observation | None) -> None:
        super()._learn(key, revision, seen)
        if seen is None:
            self._known.pop(key, None)


class NoOrder(View):
    """Takes whatever comes last for the youngest."""

    def _learn(self, key: watching.Key, revision: int, seen: Observation | None) -> None:
        self._known[key] = (revision, seen)


class NoGaps(View):
    """Never takes over a second list."""

    def hold(self, listing: Listing) -> None:
        if not self._listing.complete:
            super().hold(listing)


@pytest.mark.parametrize(("mutant", "storm"), [(NoMemoryOfEnds, AGAIN), (NoOrder, AGAIN), (NoGaps, LOST)])
def test_followers_that_are_not_careful_are_found(
    mutant: type[View], storm: list[tuple[Any, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above would fail."""
    monkeypatch.setattr(watching, "View", mutant)
    with pytest.raises(AssertionError):
        becomes_what_is_there(storm)


def test_a_cache_does_not_bring_back_what_is_over() -> None:
    """A list that is older than what is known is no news."""
    weather = Weather([])
    weather.change("a", "make")
    old = weather.honest.list()
    weather.change("a", "end")
    view = View()
    view.hold(weather.honest.list())
    view.hold(old)
    view.apply(News(old.observations, (), old.revision))
    assert view.listing() == Listing(())


def refuse(seconds: float) -> Iterator[News]:
    """Watch as a provider does that cannot."""
    raise HodeiError(Kind.COMPATIBILITY, "no watch")


def test_a_provider_that_cannot_watch_is_listed_less_and_less_often() -> None:
    """At once in the beginning, then every two seconds; its changes are seen all the same."""
    weather = Weather([])
    weather.watch = refuse  # type: ignore[method-assign, assignment]
    seen = []
    for listing in weather.follow(60.0):
        seen.append(len(listing.observations))
        weather.now -= 1.05  # what a step of the storm takes
        if weather.now > 30 and not seen[-1]:
            weather.change("a", "make")
    assert (seen[0], seen[-1]) == (0, 1)
    pauses = [after - before for before, after in zip(weather.lists, weather.lists[1:], strict=False)]
    assert pauses[0] == pytest.approx(SHORTEST)
    assert pauses[-2] == pytest.approx(watching.LONGEST)
    assert len(pauses) < 40


# ---- waiting for the world -------------------------------------------------------------------------------------------


def test_a_wait_ends_when_it_is_so_or_in_time() -> None:
    """Several providers at once; one that breaks keeps nobody, and its objects are unknown."""
    weather = Weather([])
    weather.change("a", "make")
    weather.cloud.fail("list:broken", "broken_list", times=1000)
    providers = {"cloud": weather.honest, "broken": ModelProvider(weather.cloud, "broken", OWNER)}

    def states(world: World) -> list[str]:
        return [one.state.value for found in world.objects.values() for one in found]

    world = await_world(providers, LINEAGE, lambda world: states(world) == ["running"], 20.0, Stop())
    assert (states(world), list(world.unseen)) == (["running"], ["broken"])
    began = time.monotonic()
    world = await_world(providers, LINEAGE, lambda world: states(world) == ["stopped"], 1.0, Stop())
    assert states(world) == ["running"]
    assert time.monotonic() - began >= 1.0
    stop = Stop()
    stop.request("enough")
    await_world(providers, LINEAGE, lambda world: False, 3600.0, stop)


# ---- C9 on the model cloud, and its negative controls ----------------------------------------------------------------


class ModelRig:
    """A model cloud, as the suite drives providers."""

    def __init__(self) -> None:
        self.cloud = Cloud()

    def open(self, settle: float = 0.1) -> Any:
        return ModelProvider(self.cloud, owner=OWNER)

    def shell(self, script: str) -> dict[str, Any]:
        return {"command": ["/bin/sh", "-c", script]}

    echo = impossible = dict

    def objects(self) -> int:
        return len(self.cloud.objects())

    def handles(self) -> int:
        return 0

    def lose(self, worker: Observation) -> None:
        self.cloud.alter(str(worker.address), state=WorkerState.FAILED.value, exit_code=-9)

    def close(self) -> None:
        pass


SUITE = [getattr(c9, name) for name in vars(c9) if name.startswith("test_")]


@pytest.mark.parametrize("test", SUITE)
def test_c9_on_the_model_cloud(test: Callable[[Fleet], None]) -> None:
    test(Fleet(ModelRig()))


def forgets_ends(watch: Iterator[News]) -> Iterator[News]:
    """It never says that something is gone."""
    return (news._replace(gone=()) for news in watch)


def tells_old_as_new(watch: Iterator[News]) -> Iterator[News]:
    """What it told first it tells again, as if it were the youngest."""
    first: News | None = None
    for news in watch:
        first = first or (news if news.seen else None)
        yield news
        if first is not None:
            yield first._replace(revision=news.revision + 1)


def has_no_order(watch: Iterator[News]) -> Iterator[News]:
    """What it tells has no place in any order."""
    return (news._replace(revision=0) for news in watch)


def misses_one(watch: Iterator[News]) -> Iterator[News]:
    """It loses what happened first, and does not say so."""
    lost = False
    for news in watch:
        yield news if lost else News()
        lost = lost or bool(news.seen)


@pytest.mark.parametrize("spoil", [forgets_ends, tells_old_as_new, has_no_order, misses_one])
def test_a_watch_that_breaks_a_promise_is_found(
    spoil: Callable[[Iterator[News]], Iterator[News]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C9 would fail."""
    fleet = Fleet(ModelRig())
    honest = fleet.provider.watch
    monkeypatch.setattr(c9, "SOON", 1.0)
    monkeypatch.setattr(fleet.provider, "watch", lambda seconds: (news for news in spoil(honest(seconds))))
    with pytest.raises(AssertionError):
        c9.test_what_changes_is_told(fleet)

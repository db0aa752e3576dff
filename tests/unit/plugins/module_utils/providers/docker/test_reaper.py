# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a reaper goes on, and which one it has to be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker import changes, reaper, reaping
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.mapping import Settings
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.reaping import Reaper


class Clock:
    """Time that passes only when somebody lets it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Engines:
    """A world where looking after containers takes so long each time, and ends so."""

    def __init__(self, clock: Clock, *keeps: tuple[float, bool | Kind]) -> None:
        self._clock = clock
        self._keeps = list(keeps)
        self.engine, self.keeper = None, self

    def keep(self, *_unused: Any) -> bool:
        took, end = self._keeps.pop(0)
        self._clock.at += took
        if isinstance(end, Kind):
            raise HodeiError(end, "gone")
        return end

    def __enter__(self) -> Engines:
        if not self._keeps:
            raise HodeiError(Kind.NETWORK, "gone")
        return self

    def __exit__(self, *_unused: object) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("keeps", "found"),
    [
        ([(7200.0, False), (60.0, True)], True),
        ([(7200.0, Kind.NETWORK), (60.0, True)], True),
        ([(7200.0, Kind.TIMEOUT), (7200.0, False), (60.0, True)], True),
        ([(60.0, False)], False),
    ],
)
def test_it_goes_on_when_an_engine_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps: Any, found: bool
) -> None:
    """However long it has been at work: its patience begins when the Engine is heard no more."""
    clock = Clock()
    engines = Engines(clock, *keeps)
    monkeypatch.setattr(reaper, "time", clock)
    monkeypatch.setattr(reaper, "_provider", lambda _options: engines)
    monkeypatch.setattr(changes, "Changes", lambda *_unused: engines)
    assert reaper._keep({"directory": str(tmp_path), "owner": "me"}) is found


def made(place: Path, url: str = "unix:///here") -> Reaper:
    """Return who starts one for an Engine."""
    engine: Any = SimpleNamespace(endpoint=SimpleNamespace(url=url, tls=None), timeout=1.0)
    return Reaper(str(place), engine, Settings("local", "me"))


def held(place: Path) -> list[str]:
    """Return the pid and the stamp of the one that runs."""
    return (place / "lock").read_text().split()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory of a reaper whose Engine is not there: it waits for it, and is ended."""
    yield tmp_path / "reaper"
    made(tmp_path / "reaper").leave()


def test_it_runs_once_it_was_started(place: Path) -> None:
    """And only once, whoever else starts it at the same time."""
    one, errors = made(place), []

    def ensure() -> None:
        try:
            one.ensure()
        except HodeiError as error:
            errors.append(error)

    threads = [threading.Thread(target=ensure) for _unused in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert one.runs()
    pid, _unused = held(place)
    one.ensure()
    assert held(place)[0] == pid


@pytest.mark.parametrize("other", ["url", "version"])
def test_one_that_does_not_as_we_would_gives_way(place: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """It looks after another Engine, or is of a version that knows less."""
    before = made(place)
    before.ensure()
    first = held(place)
    if other == "version":
        sources = reaping.sources()
        monkeypatch.setattr(reaping, "sources", lambda: {**sources, ("more",): b"# of a later version"})
    after = made(place, "unix:///there" if other == "url" else "unix:///here")
    assert before.runs()
    assert not after.runs()
    after.ensure()
    assert after.runs()
    assert held(place)[0] != first[0]
    assert not before.runs()


def test_it_is_found_while_it_looks_for_its_engine(place: Path) -> None:
    """Its pid is there at once, and it goes when it is told to."""
    one = made(place)
    one.ensure()
    assert "reaper.pyz" in Path(f"/proc/{held(place)[0]}/cmdline").read_text()
    one.leave()
    assert not place.exists()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left over of records goes: which, in what order it is looked for, and who else may be at it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.sweeping import sweep

NO_SECRETS: Any = SimpleNamespace(sources=lambda _volumes: [], keep=lambda _containers, _sources: None)


class Engine:
    """Has one container, and records of it and of one that is gone, and a helper; ``problem`` is what a removal raises."""

    def __init__(self, kept: dict[str, list[int]], problem: Kind | None = None) -> None:
        self._kept = kept
        self._problem = problem
        self.asked: list[str] = []
        self.removed: list[str] = []
        self.api = SimpleNamespace(remove_volume=self._remove, remove_container=self._remove)

    def get(self, path: str, **query: Any) -> Any:
        self.asked.append(path)
        (label,) = query["filters"]["label"]
        assert label in ("hodei.owner=me", "hodei.helper-of=me")
        if path == "/containers/json":
            return [{"Id": "living" if label == "hodei.owner=me" else "helper"}]
        labels = [
            {"hodei.record-of": container, "hodei.revision": str(number)}
            for container, numbers in self._kept.items()
            for number in numbers
        ]
        return {"Volumes": [{"Labels": one} for one in [*labels, {"hodei.owner": "me"}]] or None}

    def _remove(self, name: str, **_options: bool) -> None:
        if self._problem:
            raise HodeiError(self._problem, "no")
        self.removed.append(name)


def test_what_is_read_no_more_goes() -> None:
    engine: Any = Engine({"living": [3, 4], "gone": [1, 2]})
    sweep(engine, "me", NO_SECRETS)
    assert sorted(engine.removed) == [
        "helper",
        "hodei-record-gone-1",
        "hodei-record-gone-2",
        "hodei-record-living-3",
    ]
    assert engine.asked[:2] == ["/volumes", "/containers/json"], (
        "a record that is made meanwhile is of a container that is seen"
    )


def test_where_there_are_no_records_only_helpers_are_asked_for() -> None:
    engine: Any = Engine({})
    sweep(engine, "me", NO_SECRETS)
    assert engine.asked == ["/volumes", "/containers/json"]
    assert engine.removed == ["helper"]


def test_another_may_be_at_it() -> None:
    for kind in (Kind.NOT_FOUND, Kind.CONFLICT):
        sweep(Engine({"gone": [1]}, kind), "me", NO_SECRETS)  # type: ignore[arg-type]
    with pytest.raises(HodeiError):
        sweep(Engine({"gone": [1]}, Kind.NETWORK), "me", NO_SECRETS)  # type: ignore[arg-type]

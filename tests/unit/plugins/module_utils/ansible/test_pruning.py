# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing by rule what providers keep: what goes, and what is told when not all of it can."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible import fleet_images, fleet_volumes
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Image, Volume

DAY = 86400.0
NOW = 100 * DAY


class Provider:
    """Removes volumes, but for those that it has an error for."""

    def __init__(self, errors: dict[str, Kind] | None = None) -> None:
        self._errors = errors or {}
        self.removed: list[str] = []

    def volumes(self, specs: Any) -> Any:
        """Not asked here."""

    def remove_volume(self, volume: Volume) -> None:
        """Remove one."""
        if volume.name in self._errors:
            raise HodeiError(self._errors[volume.name], f"no {volume.name}", hint="Wait.")
        self.removed.append(volume.name)


def volume(name: str, *, days: float = 2.0, used: bool = False, wanted: bool = False) -> Volume:
    return Volume(name, NOW - days * DAY, used, wanted)


def prune(provider: Provider, *volumes: Volume, check: bool = False, **params: Any) -> dict[str, Any]:
    session: Any = SimpleNamespace(clock=lambda: NOW, providers={"engine": provider})
    rules = {"match": ["*"], "older_than": "1d", **params}
    return fleet_volumes._VOLUMES.prune(session, rules, {"engine": volumes}, check=check)


def names(result: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return what went, and what is left."""
    return [one["name"] for one in result["removed"]], [one["name"] for one in result["volumes"]]


VOLUMES = [
    volume("cache-1"),
    volume("cache-2", used=True),
    volume("cache-3", wanted=True),
    volume("cache-4", days=0.9),
    volume("Cache-5"),
    volume("cache-6", days=1.0),
]


@pytest.mark.parametrize("check", [True, False])
def test_only_what_nobody_uses_or_wants_and_the_rules_cover(check: bool) -> None:
    """Check mode tells the same, and removes nothing."""
    provider = Provider()
    result = prune(provider, *VOLUMES, match=["nothing", "cache-*"], check=check)
    assert names(result) == (["cache-1", "cache-6"], ["cache-2", "cache-3", "cache-4", "Cache-5"])
    assert (result["changed"], result["kept"]) == (True, {})
    assert provider.removed == ([] if check else ["cache-1", "cache-6"])
    assert result["removed"][0] == {
        "provider": "engine",
        "name": "cache-1",
        "age": 2 * DAY,
        "used": False,
        "wanted": False,
    }


def test_what_is_refused_is_kept_and_keeps_no_other() -> None:
    provider = Provider({"a": Kind.CONFLICT, "b": Kind.PROVIDER_SPECIFIC})
    result = prune(provider, volume("a"), volume("b"), volume("c"))
    assert names(result) == (["c"], ["a", "b"])
    assert result["kept"] == {"a": "no a", "b": "no b"}
    assert "failed" not in result


def test_when_the_engine_goes_away_what_went_before_is_told_and_nothing_more_is_tried() -> None:
    provider = Provider({"b": Kind.NETWORK})
    result = prune(provider, volume("a"), volume("b"), volume("c"))
    assert names(result) == (["a"], ["b", "c"])
    assert provider.removed == ["a"]
    assert (result["failed"], result["changed"], result["kept"]) == (True, True, {})
    assert (result["msg"], result["error"]["kind"]) == ("no b. Wait.", "network")


def test_patterns_cover_all_names() -> None:
    """Of an image, which may have several, or none."""
    images = [Image(str(n), each, 1, 0.0, used=False) for n, each in enumerate([("a:1",), ("a:1", "b:1"), ()])]
    session: Any = SimpleNamespace(clock=lambda: NOW, providers={"engine": None})
    for match, gone in ((["a*"], ["0"]), (["a*", "b*"], ["0", "1"]), (["*"], ["0", "1", "2"])):
        rules = {"match": match, "older_than": "0s"}
        result = fleet_images._IMAGES.prune(session, rules, {"engine": images}, check=True)
        assert [one["id"] for one in result["removed"]] == gone


def test_to_remove_needs_patterns() -> None:
    with pytest.raises(HodeiError, match="patterns of the volumes that may go"):
        fleet_volumes._VOLUMES.need_patterns({"state": "absent", "match": []})
    fleet_volumes._VOLUMES.need_patterns({"state": "listed", "match": []})

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named volumes: which are ours, used and wanted, and since when they are there."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Volume
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.storing import volumes_of

NOW = 1000.0


class Engine:
    """Has volumes by name, each with when it was made; those of ``used`` are mounted."""

    def __init__(self, volumes: dict[str, str], used: tuple[str, ...] = ()) -> None:
        self._volumes, self._used = volumes, used

    def now(self) -> float:
        return NOW

    def get(self, path: str, *, filters: dict[str, list[str]]) -> Any:
        assert (path, filters["label"]) == ("/volumes", ["hodei.volume-of=me"])
        free = filters.get("dangling") == ["true"]
        found = [
            {"Name": name, "CreatedAt": made}
            for name, made in self._volumes.items()
            if not (free and name in self._used)
        ]
        return {"Volumes": found or None}


def test_used_and_wanted() -> None:
    engine: Any = Engine(dict.fromkeys("abcd", "1970-01-01T00:05:00Z"), used=("a",))
    named = [{"name": "b", "path": "/b", "type": "named"}, {"name": "x", "path": "/x", "type": "named", "source": "c"}]
    others = [{"name": "d", "path": "/d"}, {"name": "v", "path": "/v", "type": "host", "source": "d"}]
    assert volumes_of(engine, "me", [{"volumes": named}, {"volumes": others}, {}]) == [
        Volume("a", 300.0, used=True, wanted=False),
        Volume("b", 300.0, used=False, wanted=True),
        Volume("c", 300.0, used=False, wanted=True),
        Volume("d", 300.0, used=False, wanted=False),
    ]


def test_none_at_all() -> None:
    assert volumes_of(Engine({}), "me", []) == []  # type: ignore[arg-type]


def test_one_whose_age_is_not_told_is_new() -> None:
    engine: Any = Engine({"a": "", "b": "0001-01-01T00:00:00Z", "c": "1970-01-01T01:00:07+01:00"})
    assert [one.since for one in volumes_of(engine, "me", [])] == [NOW, NOW, 7.0]


def test_a_record_is_none_whatever_its_labels() -> None:
    assert volumes_of(Engine({"hodei-record-0123456789ab-1": ""}), "me", []) == []  # type: ignore[arg-type]

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents at random, for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PROVIDERS = ("cloud", "attic")
NAMES = "abc"

#: Asked only, or told as well.
DRAINS: tuple[dict[str, Any], ...] = (
    {"busy": {"command": ["busy"]}, "interval": "1ms"},
    {"signal": "SIGQUIT", "busy": {"command": ["busy"]}, "interval": "1ms"},
)

Workers = list[dict[str, Any]]


@st.composite
def fleets(draw: st.DrawFn) -> Workers:
    """Draw a document's workers; each may depend on others, never in a circle."""
    found: Workers = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=len(NAMES), unique=True)):
        worker: dict[str, Any] = {"name": name}
        if draw(st.booleans()):
            worker["image"] = draw(st.sampled_from(["app:1", "app:2"]))
        if draw(st.booleans()):
            worker["env"] = {"MODE": draw(st.sampled_from(["slow", "fast"]))}
        if draw(st.integers(0, 3)) == 0:
            worker["count"] = draw(st.integers(0, 3))
        if draw(st.booleans()) and found:
            worker["depends_on"] = [draw(st.sampled_from([one["name"] for one in found]))]
        worker["provider"] = draw(st.sampled_from(PROVIDERS))
        worker["state"] = draw(st.sampled_from(["started", "started", "stopped", "paused"]))
        worker["lifecycle"] = {
            "replace": draw(st.sampled_from(["create_before_destroy", "destroy_before_create"])),
            "prevent_destroy": draw(st.integers(0, 4)) == 0,
        }
        drain = draw(st.sampled_from([None, *DRAINS]))
        if drain is not None:
            worker["lifecycle"]["drain"] = drain
        found.append(worker)
    shuffled = list(found)
    draw(st.randoms(use_true_random=False)).shuffle(shuffled)
    return shuffled


@st.composite
def graphs(draw: st.DrawFn, most: int = 8) -> dict[str, list[str]]:
    """Draw dependencies without circles: each name with those it depends on."""
    names = [f"w{number}" for number in range(draw(st.integers(1, most)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), max_size=3, unique=True)) if index else []
        for index, name in enumerate(names)
    }


def needed(workers: Workers, name: str) -> set[str]:
    """Return the names of a worker and of what it depends on, directly or not."""
    by_name = {one["name"]: one for one in workers}
    found, waiting = {name}, [name]
    while waiting:
        for other in by_name.get(waiting.pop(), {}).get("depends_on", ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found

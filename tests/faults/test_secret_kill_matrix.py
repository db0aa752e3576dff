# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A converge of secrets is killed at the hits of every failpoint, of engine, state and store; then a fresh process converges.

Afterwards each secret has the value that the document says, nothing was written twice, and readers never lacked a value meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Stage, StoreError
from ansible_collections.hodei.workers.tests.support.fleets import actions, errors
from ansible_collections.hodei.workers.tests.support.forks import in_child, kill_points
from ansible_collections.hodei.workers.tests.support.places import quick_directory
from ansible_collections.hodei.workers.tests.support.secret_fleets import SecretFleet

STORES = ("local", "other")
MOST_HITS = 300
STEP = 1 if os.environ.get("HODEI_SOAK") else 5

BEFORE = """
- {name: stays, value: same}
- {name: given, value: one}
- {name: made, generate: {type: token}}
- {name: tagged, value: same}
- {name: moves, value: same}
- {name: taken, value: ours}
- {name: goes, value: gone}
- {name: back, generate: {type: token}}
"""
AFTER = """
- {name: stays, value: same}
- {name: given, value: two}
- {name: made, generate: {type: token, bytes: 48}, regenerate: on_change}
- {name: tagged, value: same, tags: {team: ci}}
- {name: moves, value: same, store: other}
- {name: taken, value: ours}
- {name: back, generate: {type: token}}
- {name: new, generate: {type: token}}
- {name: copy, from: {secret: given}}
"""
#: What readers may see while it goes on: the old or the new, never nothing.
ALWAYS = {"stays": {"same"}, "given": {"one", "two"}, "tagged": {"same"}, "taken": {"theirs", "ours"}}
#: How many versions there are in the end.
VERSIONS = {"stays": 1, "given": 2, "made": 2, "tagged": 1, "moves": 1, "taken": 3, "back": 1, "new": 1, "copy": 1}


def prepare(directory: Path, *, knows: bool) -> None:
    """Converge the document before, and let somebody else meddle."""
    fleet = SecretFleet(directory, stores=STORES)
    assert errors(fleet.converge(BEFORE)) == []
    store = fleet.store()
    store.put(SecretName("taken"), SecretValue(b"theirs"))
    store.delete(SecretName("back"))
    store.close()
    if not knows:
        fleet.lose_state()
    fleet.state.close()


def run(directory: Path, wanted: str) -> None:
    """Converge as a process of its own does."""
    fleet = SecretFleet(directory, stores=STORES)
    assert errors(fleet.converge(wanted)) == []
    assert actions(fleet.preview(wanted)) == {}
    fleet.state.close()


def old_or_new(directory: Path) -> None:
    """Check that no reader lacks a value."""
    fleet = SecretFleet(directory, stores=STORES)
    for name, values in ALWAYS.items():
        assert fleet.value(name) in values
    assert fleet.store("other").list() or fleet.value("moves") == "same"
    fleet.state.close()


def settled(directory: Path) -> None:
    """Check that everything is as the document says, written once."""
    fleet = SecretFleet(directory, stores=STORES)
    state = fleet.state.read()
    assert verify(state) == []
    assert state.pending == ()
    values = {name: fleet.value(name, "other" if name == "moves" else "local") for name in VERSIONS}
    assert {name: values[name] for name in ("stays", "given", "tagged", "moves", "taken", "copy")} == {
        "stays": "same",
        "given": "two",
        "tagged": "same",
        "moves": "same",
        "taken": "ours",
        "copy": "two",
    }
    assert {name: fleet.versions(name, "other" if name == "moves" else "local") for name in VERSIONS} == VERSIONS
    for name in ("goes", "moves"):
        with pytest.raises(StoreError) as caught:
            fleet.store().get(SecretName(name))
        assert caught.value.fault is Fault.DELETED
    assert fleet.store().describe(SecretName("given")).at(Stage.PREVIOUS)
    fleet.state.close()


@pytest.mark.parametrize("knows", [True, False], ids=["state", "lost-state"])
def test_killed_at_every_failpoint(knows: bool) -> None:
    with quick_directory() as directory:
        template, work = directory / "template", directory / "work"
        template.mkdir()
        assert in_child(lambda: prepare(template, knows=knows)) == 0
        count = 0
        for count in kill_points(template, work, lambda: run(work, AFTER), step=STEP, most=MOST_HITS):
            old_or_new(work)
            assert in_child(lambda: run(work, AFTER)) == 0, f"converge after death {count} failed"
            settled(work)
        settled(work)
        print(f"kill matrix, converge of secrets: {count} kill points")
        assert count > 30

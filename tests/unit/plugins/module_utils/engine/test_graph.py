# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of steps: up along dependencies, down against them, one object after the other where one replaces another."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible_collections.hodei.workers.plugins.module_utils.engine.graph import Graph, Step
from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.change import Action, Cause, Change


def change(name: str, action: Action, *after: str, **fields: object) -> Change:
    waits = tuple(Address("worker", one) for one in after)
    full: dict[str, object] = {"generation": 1, "after": waits, **fields}
    return Change(Address("worker", name), action, Cause.DOCUMENT, "why", "cloud", **full)  # type: ignore[arg-type]


def waves(*changes: Change, fails: Callable[[Step], bool] = lambda step: False) -> list[list[str]]:
    """Run a graph in waves: everything that is possible at once."""
    graph = Graph(changes)
    found = []
    while ready := graph.ready():
        found.append([f"{step.verb} {step.change.address.name}{step.generation}" for step in ready])
        for step in ready:
            if not fails(step):
                graph.done(step)
    return found


def test_noops_are_no_steps() -> None:
    assert waves(change("a", Action.NOOP)) == []


def test_what_comes_up_waits_for_what_it_depends_on() -> None:
    changes = change("b", Action.CREATE, "a"), change("a", Action.CREATE), change("c", Action.START, "b")
    assert waves(*changes) == [["create a1"], ["create b1"], ["start c1"]]


def test_what_it_depends_on_need_not_change() -> None:
    assert waves(change("b", Action.CREATE, "a"), change("a", Action.NOOP)) == [["create b1"]]


def test_what_goes_waits_for_those_who_need_it() -> None:
    changes = change("a", Action.DELETE, "b"), change("b", Action.DELETE, "c"), change("c", Action.STOP)
    assert waves(*changes) == [["stop c1"], ["delete b1"], ["delete a1"]]


def test_an_old_object_goes_first() -> None:
    changes = change("a", Action.REPLACE, generation=2, old_generation=1), change("b", Action.CREATE, "a")
    assert waves(*changes) == [["delete a1"], ["create a2"], ["create b1"]]


def test_an_old_object_stays_until_those_who_depend_on_it_use_the_new_one() -> None:
    a = change("a", Action.REPLACE, generation=2, old_generation=1, create_before_destroy=True)
    assert waves(a, change("b", Action.UPDATE, "a")) == [["create a2"], ["update b1"], ["delete a1"]]


def test_a_change_in_two_steps_is_ready_after_the_second() -> None:
    changes = change("a", Action.UPDATE, then=Action.RESTART), change("b", Action.CREATE, "a")
    assert waves(*changes) == [["update a1"], ["restart a1"], ["create b1"]]


def test_an_updated_worker_is_started_before_it_is_paused() -> None:
    assert waves(change("a", Action.UPDATE, then=Action.PAUSE)) == [["update a1"], ["start a1"], ["pause a1"]]


def test_a_superseded_object_waits_for_its_successor() -> None:
    changes = change("a", Action.START, generation=2), change("a", Action.DELETE, generation=1, deposed=True)
    assert waves(*changes) == [["start a2"], ["delete a1"]]


def test_an_object_that_never_came_to_be_used_waits_for_nobody() -> None:
    a = change("a", Action.REPLACE, generation=3, old_generation=1, create_before_destroy=True)
    assert waves(a, change("a", Action.DELETE, generation=2, deposed=True)) == [
        ["create a3", "delete a2"],
        ["delete a1"],
    ]


def test_dependencies_of_different_times_that_contradict_each_other_do_not_stop_a_deletion() -> None:
    assert waves(change("a", Action.DELETE, "b"), change("b", Action.DELETE, "a")) == [["delete a1", "delete b1"]]


def test_a_failure_holds_back_what_waits_for_it_and_is_blamed() -> None:
    names = ("b", "c", "d")
    changes = [change("a", Action.CREATE), change("x", Action.CREATE)]
    changes += [change(name, Action.CREATE, before) for before, name in zip(("a", "b", "c"), names, strict=True)]
    assert waves(*changes, fails=lambda step: step.change.address.name == "b") == [
        ["create a1", "create x1"],
        ["create b1"],
    ]
    graph = Graph(changes)
    failed = next(step for step in graph.steps if step.change.address.name == "b")
    blamed = graph.held_back([failed])
    assert {graph.steps[number].change.address.name for number in blamed} == {"c", "d"}
    assert set(blamed.values()) == {failed}


def test_a_thousand_that_need_a_thousand_are_quick() -> None:
    below = [Change(Address("worker", "db", key), Action.CREATE, Cause.DOCUMENT, "", "cloud") for key in range(1000)]
    needs = tuple(one.address for one in below)
    above = [
        Change(Address("worker", "app", key), Action.CREATE, Cause.DOCUMENT, "", "cloud", after=needs)
        for key in range(1000)
    ]
    started = time.process_time()
    graph = Graph([*below, *above])
    first = graph.ready()
    assert len(first) == 1000
    for step in first[:-1]:
        graph.done(step)
    assert graph.ready() == []
    graph.done(first[-1])
    assert len(graph.ready()) == 1000
    assert len(graph.held_back([first[0]])) >= 1000
    assert time.process_time() - started < 1.0

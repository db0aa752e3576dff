# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan and the order that they keep.

A change is one step or several (a replacement deletes and creates). Steps wait for what their change depends on; what goes
waits for those who needed it; a superseded object goes only when its successor is ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from ..model.address import Address
from ..model.change import Action, Change

_TEARDOWN = frozenset((Action.DELETE, Action.STOP, Action.PAUSE))
#: From so many predecessors on, changes that share them wait at one common node instead.
_JOIN_FROM = 8

Needs = dict[int, set[int]]


class Step(NamedTuple):
    """One thing to do to one object. ``verb`` is a port verb, ``create``, ``update``, ``move``, or bookkeeping: ``adopt``, ``forget``.

    ``ready``: with it the address is as wanted, so that those who depend on it may go on.
    """

    number: int
    change: Change
    verb: str
    provider: str
    generation: int
    ready: bool = False


class Graph:
    """Hands out steps whose predecessors have succeeded; a failure holds back its descendants only."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self.steps = tuple(_steps(changes))
        self._needs = _needs(self.steps, reversed_order=True)
        try:
            self._sorter = _prepared(self._needs)
        except CycleError:
            # Dependencies that state remembers from different times may contradict each other; deleting can live without them.
            self._needs = _needs(self.steps, reversed_order=False)
            self._sorter = _prepared(self._needs)

    def ready(self) -> list[Step]:
        """Return the steps that have become possible since the last call, in plan order."""
        found: list[int] = []
        while numbers := self._sorter.get_ready():
            found += [number for number in numbers if number < len(self.steps)]
            self._sorter.done(*(number for number in numbers if number >= len(self.steps)))
        return [self.steps[number] for number in sorted(found)]

    def done(self, step: Step) -> None:
        """Let those go on that waited for this step."""
        self._sorter.done(step.number)

    def held_back(self, failed: Iterable[Step]) -> dict[int, Step]:
        """Map the number of each step that never became possible to the failed step that it waited for."""
        followers: dict[int, list[int]] = {}
        for number, needs in self._needs.items():
            for need in needs:
                followers.setdefault(need, []).append(number)
        blamed: dict[int, Step] = {}
        for culprit in failed:
            waiting = list(followers.get(culprit.number, ()))
            while waiting:
                number = waiting.pop()
                if number not in blamed:
                    blamed[number] = culprit
                    waiting += followers.get(number, ())
        return blamed


def _prepared(needs: Needs) -> TopologicalSorter[int]:
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    return sorter


def _steps(changes: Iterable[Change]) -> Iterator[Step]:
    number = 0
    for change in changes:
        parts = list(_parts(change))
        for verb, generation, provider in parts:
            ready = verb == "create" or (
                change.action is not Action.REPLACE and (verb, generation, provider) == parts[-1]
            )
            yield Step(number, change, verb, provider, generation, ready)
            number += 1


def _parts(change: Change) -> Iterator[tuple[str, int, str]]:
    """Yield (verb, generation, provider) of what a change consists of, in order."""
    new, provider = change.generation, change.provider
    if change.action is Action.NOOP:
        return
    if change.moved_from is not None:
        yield "move", change.old_generation or new, change.old_provider or provider
    if change.action is Action.MOVE:
        return
    if change.action is Action.REPLACE:
        create = ("create", new, provider)
        delete = ("delete", change.old_generation, change.old_provider or provider)
        yield from (create, delete) if change.create_before_destroy else (delete, create)
        return
    yield change.action.value, new, provider
    if change.action is Action.UPDATE and change.then is Action.PAUSE:
        # It may be stopped, and only what runs can be paused; starting what runs already changes nothing.
        yield Action.START.value, new, provider
    if change.then is not None:
        yield change.then.value, new, provider


def _needs(steps: Sequence[Step], *, reversed_order: bool) -> Needs:
    """Map each step's number to those of its predecessors; numbers beyond the steps are joins."""
    needs: Needs = {step.number: set() for step in steps}
    by_address: dict[Address, list[Step]] = {}
    ready: dict[Address, Step] = {}
    for step in steps:
        by_address.setdefault(step.change.address, []).append(step)
        if step.ready and step.change.action not in (Action.DELETE, Action.FORGET, Action.RELEASE):
            ready[step.change.address] = step
    joins: dict[tuple[bool, int], set[int]] = {}
    for previous, step in zip((None, *steps), steps, strict=False):
        own = needs[step.number]
        if previous is not None and previous.change is step.change:
            own.add(previous.number)
        elif step.change.after:
            own |= _predecessors(step.change, by_address, ready, joins, needs, reversed_order=reversed_order)
        if step.change.deposed:
            own |= _successor(step, ready)
    _delete_after_dependents(steps, ready, needs)
    return needs


def _predecessors(
    change: Change,
    by_address: dict[Address, list[Step]],
    ready: dict[Address, Step],
    joins: dict[tuple[bool, int], set[int]],
    needs: Needs,
    *,
    reversed_order: bool,
) -> set[int]:
    down = change.action in _TEARDOWN
    if down and not reversed_order:
        return set()
    key = (down, id(change.after))
    if key in joins:
        return joins[key]
    if down:
        found = {other.number for address in change.after for other in by_address.get(address, ())}
    else:
        found = {ready[address].number for address in change.after if address in ready}
    if len(found) >= _JOIN_FROM:
        join = len(needs)
        needs[join] = found
        found = {join}
    joins[key] = found
    return found


def _successor(step: Step, ready: dict[Address, Step]) -> set[int]:
    """A superseded object waits until its successor is ready; one that never came to be used waits for nobody."""
    successor = ready.get(step.change.address)
    if successor is None:
        return set()
    current = successor.change.old_generation or successor.generation
    return {successor.number} if step.generation < current else set()


def _delete_after_dependents(steps: Sequence[Step], ready: dict[Address, Step], needs: Needs) -> None:
    """With create_before_destroy the old object stays until those who depend on its address use the new one."""
    old = {step.change.address: step for step in steps if step.verb == "delete" and step.change.create_before_destroy}
    if not old:
        return
    for step in ready.values():
        for address in step.change.after:
            if address in old:
                needs[old[address].number].add(step.number)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the document's ``moved`` entries mean for what is there; pure.

An object that moves is planned under its new address from the start: whatever else is to be done to it, is done to it there.
Nothing is concluded from what could not be seen, and where both addresses exist, the new one wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..model.address import Address
from ..model.mounts import called
from ..model.moved import Trail, trail
from ..model.records import Resource
from ..model.worker import Move
from .current import Holding
from .options import Options
from .world import World


class Origin(NamedTuple):
    """Where an object comes from: its address up to now, and what a plan calls that (one worker, many instances)."""

    address: Address
    name: str


@dataclass(frozen=True)
class Moves:
    """``held`` by the addresses that count from now on; ``origins`` by new address; ``blocked``, by new address, says what may not
    be concluded; ``warnings`` name the entries that cannot be followed.
    """

    held: Mapping[Address, Holding]
    origins: Mapping[Address, Origin] = field(default_factory=dict)
    blocked: Mapping[Address, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def selected(self, options: Options, address: Address) -> bool:
        """Tell whether the caller chose an address, by its old name or its new one."""
        origin = self.origins.get(address)
        if origin is None:
            return options.selects(address)
        if options.rejects(address) or options.rejects(origin.address):
            return False
        return options.selects(address) or options.selects(origin.address)

    def renamed(self, resources: Sequence[Resource]) -> Sequence[Resource]:
        """Return state's records as they will be, so that the order of changes follows the new addresses."""
        if not self.origins:
            return resources
        now = {origin.address: address for address, origin in self.origins.items()}
        return [
            replace(
                one,
                address=now.get(one.address, one.address),
                dependencies=tuple(now.get(other, other) for other in one.dependencies),
            )
            for one in resources
        ]


def follow(moves: Sequence[Move], held: Mapping[Address, Holding], world: World) -> Moves:
    """Apply the entries to what is there. Those that are done already, or are about nothing, change nothing."""
    if not moves:
        return Moves(held)
    draft = _Draft(dict(held), world)
    for target, candidates in _candidates(moves, held).items():
        draft.settle(target, candidates)
    return Moves(draft.held, draft.origins, draft.blocked, tuple(draft.warnings))


def _candidates(moves: Sequence[Move], addresses: Iterable[Address]) -> dict[Address, list[tuple[Address, Trail]]]:
    """List, by new address, what leads there: in a chain a -> b -> c the nearest first."""
    found: dict[Address, list[tuple[Address, Trail]]] = {}
    for address in addresses:
        way = trail(moves, address)
        if way is not None and way.target != address:
            found.setdefault(way.target, []).append((address, way))
    for several in found.values():
        several.sort(key=lambda one: _distance(moves, one[0], one[1].target))
    return found


def _distance(moves: Sequence[Move], address: Address, target: Address) -> int:
    steps = 0
    way = trail(moves, address)
    while way is not None and address != target:
        address, steps = way.first.apply(address), steps + 1
        way = trail(moves, address)
    return steps


class _Draft:
    """The answer in the making."""

    def __init__(self, held: dict[Address, Holding], world: World) -> None:
        self.held = held
        self.world = world
        self.origins: dict[Address, Origin] = {}
        self.blocked: dict[Address, str] = {}
        self.warnings: list[str] = []

    def settle(self, target: Address, candidates: Sequence[tuple[Address, Trail]]) -> None:
        """Decide which of those that lead to an address becomes it, if any."""
        there = self.held.get(target, Holding())
        chosen = self._half_done(target, there, candidates)
        if chosen is None and there.seen is None:
            chosen = next((one for one in candidates if self.held[one[0]].seen is not None), None)
            chosen = chosen or next((one for one in candidates if self._is_hidden(self.held[one[0]])), None)
        if chosen is not None:
            address, way = chosen
            self._move(address, way, target, there)
        winner = target if chosen is None else chosen[0]
        for address, way in candidates:
            if address != winner and self.held[address].seen is not None:
                self.warnings.append(_both(address, target, winner, way))

    def _half_done(
        self, target: Address, there: Holding, candidates: Sequence[tuple[Address, Trail]]
    ) -> tuple[Address, Trail] | None:
        """Find what an interrupted run has moved in the world, while state still has it under its old address."""
        seen = there.seen
        if seen is None or there.resource is not None:
            return None
        for address, way in candidates:
            known = self.held[address].resource
            if self.held[address].seen is None and known is not None and known.generation == seen.generation:
                return address, way
        return None

    def _is_hidden(self, held: Holding) -> bool:
        """Tell whether something may be there that could not be seen."""
        return held.resource is not None and held.resource.provider not in self.world.seen

    def _move(self, address: Address, way: Trail, target: Address, there: Holding) -> None:
        moving = self.held.pop(address)
        why = self._in_the_way(address, moving, there)
        if why:
            self.blocked[target] = f"{address} is to move here, but {why}"
        old = there.resource if there.seen is None else None
        current = moving.seen or there.seen
        if old is not None and current is not None and old.generation == current.generation:
            old = None  # its record is written over
        self.held[target] = Holding(
            seen=current,
            resource=moving.resource,
            unfinished=moving.unfinished or there.unfinished,
            deposed=(*moving.deposed, *there.deposed),
            gone=(*moving.gone, *there.gone, *((old,) if old else ())),
            last_generation=max(moving.last_generation, there.last_generation),
            interrupted=moving.interrupted or there.interrupted,
        )
        name = str(way.first.source) if way.first.is_whole else str(address)
        self.origins[target] = Origin(address, name)

    def _in_the_way(self, address: Address, moving: Holding, there: Holding) -> str:
        """Say why a move that would be right by what was seen may not be done all the same."""
        seen = moving.seen
        if address in self.world.twins:
            return self.world.twins[address]
        if seen is None or there.seen is not None:
            return ""
        provider = self.world.provider_of[seen.address, seen.generation]
        if provider in self.world.unseen:
            return f"{called(provider)} could not be seen whole: {self.world.unseen[provider]}"
        if any(one.generation == seen.generation for one in there.deposed):
            return f"generation {seen.generation} of it was left over: delete that by hand"
        return ""


def _both(address: Address, target: Address, winner: Address, way: Trail) -> str:
    stays = "exists already" if winner == target else f"becomes what {winner} was"
    return (
        f"{address} was to move to {target} ({way.first.place}), but that {stays}; {address} is now one that the document does not "
        "name"
    )

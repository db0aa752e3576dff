# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who got another address, workers and owners: the document's ``moved`` entries, checked, and where each address leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .address import Address, parse_address
from .check import compile_check
from .errors import Problem
from .place import Place
from .schema_document import MOVED
from .worker import Instance, Move

OWNER = "owner"


class Trail(NamedTuple):
    """Where an address leads to in the end: the last address, and the first entry on the way."""

    target: Address
    first: Move


def read_moves(value: Any, place: Place) -> tuple[tuple[Move, ...], list[Problem]]:
    """Return the entries in their order, or everything that is wrong with them but what needs the workers."""
    if not value:
        return (), []
    fault = compile_check(MOVED)(value)
    if fault is not None:
        from .words import problems  # imported for invalid documents only

        return (), problems(value, MOVED, place, fault)
    moves = tuple(
        Move(parse_address(one["from"]), parse_address(one["to"]), place.under((index,)), place.source)
        for index, one in enumerate(value)
    )
    return moves, [*_contradictions(moves), *_circles(moves)]


def former_owners(moves: Sequence[Move], owner: str) -> list[str]:
    """Return what an owner was called before; in a chain a -> b -> c the latest name first."""
    found: list[str] = []
    following = {owner}
    while following:
        following = {
            move.source.name
            for move in moves
            if move.target.kind == OWNER and move.target.name in following and move.source.name not in (owner, *found)
        }
        found += sorted(following)
    return found


def still_there(
    moves: Sequence[Move], instances: Sequence[Instance], names: Sequence[str], owner: str
) -> Iterator[Problem]:
    """Yield a problem for each entry whose ``from`` the document names, too, as a worker or its owner: it cannot be both."""
    addresses = {one.address for one in instances} if moves else set()
    for move in moves:
        if move.source.kind == OWNER:
            if move.source.name == owner:
                yield move.problem(
                    f"{move.source} moves to {move.target}, but the owner of the document is still '{owner}'",
                    f"set hodei_owner: {move.target.name}, or remove this entry",
                )
            continue
        if move.source in addresses or (move.is_whole and move.source.name in names):
            yield move.problem(
                f"{move.source} moves to {move.target}, but the document still has a worker {move.source}",
                "remove that worker, or this entry",
            )


def trail(moves: Sequence[Move], address: Address) -> Trail | None:
    """Follow the entries from an address to where they end; None when no entry is about it."""
    first: Move | None = None
    visited = {address}
    while (move := _of(moves, address)) is not None:
        first = first or move
        address = move.apply(address)
        if address in visited:
            break
        visited.add(address)
    return None if first is None else Trail(address, first)


def _of(moves: Sequence[Move], address: Address) -> Move | None:
    """An entry about this very address wins over one about all instances of its worker."""
    exact = next((move for move in moves if move.source == address), None)
    return exact or next((move for move in moves if move.is_whole and move.source[:2] == address[:2]), None)


def _contradictions(moves: Sequence[Move]) -> Iterator[Problem]:
    sources: dict[Address, Move] = {}
    targets: dict[Address, Move] = {}
    for move in moves:
        if move.source.kind != move.target.kind:
            yield move.problem(f"{move.source} cannot become {move.target}", "write two workers, or two owners")
            continue
        if move.source == move.target:
            yield move.problem(f"{move.source} moves to itself", "remove this entry")
            continue
        first = sources.setdefault(move.source, move)
        if first is not move:
            yield move.problem(
                f"{move.source} moves to {first.target} already (see {first.place})", "remove one of the two"
            )
            continue
        first = targets.setdefault(move.target, move)
        if first is not move:
            yield move.problem(
                f"{first.source} and {move.source} both move to {move.target} (see {first.place})",
                "only one of them can be it: remove the other entry",
            )


def _circles(moves: Sequence[Move]) -> Iterator[Problem]:
    """Yield one problem for each circle; entries about whole workers are followed for every key that another names."""
    keys = {address.key for move in moves for address in (move.source, move.target)}
    told: set[frozenset[Address]] = set()
    for move in moves:
        for key in keys if move.is_whole else (move.source.key,):
            ring = _ring(moves, move.source._replace(key=key))
            if len(ring) > 1 and frozenset(ring) not in told:
                told.add(frozenset(ring))
                way = " -> ".join(map(str, (*ring, ring[0])))
                yield move.problem(f"{move.source.kind}s move in a circle: {way}", "remove one of these entries")


def _ring(moves: Sequence[Move], start: Address) -> list[Address]:
    path: list[Address] = []
    address = start
    while address not in path:
        path.append(address)
        move = _of(moves, address)
        if move is None:
            return []
        address = move.apply(address)
    return path if address == start else []


def moves_text(moves: Sequence[Move]) -> list[Mapping[str, str]]:
    """Return the entries as they count for the digest of the document."""
    return [{"from": str(move.source), "to": str(move.target)} for move in moves]

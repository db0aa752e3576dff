# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An owner that gets another name: whose fleet is to become this one, and the steps by which it does.

Each step is one change of the file system or one transaction, and can be done again. A mark in the state's directory, written before
the first and deleted after the last, tells the next run that there is something to finish.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..durable.draft import sync_directory
from ..durable.failpoints import hit
from ..engine.lease import held_lease
from ..engine.state.keys import has_key, owner_directory
from ..engine.state.sqlite import SqliteState
from ..engine.world import World
from ..model.errors import HodeiError, Kind
from ..model.moved import former_owners, read_moves
from ..model.place import Place
from ..model.ports import Inheriting, Provider
from ..model.worker import Document
from ..providers.relocating import drop, former, is_place, relocate, successor

#: Names, in the state's directory, whose fleet this was when its move began.
MARK = "moving-from"


class Origin(NamedTuple):
    """The owner that a fleet still has here, where its state lies, and where that is to lie."""

    name: str
    directory: Path
    target: Path


class NotMovedYetError(HodeiError):
    """Something is to be changed under an owner's new name, and the fleet still has the old one."""


def not_moved_yet(origin: Origin, owner: str) -> NotMovedYetError:
    """Say that a converge has to come first."""
    return NotMovedYetError(
        Kind.CONFLICT,
        f"the fleet still belongs to owner '{origin.name}' here: it becomes '{owner}''s with the next converge",
        hint="Run the playbook hodei.workers.converge (the module fleet) first.",
    )


def names_before(moved: Any, owner: str) -> Sequence[str]:
    """Return what the document says that an owner was called; none where its entries are wrong, which others tell."""
    moves, problems = read_moves(moved, Place("moved"))
    return () if problems else former_owners(moves, owner)


def find_origin(
    names: Sequence[str], owner: str, lineage: Any, directory: Path, *, state_dir: Any, own_place: bool
) -> Origin | None:
    """Find the fleet that is to become this one by what lies on the disk.

    ``own_place``: the state's directory is not named after its owner. Raises HodeiError(conflict) when both are there.
    """
    if not names:
        return None
    mark = directory / MARK
    if mark.exists() and (name := mark.read_text(encoding="utf-8")) in names:
        return Origin(name, directory, directory)
    for name in () if own_place else names:
        there = owner_directory(name, state_dir)
        if not is_place(str(there)) or not (has_key(there) or (there / "state.db").exists()):
            continue
        if not _is_taken(directory):
            return Origin(name, there, directory)
        theirs, ours = _lineage(there), _lineage(directory) or str(lineage or "").lower()
        if theirs and ours and theirs != ours:
            continue  # another fleet, that was given the name later
        raise HodeiError(
            Kind.CONFLICT,
            f"owner '{name}' is to become '{owner}', but both exist here: {there} and {directory}",
            hint="Uninstall the one that is not wanted (playbook hodei.workers.uninstall), or remove the entry of hodei_moved.",
        )
    return None


def refuse_unclear(world: World, name: str) -> None:
    """Raise HodeiError where what is seen of an owner is not all ours, or not all that there is."""
    for provider, why in world.unseen.items():
        raise HodeiError(
            Kind.NETWORK, f"provider '{provider}' could not be seen: {why}", hint="Nothing was changed. Try again."
        )
    for provider, seen in world.foreign:
        raise HodeiError(
            Kind.CONFLICT,
            f"{seen.address} on '{provider}' belongs to lineage {seen.lineage} of owner '{name}'",
            hint="Delete it there, or adopt it with fleet_refresh.",
        )


def hand_over(
    origin: Origin,
    document: Document,
    providers: Callable[[Path], Mapping[str, Provider]],
    secrets: Callable[[Path], None],
    holder: str,
    on_wait: Callable[[str], None],
    *,
    lease_ttl: float,
    lease_timeout: float,
    break_lease: bool,
) -> None:
    """Make a fleet another owner's, under the lease of its own state; ``providers`` makes them for the new owner, ``secrets`` hands the
    secrets over.

    Raises HodeiError(conflict) when somebody changes the fleet under its old name.
    """
    store = SqliteState(origin.directory / "state.db")
    made: Mapping[str, Provider] = {}
    try:
        if not store.exists():
            store.initialise(origin.name, document.lineage, time.time())
        with held_lease(
            store,
            holder,
            ttl=lease_ttl,
            timeout=lease_timeout,
            break_lease=break_lease,
            clock=time.time,
            on_wait=on_wait,
        ) as keeper:
            hit("owner.begin")
            _mark(origin)
            hit("owner.marked")
            if origin.directory != origin.target:
                if origin.target.is_dir() and not successor(str(origin.target)):
                    origin.target.rmdir()  # empty, or it would have been in the way
                relocate(str(origin.directory), str(origin.target))
            elif origin.target.name == document.owner:
                relocate(str(origin.target.with_name(origin.name)), str(origin.target))
            hit("owner.relocated")
            made = providers(origin.target)
            for provider in made.values():
                if isinstance(provider, Inheriting):
                    provider.inherit(origin.name)
                hit("owner.inherited")
            secrets(origin.target)
            hit("owner.secrets")
            store.give_to(keeper.lease, document.owner)
            hit("owner.given")
            (origin.target / MARK).unlink()
            hit("owner.done")
    finally:
        for provider in made.values():
            provider.close()
        store.close()


def settle(directory: Path, providers: Mapping[str, Provider]) -> None:
    """Drop the links in an owner's old places once no process needs them."""
    settled = [not isinstance(provider, Inheriting) or provider.settle() for provider in providers.values()]
    if all(settled):
        drop(former(str(directory)))


def _mark(origin: Origin) -> None:
    draft, mark = origin.directory / f".{MARK}.draft", origin.directory / MARK
    draft.write_text(origin.name, encoding="utf-8")
    os.replace(draft, mark)
    sync_directory(origin.directory)


def _is_taken(directory: Path) -> bool:
    return is_place(str(directory)) and (not directory.is_dir() or any(directory.iterdir()))


def _lineage(directory: Path) -> str:
    store = SqliteState(directory / "state.db", read_only=True)
    try:
        return store.read().lineage if store.exists() else ""
    finally:
        store.close()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a worker's secrets is not as the stores have it now: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ..model.address import SECRET, Address
from ..model.carry import Column, OnChange, cell
from ..model.change import Action, Change, FieldChange
from ..model.errors import Problem
from ..model.mounts import Mount, Source, sources_of
from ..model.ports import Observation
from ..model.store import Stage
from ..model.worker import Instance
from .world import World

#: Where a version will be known only when it is there.
NEW = "(a new version)"


class Mounted(NamedTuple):
    """What differs of the mounts of one worker, and what it waits for in vain."""

    fields: tuple[FieldChange, ...] = ()
    missing: str = ""


def mounted(
    instance: Instance, seen: Observation | None, world: World, fresh: Collection[Address], column: Column
) -> Mounted:
    """Compare what a worker was given with what its mounts give now, or will when the ``fresh`` secrets are written.

    Another version in a file is always put in its place, whatever a changed document costs there.
    """
    if not instance.mounts:
        return Mounted()
    missing = next(_missing(instance, world, fresh), "")
    if missing or seen is None:
        return Mounted(missing=missing)
    return Mounted(tuple(_differences(instance, seen, world, fresh, column)))


def mounted_but_going(instances: Iterable[Instance], changes: Iterable[Change]) -> list[Problem]:
    """Refuse to delete a secret that a worker is given: nobody could bring that worker back."""
    going = {
        (change.provider, change.address.name)
        for change in changes
        if change.address.kind == SECRET and change.action is Action.DELETE
    }
    if not going:
        return []
    users: dict[tuple[str, str], Instance] = {}
    for instance in instances:
        for source in sources_of(instance.mounts):
            users.setdefault(source.place, instance)
    return [
        Problem(
            path=f"secrets.{path}",
            message=f"it would be deleted, but {users[store, path].address} is given it",
            hint=f"take it out of the secrets of worker {users[store, path].address.name}, or keep it in the document",
        )
        for store, path in sorted(going & users.keys())
    ]


def _missing(instance: Instance, world: World, fresh: Collection[Address]) -> Iterator[str]:
    for source in sources_of(instance.mounts):
        store = source.place[0]
        if source.address in fresh or source.place in world.versions:
            continue
        if store in world.seen:
            yield f"secret {source.name} is not in store '{source.store}'"
        else:
            yield f"store '{source.store}' could not be seen: {world.unseen.get(store, 'it was not asked')}"


def _differences(
    instance: Instance, seen: Observation, world: World, fresh: Collection[Address], column: Column
) -> Iterator[FieldChange]:
    for mount in instance.mounts:
        before, after = seen.secrets.get(mount.key), _wanted(mount, world, fresh)
        if before != after:
            path = f"files.{mount.place}" if mount.in_home else f"secrets.{mount.key}"
            anew = mount.way == "env" and cell(column, path).on_change is OnChange.REPLACE
            yield FieldChange(path, _short(before), _short(after), anew)


def _wanted(mount: Mount, world: World, fresh: Collection[Address]) -> str:
    numbers: dict[Source, int] = {}
    for source in mount.sources:
        if source.which is not Stage.CURRENT:
            numbers[source] = int(source.which)
        elif source.address in fresh:
            return NEW
        else:
            numbers[source] = world.versions[source.place]
    return mount.version(numbers)


def _short(version: str | None) -> str | None:
    """Leave away where it lies: ``version 3``, or ``versions 3, 5`` of what has several sources."""
    numbers = [word.rpartition("@")[2] for word in (version or "").split() if "@" in word]
    if not numbers:
        return version
    return f"version{'s' * (len(numbers) > 1)} {', '.join(numbers)}"

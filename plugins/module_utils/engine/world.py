# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world as bulk lists show it. What could not be seen is Unknown, never absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..model.address import Address
from ..model.ports import Listing, Observation
from ..model.states import WorkerState


@dataclass(frozen=True)
class World:
    """What was seen: our objects by address (any generation), others' objects, and what could not be seen.

    ``seen`` names the providers whose whole list we have; ``unseen`` maps the others that were asked to the reason why absence
    there proves nothing. ``twins`` maps an address to the sentence that
    says which two objects claim the same generation of it, so that nobody can tell which one is meant. ``versions`` are the current
    ones of secrets, by store and path, and ``deleted`` are those of ours that can come back.
    """

    objects: Mapping[Address, tuple[Observation, ...]] = field(default_factory=dict)
    provider_of: Mapping[tuple[Address, int], str] = field(default_factory=dict)
    foreign: tuple[tuple[str, Observation], ...] = ()
    seen: frozenset[str] = frozenset()
    unseen: Mapping[str, str] = field(default_factory=dict)
    twins: Mapping[Address, str] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    deleted: Mapping[tuple[str, str], Observation] = field(default_factory=dict)

    def at(self, address: Address) -> tuple[Observation, ...]:
        """Return the objects of an address, oldest generation first."""
        return self.objects.get(address, ())

    def with_versions(self, versions: Mapping[tuple[str, str], int]) -> World:
        """Return the world as it is when these secrets are there, too."""
        return replace(self, versions={**self.versions, **versions}) if versions else self


def assemble(listings: Mapping[str, Listing], lineage: str) -> World:
    """Sort listings by address; pure. An object that one list names twice (pages overlap) counts once."""
    found: dict[tuple[Address, int], tuple[str, Observation]] = {}
    foreign: list[tuple[str, Observation]] = []
    twins: dict[Address, str] = {}
    for name, listing in listings.items():
        for seen in listing.observations:
            if seen.state is WorkerState.ABSENT:
                continue
            if seen.lineage != lineage:
                foreign.append((name, seen))
                continue
            provider, first = found.setdefault((seen.address, seen.generation), (name, seen))
            if (provider, first.external_id) != (name, seen.external_id):
                twins[seen.address] = _twins(provider, first, name, seen)
    objects: dict[Address, list[Observation]] = {}
    for _key, (_provider, seen) in sorted(found.items(), key=lambda item: item[0][1]):
        objects.setdefault(seen.address, []).append(seen)
    return World(
        objects={address: tuple(seen) for address, seen in objects.items()},
        provider_of={key: provider for key, (provider, _unused) in found.items()},
        foreign=tuple(foreign),
        seen=frozenset(name for name, listing in listings.items() if listing.complete),
        unseen={name: _why(listing) for name, listing in listings.items() if not listing.complete},
        twins=twins,
        versions={
            (name, path): number for name, listing in listings.items() for path, number in listing.versions.items()
        },
        deleted={
            (name, seen.address.name): seen
            for name, listing in listings.items()
            for seen in listing.deleted
            if seen.lineage == lineage
        },
    )


def _why(listing: Listing) -> str:
    return str(listing.problem) if listing.problem else "its answer was incomplete"


def _twins(provider: str, one: Observation, other_provider: str, other: Observation) -> str:
    return (
        f"generation {one.generation} of it exists twice, as {one.external_id} on '{provider}' and as {other.external_id} "
        f"on '{other_provider}': delete one of them by hand"
    )

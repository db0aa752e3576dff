# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made from, and the plan in the making."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..model.address import SECRET, Address
from ..model.carry import Column
from ..model.change import Action, Cause, Change
from ..model.errors import Problem
from ..model.ports import Observation
from ..model.records import Resource, State
from ..model.worker import Document, Instance
from .finishing import drain_of, finishes
from .options import Options
from .world import World


@dataclass(frozen=True)
class Inputs:
    """Everything a plan depends on.

    ``columns`` maps a provider to its column of the (field, provider) table, ``key_id`` names the key that digests are made with,
    ``now`` is Unix seconds.
    """

    document: Document
    state: State
    world: World
    columns: Mapping[str, Column]
    key_id: str
    now: float
    options: Options = field(default_factory=Options)

    @cached_property
    def instances(self) -> dict[Address, Instance]:
        """The document's instances by address."""
        return {instance.address: instance for instance in self.document.wanted}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the document's workers, those that count none included."""
        return frozenset(self.document.names)

    def lists(self, address: Address) -> bool:
        """Tell whether the document lists what an address is one of: a worker, or the secret itself."""
        return address in self.instances or (address.kind != SECRET and address.name in self.names)

    @cached_property
    def resources(self) -> dict[tuple[Address, int], Resource]:
        """What state remembers, by address and generation."""
        return {(one.address, one.generation): one for one in self.state.resources}

    def waits_for(self, seen: Observation | None, resource: Resource | None) -> bool:
        """Tell whether an object is let finish its work before it is stopped."""
        if seen is None or not self.options.drain:
            return False
        drain = drain_of(self.instances.get(seen.address), resource, seen)
        return finishes(seen, drain, self.columns.get(self.provider_of(seen), {}))

    @cached_property
    def foreign(self) -> dict[Address, str]:
        """Addresses that an object of our owner but of another lineage occupies, each with a sentence about it."""
        return {
            seen.address: f"{seen.address} on '{provider}' belongs to lineage {seen.lineage}"
            for provider, seen in self.world.foreign
        }

    def provider_of(self, seen: Observation | None) -> str:
        """Return where an object was found; empty for none."""
        return self.world.provider_of[seen.address, seen.generation] if seen else ""


@dataclass
class Draft:
    """A plan in the making; the fields become those of ``model.change.Plan``, but for ``renewed``: the secrets that get another
    version.
    """

    changes: list[Change] = field(default_factory=list)
    blocked: dict[Address, str] = field(default_factory=dict)
    kept: dict[Address, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    overdue: dict[Address, float] = field(default_factory=dict)
    renewed: Collection[Address] = ()


def delete(
    inputs: Inputs,
    seen: Observation,
    reason: str,
    cause: Cause,
    *,
    deposed: bool = False,
    action: Action = Action.DELETE,
) -> Change:
    """Describe the deletion of one object, or another ``action`` with which it goes."""
    return Change(
        address=seen.address,
        action=action,
        cause=cause,
        reason=reason,
        provider=inputs.provider_of(seen),
        generation=seen.generation,
        external_id=seen.external_id,
        etag=seen.etag,
        deposed=deposed,
        when_idle=inputs.waits_for(seen, inputs.resources.get((seen.address, seen.generation))),
        draining_since=seen.draining.since if seen.draining else None,
    )


def forget(resource: Resource, reason: str) -> Change:
    """Describe that state forgets an object that is not there any more."""
    return Change(
        address=resource.address,
        action=Action.FORGET,
        cause=Cause.STATE,
        reason=reason,
        provider=resource.provider,
        generation=resource.generation,
        external_id=resource.external_id,
    )


def protected(address: Address, what: str, reason: str, source: str) -> Problem:
    """Say that ``prevent_destroy`` forbids what the plan would do."""
    because = f" ({reason})" if reason else ""
    return Problem(
        path=str(address),
        message=f"it would be {what}{because}, but lifecycle.prevent_destroy protects it",
        hint="set prevent_destroy: false for it and converge first, or leave it out with excludes",
        source=source,
    )

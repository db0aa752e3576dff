# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan: what will be done to whom, and why. One value for check mode, diff mode, saved plans and apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from .address import Address
from .errors import Problem
from .states import Intent


class Action(str, Enum):
    """What a change does to its address."""

    NOOP = "noop"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"
    DELETE = "delete"
    RELEASE = "release"
    IMPORT = "import"
    MOVE = "move"
    ADOPT = "adopt"
    FORGET = "forget"


class Cause(str, Enum):
    """Where a change comes from: the document, the world (drift), state bookkeeping, or the caller's explicit wish."""

    DOCUMENT = "document"
    DRIFT = "drift"
    STATE = "state"
    REQUEST = "request"


class FieldChange(NamedTuple):
    """One field, before and after, in the recorded form; ``forces_replace`` when the provider cannot update it in place."""

    path: str
    before: Any
    after: Any
    forces_replace: bool = False


@dataclass(frozen=True)
class Change:
    """What will be done to one address.

    ``generation`` is the object that it is about (the new one for CREATE and REPLACE, whose old one is
    ``old_generation``, on ``old_provider`` where that differs); ``etag`` is the version of the object that the
    plan was made against. ``then`` is a second action on the same object once the first has succeeded,
    ``intent`` the run state wanted in the end. ``after`` lists the addresses whose changes must have succeeded
    before this one starts. ``deposed`` marks the deletion of a superseded object. ``when_idle``: what it stops is let finish its
    work first; ``draining_since`` (Unix seconds) says that it does so already. ``moved_from`` is the address that the object
    carries up to now: it gets this one first.
    """

    address: Address
    action: Action
    cause: Cause
    reason: str
    provider: str
    generation: int = 1
    old_generation: int = 0
    old_provider: str = ""
    external_id: str = ""
    etag: str = ""
    digest: str = ""
    fields: tuple[FieldChange, ...] = ()
    create_before_destroy: bool = False
    then: Action | None = None
    intent: Intent = Intent.STARTED
    deposed: bool = False
    when_idle: bool = False
    draining_since: float | None = None
    after: tuple[Address, ...] = ()
    source: str = ""
    moved_from: Address | None = None

    @property
    def key(self) -> tuple[Address, int]:
        """What identifies the change within its plan: two changes of one address differ in generation."""
        return self.address, self.generation


@dataclass(frozen=True)
class Plan:
    """All changes of one run, noops included, in the order of the document, and what stands in the way.

    ``blocked`` maps an address whose state could not be seen to the sentence that says why: nothing is done to
    it. ``kept`` maps an address that the document does not name to the reason why it stays all the same.
    ``problems`` stop the whole run before any change (guards, refusals). ``foreign`` names objects that carry
    our owner but another lineage: reported, never touched. ``overdue`` maps an address to the seconds by which
    something is late. ``owner_from`` is the owner that the fleet has had up to now, with ``owner_brings`` workers; empty when it
    stays the same.
    """

    owner: str
    lineage: str
    serial: int
    document_digest: str
    changes: tuple[Change, ...]
    blocked: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    overdue: Mapping[str, float] = field(default_factory=dict)
    owner_from: str = ""
    owner_brings: int = 0

    @property
    def pending(self) -> tuple[Change, ...]:
        """The changes that do something."""
        return tuple(change for change in self.changes if change.action is not Action.NOOP)

    def totals(self) -> dict[str, int]:
        """Count the changes by action, with every action named."""
        counts = {action.value: 0 for action in Action}
        for change in self.changes:
            counts[change.action.value] += 1
        return counts

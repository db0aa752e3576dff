# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is asked, what it works with, and what it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..model.change import Action, Change, Plan
from ..model.errors import HodeiError
from ..model.ports import ObjectProvider, Provider, SecretProvider
from ..model.records import State
from ..model.state_store import StateStore
from ..model.worker import Document
from .interrupt import Stop
from .options import Options
from .survey import Survey

if TYPE_CHECKING:  # a run that changes nothing needs neither
    from .apply import Result
    from .importing import Import
    from .savedplan import SavedPlan


class Authorizer(Protocol):
    """Decides about each change before the first side effect."""

    def decide(self, changes: Sequence[Change]) -> Sequence[HodeiError | None]:
        """Return None for each allowed change, an authorization error for each denied one, in order."""


class Listener(Protocol):
    """Is told how a converge goes on; may not fail it."""

    def preparing(self, done: int, total: int) -> None:
        """Learn how many bytes of what new objects need have come, before any step starts."""

    def planned(self, total: int) -> None:
        """Learn how many steps are about to run: a change has one, or two where it is made of two calls (a replacement)."""

    def began(self, change: Change) -> None:
        """Learn that a step of a change has started."""

    def waiting(self, number: int) -> None:
        """Learn how many steps wait now for a worker to become idle, whenever that changes."""

    def ended(self, change: Change, error: HodeiError | None, seconds: float) -> None:
        """Learn how a step of a change ended."""


@dataclass(frozen=True)
class Ports:
    """What the engine meets the world through. ``secrets`` are the stores, by names that no provider has."""

    store: StateStore
    providers: Mapping[str, Provider]
    secrets: Mapping[str, SecretProvider] = field(default_factory=dict)
    authorizer: Authorizer | None = None
    listener: Listener | None = None

    @property
    def objects(self) -> Mapping[str, ObjectProvider]:
        """All that has objects, by name."""
        return {**self.providers, **self.secrets}


@dataclass(frozen=True)
class Request:
    """One run.

    ``holder`` identifies this process in the lease, ``actor`` is who claims to run it. Times are seconds. ``saved`` is a plan to
    apply exactly instead of a fresh one. ``fail_on`` names findings (``findings.py``) that stop the run before its first change.
    ``imports`` are running objects to take over instead of converging. ``wait_for_drain`` false leaves what works to its
    provider and to later runs.
    """

    document: Document
    options: Options
    key_id: str
    kind: str = "converge"
    holder: str = ""
    actor: str = ""
    saved: SavedPlan | None = None
    imports: tuple[Import, ...] = ()
    accept_differences: bool = False
    fail_on: tuple[str, ...] = ()
    lease_ttl: float = 30.0
    lease_timeout: float = 60.0
    break_lease: bool = False
    parallel: int = 64
    interrupt_grace: float = 10.0
    wait_for_drain: bool = True


@dataclass(frozen=True)
class Tools:
    """Time, identity and interruption, handed in so that tests decide them."""

    new_id: Callable[[], str]
    clock: Callable[[], float] = time.time
    stop: Stop = field(default_factory=Stop)
    on_wait: Callable[[str], None] = lambda message: None


@dataclass(frozen=True)
class Report:
    """What a run found, planned and did; ``results`` and ``run_id`` are empty for a preview.

    ``interrupted`` says who asked to stop, ``broken`` is why state could not be written any more (lease lost, disk full).
    """

    plan: Plan
    survey: Survey
    state: State
    results: tuple[Result, ...] = ()
    run_id: str = ""
    serial: int = 0
    interrupted: str = ""
    broken: HodeiError | None = None

    @property
    def changed(self) -> bool:
        """Whether the world was changed or may have been, or for a preview would be: bookkeeping alone is no change."""
        if self.plan.owner_from:
            return True
        if self.run_id:
            return any(one.begun and _touches(one.change.action) for one in self.results)
        return any(_touches(change.action) for change in self.plan.pending)

    @property
    def failed(self) -> bool:
        """Whether anything is not as the document wants it now that the run is over, or could not be recorded.

        What is ``kept`` or foreign is no failure, nor is what waits because nobody wanted to wait for it; what is ``blocked`` is
        one, and so is a change that did not come to its end.
        """
        unfinished = any(one.status not in ("done", "waiting") for one in self.results)
        return unfinished or bool(self.plan.blocked) or self.broken is not None


def _touches(action: Action) -> bool:
    return action not in (Action.NOOP, Action.ADOPT, Action.FORGET)

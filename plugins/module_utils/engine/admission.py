# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls may run at the same time, and which steps go into one call."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..model.address import Address
from ..model.ports import Limits
from .graph import Step

BOOKKEEPING = frozenset(("adopt", "forget"))


@dataclass(frozen=True, eq=False)
class Batch:
    """One provider call: one verb to many objects. Steps by what outcomes name."""

    provider: str
    verb: str
    steps: Mapping[tuple[Address, int], Step]


class Admission:
    """Holds steps that are possible until there is room for them.

    ``limits`` are each provider's own bounds, ``parallel`` is the most calls over all providers. What touches state only needs
    no provider and no bound.
    """

    def __init__(self, limits: Mapping[str, Limits], parallel: int) -> None:
        self._limits = limits
        self._parallel = parallel
        self._waiting: dict[tuple[str, str], deque[Step]] = {}
        self._running: Counter[str] = Counter()

    def add(self, steps: Iterable[Step]) -> None:
        """Queue steps."""
        for step in steps:
            provider = "" if step.verb in BOOKKEEPING else step.provider
            self._waiting.setdefault((provider, step.verb), deque()).append(step)

    def admit(self) -> list[Batch]:
        """Take what there is room for; the oldest step's kind first. Each batch counts as running until it is released."""
        batches: list[Batch] = []
        for provider, verb in sorted(self._waiting, key=lambda group: self._waiting[group][0].number):
            steps = self._waiting[provider, verb]
            while steps and (verb in BOOKKEEPING or self._has_room(provider)):
                batches.append(self._take(provider, verb, steps))
            if not steps:
                del self._waiting[provider, verb]
        return batches

    def release(self, batch: Batch) -> None:
        """Give a call's room back."""
        if batch.verb not in BOOKKEEPING:
            self._running[batch.provider] -= 1

    def _has_room(self, provider: str) -> bool:
        own = max(1, self._limits.get(provider, Limits()).parallel)
        return self._running[provider] < own and self._running.total() < max(1, self._parallel)

    def _take(self, provider: str, verb: str, steps: deque[Step]) -> Batch:
        if verb in BOOKKEEPING:
            size = len(steps)
        else:
            size = min(len(steps), max(1, self._limits.get(provider, Limits()).bulk))
            self._running[provider] += 1
        taken = [steps.popleft() for _unused in range(size)]
        return Batch(provider, verb, {(step.change.address, step.generation): step for step in taken})

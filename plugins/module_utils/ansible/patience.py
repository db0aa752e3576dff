# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until workers are in certain states, woken by those who run them; nothing is written meanwhile, and nobody is kept away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..engine.current import Holding, holdings
from ..engine.interrupt import Stop
from ..engine.options import Options
from ..engine.unseen import unseen
from ..engine.world import World
from ..model.address import Address
from ..model.quantities import show_duration
from ..model.worker import Instance
from .session import Session

_NAMED = 10
_GONE = "absent"


class Condition(NamedTuple):
    """How a worker is, and why."""

    state: str
    reason: str = ""


class Patience:
    """A wait for states, and for how many seconds at the most."""

    def __init__(self, states: Sequence[str], seconds: float) -> None:
        self._states = states
        self._seconds = seconds
        self._stop = Stop()

    def wait(self, session: Session, options: Options, world: World) -> World:
        """Return the world as soon as all selected workers are as wanted, or when the time is over."""
        if not self._left(session, options, world):
            return world
        from ..engine.watching import await_world
        from .signals import watch

        watch(self._stop)
        return await_world(
            session.providers,
            session.document.lineage,
            lambda now: not self._left(session, options, now),
            self._seconds,
            self._stop,
        )

    def failure(self, session: Session, options: Options, world: World) -> dict[str, Any] | None:
        """Say which workers are not as wanted; None when all are."""
        left = self._left(session, options, world)
        if not left:
            return None
        ended = f"interrupted: {self._stop.reason}" if self._stop.is_set() else f"after {show_duration(self._seconds)}"
        lines = [f"{who} is {one.state}{one.reason and f': {one.reason}'}" for who, one in left.items()]
        more = [f"and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
        return {
            "failed": True,
            "changed": False,
            "msg": f"{ended}, not {' or '.join(self._states)}: {'; '.join([*lines[:_NAMED], *more])}",
            "workers": [{"address": who, **one._asdict()} for who, one in left.items()],
        }

    def _left(self, session: Session, options: Options, world: World) -> dict[str, Condition]:
        """Return who is not as wanted. Where nothing is selected, nothing is there."""
        held = holdings(session.state, world)
        wanted = {one.address: one for one in session.document.instances}
        found = {
            str(address): condition(world, address, held.get(address), wanted.get(address))
            for address in {**dict.fromkeys(wanted), **dict.fromkeys(held)}
            if options.selects(address)
        }
        found = found or {f"what {', '.join(options.targets) or 'the document'} names": Condition(_GONE)}
        return {who: one for who, one in found.items() if one.state not in self._states}


def condition(world: World, address: Address, held: Holding | None, wanted: Instance | None) -> Condition:
    """Say how a worker is: what could not be seen is unknown, and only what was looked for in vain is absent."""
    held = held or Holding()
    if held.seen is not None:
        return Condition(held.seen.state.value, held.seen.reason)
    provider = wanted.provider if wanted else held.resource.provider if held.resource else ""
    why = unseen(world, address, held, provider) if provider else ""
    return Condition("unknown", why) if why else Condition(_GONE)

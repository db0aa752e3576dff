# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waiting room: steps that stop a worker wait here until it is idle. Asks nobody itself; ``apply.py`` does, all at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..model.errors import HodeiError, Kind
from ..model.ports import Activity, DrainRequest, Outcome
from ..model.quantities import show_duration
from .graph import Step

#: The verb of a question about a waiting step.
DRAIN = "drain"
#: The verbs that end a run of a worker.
STOPPING = frozenset(("delete", "stop", "restart"))


class Heard(NamedTuple):
    """What an answer means for a step: it goes on, it has failed, or neither: it stays in the room."""

    goes_on: bool = False
    error: HodeiError | None = None


@dataclass
class _Waiting:
    """One step in the room. Times are monotonic, but for ``began``, which is when the draining began for us, in Unix seconds.

    ``left``: it is not waited for in this run.
    """

    step: Step
    request: DrainRequest
    due: float
    asked: bool = False
    asking: bool = False
    left: bool = False
    began: float = 0.0
    outcome: Outcome | None = None


class WaitingRoom:
    """Holds steps until their workers are idle.

    ``request`` makes the question about a step, ``wait`` false asks each only once; ``clock`` gives Unix seconds.
    """

    def __init__(self, request: Callable[[Step], DrainRequest], *, wait: bool, clock: Callable[[], float]) -> None:
        self._request = request
        self._wait = wait
        self._clock = clock
        self._room: dict[int, _Waiting] = {}

    @property
    def occupied(self) -> int:
        """How many in here are waited for."""
        return sum(not one.left for one in self._room.values())

    def take(self, steps: Iterable[Step], now: float) -> list[Step]:
        """Keep the steps that have to wait; return the others."""
        passing = []
        for step in steps:
            if step.change.when_idle and step.verb in STOPPING:
                self._room[step.number] = _Waiting(step, self._request(step), now)
            else:
                passing.append(step)
        return passing

    def questions(self, now: float) -> list[Step]:
        """Return what is to be asked now: where one step of a provider is due, all that wait for that provider are asked with it."""
        askable = self._askable()
        due = {one.step.provider for one in askable if one.due <= now}
        asked = [one for one in askable if one.step.provider in due]
        for one in asked:
            one.asking = True
        return [one.step._replace(verb=DRAIN) for one in asked]

    def _askable(self) -> list[_Waiting]:
        """A provider is asked about all at once, so not again before it has answered about all."""
        answering = {one.step.provider for one in self._room.values() if one.asking}
        return [one for one in self._room.values() if not one.left and one.step.provider not in answering]

    def next_question(self) -> float:
        """Return when the next question is due; infinity when none is."""
        return min((one.due for one in self._askable()), default=math.inf)

    def requests(self, steps: Iterable[Step]) -> list[DrainRequest]:
        """Return the questions in the provider's words."""
        return [self._room[step.number].request for step in steps]

    def is_first(self, step: Step) -> bool:
        """Tell whether a question is the first about its step: that one may tell the worker, and so is a side effect."""
        return not self._room[step.number].asked

    def asked(self, steps: Iterable[Step]) -> None:
        """Note that the first question about steps is on its way."""
        for step in steps:
            self._room[step.number].asked = True
            self._room[step.number].began = self._clock()

    def hear(self, step: Step, outcome: Outcome, now: float) -> tuple[Step, Heard]:
        """Take an answer; return the step that it is about and what follows. Who goes on or fails has left the room."""
        one = self._room[step.number]
        one.asking, one.outcome = False, outcome
        heard = self._judge(one, outcome)
        if heard.goes_on or heard.error:
            del self._room[step.number]
        elif not self._wait:
            one.left = True
        drain = one.request.target.lifecycle.drain
        one.due = now + (drain.interval if drain else 0.0)
        return one.step, heard

    def _judge(self, one: _Waiting, outcome: Outcome) -> Heard:
        if outcome.activity is Activity.IDLE or (outcome.error and outcome.error.kind is Kind.NOT_FOUND):
            return Heard(goes_on=True)
        if outcome.error is not None and outcome.error.kind is Kind.CONFLICT:
            return Heard(error=outcome.error)
        drain = one.request.target.lifecycle.drain
        lasted = self._clock() - self._since(one)
        if drain is None or lasted < drain.timeout:
            return Heard()
        if drain.on_timeout == "kill":
            return Heard(goes_on=True)
        return Heard(error=_too_long(one.step, drain.timeout, _reason(outcome))) if self._wait else Heard()

    def _since(self, one: _Waiting) -> float:
        seen = one.outcome.observation if one.outcome else None
        return seen.draining.since if seen is not None and seen.draining is not None else one.began

    # ---- at the end of a run -------------------------------------------------------------------------------------

    def left(self) -> list[Step]:
        """Return the steps that this run does not wait for, because their workers work."""
        return [one.step for one in self._room.values() if one.left]

    def is_left(self, step: Step) -> bool:
        """Tell whether a step is one of those."""
        return step.number in self._room and self._room[step.number].left

    def answer(self, steps: Sequence[Step]) -> Outcome | None:
        """Return the last answer about the one of some steps that is in the room."""
        return next((self._room[step.number].outcome for step in steps if step.number in self._room), None)

    def has_begun(self, steps: Iterable[Step]) -> bool:
        """Tell whether this run was the first to ask one of some steps' workers to finish."""
        inside = (self._room[step.number] for step in steps if step.number in self._room)
        return any(one.asked and one.step.change.draining_since is None for one in inside)

    def why(self, step: Step) -> str:
        """Say in words why a step waits, and what becomes of it."""
        one = self._room[step.number]
        verb = one.request.then
        then = f"when it is idle, its provider does the {verb.value}" if verb else "converge again when it is idle"
        return f"{_reason(one.outcome)}; {then}; hodei_drain=false does not wait"


def _reason(outcome: Outcome | None) -> str:
    if outcome is None:
        return "it was not asked yet"
    if outcome.error is not None:
        return f"it cannot be asked: {outcome.error.message}"
    return outcome.reason if outcome.activity is Activity.BUSY else f"whether it works is not known: {outcome.reason}"


def _too_long(step: Step, timeout: float, reason: str) -> HodeiError:
    return HodeiError(
        Kind.TIMEOUT,
        f"it does not become idle within {show_duration(timeout)}: {reason}",
        where=str(step.change.address),
        hint="It is left alone (on_timeout: wait). Converge again later, or stop it in the middle of its work with "
        "hodei_drain=false.",
    )

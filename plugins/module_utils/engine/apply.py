# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a plan's graph: bounded calls per provider, the journal around each, and every result recorded."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..durable.failpoints import hit
from ..model.address import Address
from ..model.change import Action, Change, Plan
from ..model.errors import HodeiError, Kind
from ..model.mounts import called
from ..model.ports import Limits, ObjectProvider, Outcome
from .admission import BOOKKEEPING, Admission, Batch
from .calls import Caller
from .graph import Graph, Step
from .interrupt import Stop
from .journal import Journal
from .outcome import checked
from .provider_fault import provider_fault
from .request import Listener
from .waiting import DRAIN, WaitingRoom

FLUSH_SECONDS = 0.1
POLL_SECONDS = 0.2
_MAKING = (Action.CREATE, Action.REPLACE)


@dataclass(frozen=True)
class Result:
    """What became of one change: ``done``, ``failed``, ``skipped``, ``waiting`` (for a worker to become idle, in a run that does
    not wait for that) or ``unrecorded`` (begun, end not recorded).

    ``begun``: some of it may have happened; so it may for a skipped change, whose second half was not started.
    """

    change: Change
    status: str
    error: HodeiError | None = None
    reason: str = ""
    seconds: float = 0.0
    outcome: Outcome | None = None
    begun: bool = False


@dataclass(frozen=True)
class Bounds:
    """How many calls at once: ``parallel`` over all providers, and each provider's own limits.

    ``interrupt_grace`` is how many seconds an interrupted run waits for what is in flight.
    """

    providers: Mapping[str, Limits]
    parallel: int = 64
    interrupt_grace: float = 10.0


@dataclass
class _Entry:
    """What has happened to one step so far. ``error`` is the provider's; ``recorded`` says that state knows the end, ``refused`` that
    it was not even begun.
    """

    op_id: str
    began: float
    seconds: float = 0.0
    outcome: Outcome | None = None
    error: HodeiError | None = None
    recorded: bool = False
    refused: bool = False


class Applier:
    """Applies one plan. ``journal`` writes state, ``caller`` turns steps into port calls; ``refused`` are addresses of which nothing
    new can be made.
    """

    def __init__(
        self,
        journal: Journal,
        caller: Caller,
        providers: Mapping[str, ObjectProvider],
        bounds: Bounds,
        stop: Stop,
        room: WaitingRoom,
        listener: Listener | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        refused: Mapping[Address, HodeiError] | None = None,
    ) -> None:
        self._journal = journal
        self._caller = caller
        self._providers = providers
        self._grace = bounds.interrupt_grace
        self._stop = stop
        self._room = room
        self._listener = listener
        self._monotonic = monotonic
        self._refused = refused or {}
        self._admission = Admission(bounds.providers, bounds.parallel)
        self._messages: queue.SimpleQueue[tuple[Batch, Outcome | None]] = queue.SimpleQueue()
        self._flying: set[Batch] = set()
        self._unflushed: list[tuple[Step, Outcome]] = []
        self._entries: dict[int, _Entry] = {}
        self._questions: dict[int, str] = {}  # the operations of first questions that have no answer yet
        self._waiting = 0  # so many the listener knows of
        self._patient_until = math.inf
        self.broken: HodeiError | None = None

    def run(self, plan: Plan) -> list[Result]:
        """Apply a plan and say what became of each change, in plan order. Never raises for what a provider or the store does.

        Once somebody asks to stop, or the lease or the store is ``broken``, nothing more begins; what is in flight
        is waited for and recorded as far as that goes.
        """
        graph = Graph(plan.changes)
        if self._listener:
            self._listener.planned(len(graph.steps))
        self._let_in(graph)
        while self._begin() or self._flying or (self._room.occupied and not self._closing()):
            self._collect()
            self._flush(graph)
        return self._results(graph, plan)

    # ---- starting ----------------------------------------------------------------------------------------------

    def _let_in(self, graph: Graph) -> None:
        """Queue what has become possible; what stops a worker that may be at work waits in the room first."""
        self._admission.add(self._room.take(self._possible(graph.ready()), self._monotonic()))
        if self._listener and self._waiting != self._room.occupied:
            self._waiting = self._room.occupied
            self._listener.waiting(self._waiting)

    def _possible(self, steps: Sequence[Step]) -> list[Step]:
        """Leave out the steps of what cannot be made anew, so that what is there goes on."""
        possible = []
        for step in steps:
            error = self._refused.get(step.change.address) if step.change.action in _MAKING else None
            if error is None:
                possible.append(step)
            else:
                self._give_up(step, error, refused=True)
        return possible

    def _give_up(self, step: Step, error: HodeiError, *, refused: bool = False) -> None:
        self._entries[step.number] = _Entry("", self._monotonic(), error=error, recorded=True, refused=refused)
        if self._listener:
            self._listener.ended(step.change, error, 0.0)

    def _begin(self) -> bool:
        """Begin what is possible: one transaction for all of it, then the calls."""
        if self._closing():
            return False
        self._admission.add(self._room.questions(self._monotonic()))
        batches = self._admission.admit()
        if not batches:
            return False
        everything = [step for batch in batches for step in batch.steps.values()]
        steps = [step for step in everything if step.verb != DRAIN or self._room.is_first(step)]
        try:
            op_ids = self._journal.begin(steps) if steps else {}
        except HodeiError as error:
            self.broken = error
            return False
        now = self._monotonic()
        self._room.asked(step for step in steps if step.verb == DRAIN)
        for step in steps:
            if step.verb == DRAIN:
                self._questions[step.number] = op_ids[step.number]
                continue
            self._entries[step.number] = _Entry(op_ids[step.number], now)
            if self._listener:
                self._listener.began(step.change)
        for batch in batches:
            if batch.verb in BOOKKEEPING:
                self._unflushed += [(step, self._caller.bookkeeping(step)) for step in batch.steps.values()]
            else:
                self._flying.add(batch)
                name = f"{batch.provider}-{batch.verb}"
                threading.Thread(target=self._call, args=(batch,), name=name, daemon=True).start()
        return True

    def _closing(self) -> bool:
        """Tell whether nothing may begin any more; a closing run waits for what is in flight, but not for ever."""
        if not self._stop.is_set() and self.broken is None:
            return False
        self._patient_until = min(self._patient_until, self._monotonic() + self._grace)
        return True

    # ---- in the calls' own threads -----------------------------------------------------------------------------

    def _call(self, batch: Batch) -> None:
        """Make one port call; every step of it gets exactly one outcome, the first that the provider gives."""
        missing = dict(batch.steps)
        try:
            for outcome in self._outcomes(batch):
                if missing.pop((outcome.address, outcome.generation), None) is not None:
                    self._messages.put((batch, outcome))
            problem = HodeiError(
                Kind.PROVIDER_SPECIFIC,
                f"{called(batch.provider)} said nothing about it",
                hint="This is a fault of the provider; the next converge looks again.",
            )
        except HodeiError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - a fault of a provider must not lose the outcomes of the others
            problem = provider_fault(batch.provider, batch.verb, error)
        for address, generation in missing:
            self._messages.put((batch, Outcome(address, generation, error=problem)))
        self._messages.put((batch, None))

    def _outcomes(self, batch: Batch) -> Iterable[Outcome]:
        steps = list(batch.steps.values())
        if batch.verb == DRAIN:
            hit("drain.before")
            return self._caller.drain(self._providers[batch.provider], self._room.requests(steps))
        ids = [self._entries[step.number].op_id for step in steps]
        hit("call.before")
        return self._caller.call(self._providers[batch.provider], batch.verb, steps, ids)

    # ---- recording ---------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Gather outcomes, until a call has ended or the first of them has waited long enough to be recorded."""
        due = self._monotonic() + (0.0 if self._unflushed else POLL_SECONDS)
        if self._room.occupied:
            due = min(due, self._room.next_question())
        while self._flying or self._room.occupied:
            try:
                batch, outcome = self._messages.get(timeout=max(0.0, due - self._monotonic()))
            except queue.Empty:
                break
            if outcome is None:
                self._flying.discard(batch)
                self._admission.release(batch)
                due = 0.0  # there is room for another call: take what has come in already, but wait for no more
            else:
                due = min(due, self._monotonic() + FLUSH_SECONDS)
                self._unflushed.append((batch.steps[outcome.address, outcome.generation], outcome))
        if self._closing() and (self._stop.hard or self._monotonic() > self._patient_until):
            self._flying.clear()

    def _flush(self, graph: Graph) -> None:
        """Record what has come in, in one transaction, and let go on what waited for it."""
        arrived, self._unflushed = self._unflushed, []
        if not arrived:
            return
        answers = [(step, outcome) for step, outcome in arrived if step.verb == DRAIN]
        ended = [(step, outcome) for step, outcome in arrived if step.verb != DRAIN]
        first = [
            (step, self._questions.pop(step.number), outcome)
            for step, outcome in answers
            if step.number in self._questions
        ]
        done = [(step, self._entries[step.number].op_id, outcome) for step, outcome in ended]
        recorded = self._record([*first, *done]) if first or done else True
        now = self._monotonic()
        for step, outcome in answers:
            self._hear(step, outcome, now)
        for step, outcome in ended:
            entry = self._entries[step.number]
            entry.seconds = now - entry.began
            entry.outcome, entry.error, entry.recorded = outcome, checked(step, outcome), recorded
            if recorded and entry.error is None:
                graph.done(step)
            if self._listener:
                self._listener.ended(step.change, entry.error or (None if recorded else self.broken), entry.seconds)
        self._let_in(graph)

    def _hear(self, step: Step, outcome: Outcome, now: float) -> None:
        """Let a step go on whose worker is idle, or end it where it can go on no more."""
        waiting, heard = self._room.hear(step, outcome, now)
        if heard.goes_on:
            self._admission.add([waiting])
        elif heard.error is not None:
            self._give_up(step, heard.error)

    def _record(self, results: list[tuple[Step, str, Outcome]]) -> bool:
        try:
            self._journal.end(results)
        except HodeiError as error:
            self.broken = self.broken or error
            return False
        return True

    # ---- telling -----------------------------------------------------------------------------------------------

    def _results(self, graph: Graph, plan: Plan) -> list[Result]:
        steps: dict[object, list[Step]] = {change.key: [] for change in plan.pending}
        for step in graph.steps:
            steps[step.change.key].append(step)
        failed = [step for step in graph.steps if (entry := self._entries.get(step.number)) and entry.error]
        blamed = graph.held_back([*self._room.left(), *failed])
        return [self._result(change, steps[change.key], blamed) for change in plan.pending]

    def _result(self, change: Change, steps: list[Step], blamed: Mapping[int, Step]) -> Result:
        entries = [self._entries[step.number] for step in steps if step.number in self._entries]
        status, error, reason = self._status(steps, entries, blamed)
        outcomes = [entry.outcome for entry in entries if entry.outcome is not None]
        if status == "waiting":
            outcomes = [answer] if (answer := self._room.answer(steps)) else []
        telling = [one for one in outcomes if one.observation is not None] or outcomes
        return Result(
            change=change,
            status=status,
            error=error,
            reason=reason,
            seconds=sum(entry.seconds for entry in entries),
            outcome=telling[-1] if telling else None,
            begun=any(not entry.refused for entry in entries) or self._room.has_begun(steps),
        )

    def _status(
        self, steps: list[Step], entries: list[_Entry], blamed: Mapping[int, Step]
    ) -> tuple[str, HodeiError | None, str]:
        """Return a change's status, its error, and the reason in words."""
        why = self.broken.message if self.broken else self._stop.reason
        if any(not entry.recorded for entry in entries):
            return "unrecorded", self.broken, f"it was in flight: {why}; the next converge settles it"
        for entry in entries:
            if entry.error is not None:
                return "failed", entry.error, str(entry.error)
        if len(entries) == len(steps):
            return "done", None, ""
        waiting = next((step for step in steps if self._room.is_left(step)), None)
        if waiting is not None:
            return "waiting", None, self._room.why(waiting)
        culprit = blamed.get(steps[len(entries)].number)
        if culprit is not None and self._room.is_left(culprit):
            return "waiting", None, f"{culprit.change.address} has to go first, and it is at work"
        if culprit is not None:
            return "skipped", None, f"{culprit.change.address} failed first"
        half = "its first half is done, the rest was not started" if entries else "not started"
        return "skipped", self.broken, f"{half}: {why}"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing what containers need that no Engine does: once at each run, or as long as somebody needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...model.errors import HodeiError
from ...model.ports import Activity, Target, Verb
from ...model.states import WorkerState
from ...model.worker import Lifecycle
from . import draining
from .care import Duty, Need, duty, failures, given_up
from .changes import Changes
from .ledger import changed
from .records import TTL, Record, short
from .seeing import is_ending, worker_state
from .survey import Row, Survey

if TYPE_CHECKING:
    from .containers import Containers
    from .draining import Drainer
    from .engine import Engine

_AT_ONCE = 32
#: What nobody tells is seen after so many seconds; what failed is tried again after so many.
_RESYNC, _AGAIN = 60.0, 2.0


class Keeper:
    """Looks after the containers of one provider."""

    def __init__(self, engine: Engine, survey: Survey, containers: Containers, drainer: Drainer) -> None:
        self._engine = engine
        self._survey = survey
        self._containers = containers
        self._drainer = drainer

    def sweep(self) -> list[str]:
        """Do what is due now, and say what could not be done. Raises HodeiError."""
        needy = [row for row in self._survey.rows() if row.record.cared_for]
        if not needy:
            return []
        with ThreadPoolExecutor(min(_AT_ONCE, len(needy))) as pool:
            return [text for text in pool.map(self._look_and_do, needy) if text]

    def is_needed(self) -> bool:
        """Tell whether a container needs somebody now or later. Raises HodeiError."""
        found = [self._survey.find(row.container) for row in self._survey.rows() if row.record.cared_for]
        now = self._engine.now()
        return any(duty(pair[1], pair[0].record, now) is not None for pair in found if pair is not None)

    def _look_and_do(self, row: Row) -> str:
        try:
            found = self._survey.find(row.container)
            now = self._engine.now()
            next_ = duty(found[1], found[0].record, now) if found is not None else None
            if next_ is not None and next_.due <= now:
                self.do(row.container, next_.need)
        except HodeiError as error:
            return f"{row.record.address}: what is due could not be done, the next run tries again: {error}"
        return ""

    def do(self, container: str, need: Need) -> None:
        """Do what a container needs, unless it does not need it any more. Raises HodeiError."""
        found = self._survey.find(container)
        if found is None:
            return
        row, seen = found
        if need is Need.SETTLE:
            self._settle(row)
        elif need is Need.EXPIRE:
            self._expire(row)
        elif need is Need.PROLONG:
            self._containers.note(row, draining.taken_back)
        elif need is Need.END:
            if is_ending(seen, row.record):
                self._containers.end(row, row.record.grace)
        elif need is Need.HEAL:
            self._heal(row, seen)

    def _heal(self, row: Row, seen: Mapping[str, Any]) -> None:
        """Start an unhealthy container over, or give it up where its document limits that."""
        state, reason = worker_state(seen, row.record)
        if state is not WorkerState.DEGRADED or not row.record.heals:
            return
        now = self._engine.now()
        if given_up(seen, row.record, now):
            times = f"{row.record.failures} restart{'s' if row.record.failures > 1 else ''}"
            self._end(row, "failed", f"unhealthy: {reason}; given up after {times}")
            return
        failed, restarts = failures(seen, row.record, now) + 1, row.record.restarts + seen["RestartCount"] + 1
        row = self._claim(row, failures=failed, restarts=restarts)
        self._containers.start_over(row, row.record.grace)

    def _expire(self, row: Row) -> None:
        """End a container whose time is over; one that drains is to finish its work first."""
        if row.record.drain is None:
            self._end_of_life(row)
        elif not row.record.draining.then:
            now = self._engine.now()
            self._containers.note(row, lambda record: draining.left(draining.begun(record, now), TTL))

    def _end_of_life(self, row: Row) -> None:
        self._end(row, "stopped", f"its time to live of {row.record.ttl or 0.0:g} s is over")

    def _end(self, row: Row, state: str, reason: str) -> None:
        """Stop a container and say why; whoever is killed in between leaves that it is to be stopped."""
        row = self._claim(row, ended=[state, reason, self._engine.now()])
        self._containers.end(row, row.record.grace)

    def _claim(self, row: Row, **fields: Any) -> Row:
        """Write what we are about to do, unless somebody else has done something: another machine may have a reaper too."""

        def change(record: Record) -> Record:
            if record != row.record:
                raise changed(row)
            return replace(record, **fields)

        return self._containers.ledger.write(row, change)

    def _settle(self, row: Row) -> None:
        """Do what was left with us, once it is idle or has had its time."""
        row, answer = self._drainer.attempt(row)
        then = row.record.draining.then
        if not then or (answer.activity is not Activity.IDLE and not draining.is_over(row.record, self._engine.now())):
            return
        if then == TTL:
            self._end_of_life(row)
            return
        target = Target(*row.key, etag=row.etag, lifecycle=Lifecycle(grace=row.record.grace))
        self._containers.act(Verb(then), target, {row.key: row})

    # ---- as long as somebody needs it ----------------------------------------------------------------------------

    def keep(self, changes: Changes, linger: float) -> bool:
        """Look after them until nobody has needed that for ``linger`` seconds; False when the Engine hangs up. Raises HodeiError."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return _Watch(self, self._engine, self._survey, changes, pool.submit).run(linger)


class _Watch:
    """Who needs what next, and who is being helped."""

    def __init__(
        self,
        keeper: Keeper,
        engine: Engine,
        survey: Survey,
        changes: Changes,
        submit: Callable[..., Future[None]],
    ) -> None:
        self._keeper = keeper
        self._engine = engine
        self._survey = survey
        self._changes = changes
        self._submit = submit
        self._duties: dict[str, Duty] = {}
        self._asked: dict[str, float] = {}
        self._again: dict[str, float] = {}
        self._busy: set[str] = set()

    def run(self, linger: float) -> bool:
        """Look after them; see ``Keeper.keep``."""
        resync = 0.0
        alone: float | None = None
        while not self._changes.cut:
            now = self._engine.now()
            if now >= resync:
                resync = now + _RESYNC
                self._look(self._survey.rows())
            for name in [name for name, one in self._duties.items() if one.due <= now]:
                self._begin(name, self._duties.pop(name).need, now)
            if self._duties or self._busy:
                alone = None
            else:
                alone = now if alone is None else alone
                if now - alone >= linger:
                    return True
            soonest = min((one.due for one in self._duties.values()), default=resync)
            until = min(soonest, resync if alone is None else min(resync, alone + linger))
            touched = self._changes.take(max(0.0, until - self._engine.now()))
            if touched:
                found = {name: self._survey.find(name) for name in touched}
                for name, pair in found.items():
                    self._judge(name, pair)
        return False

    def _look(self, rows: Iterable[Row]) -> None:
        self._duties.clear()
        for row in rows:
            if row.record.cared_for:
                self._judge(short(row.container), self._survey.find(row.container))

    def _judge(self, name: str, found: tuple[Row, Mapping[str, Any]] | None) -> None:
        """Set down what somebody needs next. Who is being helped is judged after that."""
        self._duties.pop(name, None)
        if found is None or name in self._busy:
            return
        next_ = duty(found[1], found[0].record, self._engine.now(), self._asked.get(name, 0.0))
        if next_ is not None:
            self._duties[name] = next_._replace(due=max(next_.due, self._again.pop(name, 0.0)))

    def _begin(self, name: str, need: Need, now: float) -> None:
        self._busy.add(name)
        if need is Need.SETTLE:
            self._asked[name] = now
        self._submit(self._do, name, need)

    def _do(self, name: str, need: Need) -> None:
        try:
            self._keeper.do(name, need)
        except HodeiError as error:
            sys.stderr.write(f"{name}: {need.value}: {error}\n")
            self._again[name] = self._engine.now() + _AGAIN
        finally:
            self._busy.discard(name)
            self._changes.note(name)  # so that it is looked at again

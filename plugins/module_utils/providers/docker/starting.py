# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting one container, and waiting until it is well, has ended or its time is over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...model.address import Address
from ...model.errors import HodeiError, Kind
from ...model.ports import CreateRequest, Outcome, Target
from ...model.states import WorkerState
from .delivery import Delivery
from .engine import Engine
from .ledger import Ledger
from .mapping import last_words, without_values
from .publishing import taken_port
from .records import Record
from .sdk import engine_error, told
from .seeing import env_of, seconds, worker_state
from .survey import Row, Survey

_FIRST_POLL, _LONGEST_POLL = 0.02, 0.25
#: What a start may take beside the rounds of its health check, and with them.
_BEYOND, _LONGEST_START = 10.0, 900.0
_LAST_WORDS = 600
#: What an Engine says of a container that goes, which it shows still.
_GOING = re.compile(r"No such container|marked for removal|is dead")
_NANO = 1_000_000_000
#: What an Engine takes where a health check does not say how often it is run, or how long it may take.
_UNSAID = 30 * _NANO


class Starter:
    """Starts the containers of one provider; ``settle`` is how long one without a health check has to live."""

    def __init__(self, engine: Engine, survey: Survey, delivery: Delivery, ledger: Ledger, settle: float) -> None:
        self._engine = engine
        self._survey = survey
        self._delivery = delivery
        self._ledger = ledger
        self._settle = settle

    def start(self, item: CreateRequest | Target, row: Row, begin: Callable[[], object]) -> Outcome:
        """``begin`` a run of a container, and wait until it is well, has ended or its time is over."""
        try:
            begin()
        except HodeiError as error:
            return self._refused(item, row, error)
        row = self.cleared(row)
        asked, pause = time.monotonic(), _FIRST_POLL
        while True:
            seen = self._survey.inspect(row.container)
            if seen is None:
                raise missing(item.address)
            waited = time.monotonic() - asked
            if self._final(seen, row.record, waited):
                break
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)
        began = seconds(seen["State"]["StartedAt"])
        if row.record.ttl is not None and row.record.began is None and began is not None:
            row = self._ledger.write(row, lambda record: replace(record, began=began))
        problem = self._problem(seen, row, str(item.address))
        return Outcome(item.address, item.generation, self._survey.shown(row, seen), problem)

    def cleared(self, row: Row) -> Row:
        """Remove the files that left the document while it did not run; what cannot be removed is seen as drift."""
        if not row.record.gone or self._delivery.remove(row, row.record.gone) is not None:
            return row
        return self._ledger.put(row, replace(row.record, gone=[]))

    def _refused(self, item: CreateRequest | Target, row: Row, error: HodeiError) -> Outcome:
        """Say why an Engine does not start a container."""
        seen = self._survey.inspect(row.container)
        if seen is None or _GOING.search(error.message):
            raise missing(item.address) from error
        said = taken_port(self._engine, row.container, error)
        text = without_values(said.message, env_of(seen)) if said is error else said.message
        problem = HodeiError(said.kind, text, hint=said.hint, where=str(item.address))
        return Outcome(item.address, item.generation, self._survey.shown(row, seen), problem)

    def _final(self, container: Mapping[str, Any], record: Record, waited: float) -> bool:
        state, _unused = worker_state(container, record)
        if state is WorkerState.RUNNING and not container["Config"].get("Healthcheck"):
            return waited >= self._settle
        return state not in (WorkerState.STARTING, WorkerState.CREATING) or waited >= patience(container)

    def _problem(self, container: Mapping[str, Any], row: Row, where: str) -> HodeiError | None:
        state, reason = worker_state(container, row.record)
        if state in (WorkerState.RUNNING, WorkerState.COMPLETED, WorkerState.PAUSED):
            return None
        if state is WorkerState.RECOVERING and container["State"]["ExitCode"] == 0:
            return None  # its policy is to start again after a good end
        if state in (WorkerState.DEGRADED, WorkerState.STARTING):
            text = f"it did not get well: {reason or 'it is still starting'}"
            return HodeiError(Kind.TIMEOUT, text, hint="See its log.", where=where, retryable=False)
        if container["State"].get("Error"):
            return engine_error(500, reason, where)
        words = self._last_words(row, env_of(container))
        text = f"{reason}; its last output: {words}" if words else reason
        return HodeiError(Kind.PROVIDER_SPECIFIC, text, hint="Correct the command.", where=where)

    def _last_words(self, row: Row, env: Sequence[str]) -> str:
        with told():
            said: bytes = self._engine.api.logs(row.container, tail=20)
        return last_words(said.decode(errors="replace"), env, _LAST_WORDS)


def patience(container: Mapping[str, Any]) -> float:
    """Return the seconds after which a start that is still not healthy counts as failed; what its check, of ours or of the image,
    does not say is the Engine's own choice.
    """
    check = container["Config"].get("Healthcheck")
    if not check:
        return _BEYOND
    rounds = (check.get("Retries") or 3) + 1
    each = (check.get("Interval") or _UNSAID) + (check.get("Timeout") or _UNSAID)
    return min(_LONGEST_START, ((check.get("StartPeriod") or 0) + rounds * each) / _NANO + _BEYOND)


def missing(address: Address) -> HodeiError:
    """Say that what is asked for is not there."""
    return HodeiError(Kind.NOT_FOUND, "there is no such container", hint="Run converge.", where=str(address))

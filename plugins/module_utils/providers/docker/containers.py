# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing one container: make, update, and each verb."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...model.address import Address
from ...model.errors import HodeiError, Kind
from ...model.ports import CreateRequest, Observation, Outcome, Target, Verb
from . import draining, records
from .delivery import Delivery
from .engine import Engine, segment
from .furnishing import Furnisher
from .ledger import Ledger, changed
from .limits import drift, limits, needs_cores, settable
from .mapping import Settings, create_body, needs_home, object_name
from .networks import Networks
from .packing import ROOT
from .profiles import seccomp_profile
from .records import Record
from .reloading import reload
from .sdk import told
from .secret_delivery import Secrets
from .secret_layout import in_files
from .seeing import NO_RESTART, expected, moved_elsewhere
from .starting import Starter, missing
from .survey import RELEASED, Row, Survey

_FIRST_POLL, _LONGEST_POLL = 0.02, 0.25
_RESERVED = 10.0
_INTENTS = {Verb.STOP: "stopped", Verb.PAUSE: "paused"}
#: What an Engine may take to remove a container beyond its grace.
_KILL = 60.0


class Containers:
    """The containers of one provider; ``settle`` is how long one without a health check has to live."""

    def __init__(
        self,
        engine: Engine,
        survey: Survey,
        networks: Networks,
        secrets: Secrets,
        settings: Settings,
        host_env: Mapping[str, str],
        settle: float,
    ) -> None:
        self._engine = engine
        self._survey = survey
        self._networks = networks
        self._secrets = secrets
        self._settings = settings
        self._host_env = host_env
        self._settle = settle
        self._delivery = Delivery(engine)
        self._furnisher = Furnisher(self._delivery, secrets)
        self.ledger = Ledger(engine, survey)
        self._starter = Starter(engine, survey, self._delivery, self.ledger, settle)

    # ---- make ----------------------------------------------------------------------------------------------------

    def create(self, request: CreateRequest, known: Mapping[tuple[Address, int], Row]) -> Outcome:
        """Make a container, or find the one that was made before, and see that it gets well."""
        row = known.get((request.address, request.generation)) or self._make(request)
        until = time.monotonic() + _RESERVED
        while True:
            try:
                return self._begin(request, self._furnished(request, row))
            except HodeiError as error:
                if error.kind is not Kind.NOT_FOUND or time.monotonic() > until:
                    raise
            # An Engine takes back what it has not finished when whoever asked for it hangs up, and shows it until that is done.
            if self._survey.inspect(row.container) is None:
                row = self._make(request)
            else:
                time.sleep(_FIRST_POLL)

    def _begin(self, request: CreateRequest, row: Row) -> Outcome:
        self._refuse_another(row, request)
        if row.record.intent == "stopped":
            return self._outcome(request, row)
        outcome = self._start(request, row)
        if outcome.error is None and row.record.intent == "paused":
            self._pause(row)
            return self._outcome(request, row)
        return outcome

    def _make(self, request: CreateRequest) -> Row:
        name = object_name(self._settings.owner, request.address.slug, request.generation)
        image = str(request.spec["image"])
        home = self._delivery.home(image) if needs_home(request.spec) else ROOT
        body = create_body(request, self._settings, self._host_env, home, seccomp_profile(request.spec))
        self._delivery.note_volumes(request.spec)
        self._delivery.refuse_missing(request.spec, image, self._settings.owner)
        there = self._networks.join(body, request)
        container = self._create_once(body, name, request)
        if isinstance(container, Row):
            return container
        self._delivery.note_made(container)
        for network in there.names[1:]:
            self._networks.connect(container, network)
        record = records.read(body["Labels"][records.RECORD])
        if record is None:
            raise HodeiError(Kind.INTERNAL, "a record cannot be read back")
        return Row(container, name, record, 0)

    def _create_once(self, body: dict[str, Any], name: str, request: CreateRequest) -> str | Row:
        """Create a container, or return our own that has its name."""
        source = self._secrets.new() if in_files(request.secrets) else ""
        if source:
            body["HostConfig"]["Mounts"].append(self._secrets.mount(source))
        try:
            try:
                return self._create(body, name)
            except HodeiError as error:
                if error.kind is not Kind.CONFLICT:
                    raise
                row = self._who_has(name, error)
                if row.record.address != request.address and self._makes_way(row, name):
                    return self._create(body, name)
        except HodeiError:
            self._secrets.remove(source)
            raise
        self._secrets.remove(source)
        return row

    def _furnished(self, request: CreateRequest, row: Row) -> Row:
        """Give a container that never ran what it needs before its start; one that another run began to make, too."""
        unsure = self._delivery.is_of_another_run(row.container)
        wanted = self._furnisher.wanted(request)
        if not (unsure or wanted):
            return row
        seen = self._survey.inspect(row.container)
        if seen is None or seen["State"]["Status"] != "created" or row.record.digest != request.digest:
            return row
        if unsure and moved_elsewhere(seen):
            self._networks.put_right(seen, request)
        if not wanted:
            return row
        try:
            record = self._furnisher.furnish(row, request, seen)
        except HodeiError as error:
            if error.kind in (Kind.CONFIGURATION, Kind.CONFLICT, Kind.VALIDATION):  # it would be the same the next time
                with told():
                    self._engine.api.remove_container(row.container, v=True, force=True)
                self._secrets.remove(self._secrets.source_of(seen))
            raise
        return self.ledger.put(row, record)

    def _create(self, body: dict[str, Any], name: str) -> str:
        return str(self._engine.post(f"/containers/create?name={segment(name)}", body)["Id"])

    def _who_has(self, name: str, error: HodeiError) -> Row:
        """Return our own container of a name; raises ``error`` when it is not ours."""
        until = time.monotonic() + _RESERVED
        while True:
            there = self._survey.inspect(name) is not None  # before the list, which has it then if it is ours
            row = next((one for one in self._survey.rows() if one.name == name), None)
            if row is not None:
                return row
            if there or time.monotonic() > until:
                raise HodeiError(
                    Kind.CONFLICT,
                    f"a container that is not ours has the name {name}",
                    hint="Rename or remove it, or choose another name for the worker.",
                ) from error
            time.sleep(_FIRST_POLL)  # a name is taken a moment before its container can be seen

    def _makes_way(self, row: Row, name: str) -> bool:
        """Give a container its own name where a call that renames was cut; it may be deleted at this moment, since nobody wants it."""
        try:
            return self._named(row).name != name
        except HodeiError as error:
            if error.kind is Kind.NOT_FOUND:
                return True
            raise

    def _refuse_another(self, row: Row, request: CreateRequest) -> None:
        record = row.record
        if record.address != request.address:
            raise HodeiError(
                Kind.CONFLICT, f"container {row.name} is {record.address} by now", hint="Run converge again."
            )
        if record.lineage != request.labels.lineage:
            raise _foreign(row)
        if record.digest != request.digest:
            raise HodeiError(
                Kind.CONFLICT,
                f"there is another container {row.name}",
                hint="Run converge again: it looks before it plans.",
            )

    # ---- update --------------------------------------------------------------------------------------------------

    def update(self, request: CreateRequest, known: Mapping[tuple[Address, int], Row]) -> Outcome:
        """Write a record, and change what an Engine can change while a container lives."""
        done = known.get((request.address, request.generation))
        origin = known.get((request.moved_from, request.generation)) if request.moved_from is not None else None
        if request.moved_from is not None:
            if origin is None and done is not None:
                return self._outcome(request, self._named(done))
            if done is not None:
                raise HodeiError(
                    Kind.CONFLICT, f"there is a container of {request.address} already", hint="Look at both."
                )
        row = origin or done
        if row is None:
            raise missing(request.address)
        self._refuse_older(row, request.etag)
        if row.record.lineage not in (request.labels.lineage, request.adopt_from):
            raise _foreign(row)
        if request.adopt_from or request.moved_from:
            return self._outcome(request, self._named(self.ledger.put(row, records.updated(row.record, request))))
        seen = self._survey.inspect(row.container)
        if seen is None:
            raise missing(request.address)
        fresh, problem = self._furnisher.change(row, records.updated(row.record, request), request, seen)
        host, cores = seen["HostConfig"], self._cores if needs_cores(request.spec, seen["HostConfig"]) else 0
        fresh = replace(fresh, wanted=settable(limits(request.spec), host, cores))
        row = self._named(self.ledger.put(row, fresh))
        if moved_elsewhere(seen):
            self._networks.put_right(seen, request)
        if drift(host, expected(row.record)):
            self._set(row, expected(row.record))
        outcome = self._told(request, row, seen["State"]["Status"])
        if problem is None or outcome.error is not None:
            return outcome
        where = str(request.address)
        return replace(outcome, error=HodeiError(problem.kind, problem.message, hint=problem.hint, where=where))

    @cached_property
    def _cores(self) -> int:
        return int(self._engine.get("/info")["NCPU"])

    def _set(self, row: Row, wanted: Mapping[str, Any]) -> None:
        """Change what an Engine can change; of what it is not told it keeps the old value."""
        body = {name: value for name, value in wanted.items() if value}
        api = self._engine.api
        with told():
            api._result(api._post_json(api._url("/containers/{0}/update", row.container), data=body), json=True)

    def _told(self, item: CreateRequest | Target, row: Row, status: str) -> Outcome:
        """Have a worker that runs be told of changed files, as its document says."""
        if status != "running" or not row.record.stale:
            return self._outcome(item, row)
        try:
            if reload(self._engine, self._survey, row, self._settle):
                row = self.ledger.put(row, replace(row.record, stale=""))
        except HodeiError as error:
            problem = HodeiError(error.kind, error.message, hint=error.hint, where=str(item.address))
            return Outcome(item.address, item.generation, self._seen(row), problem)
        return self._outcome(item, row)

    def _named(self, row: Row) -> Row:
        """Give a container the name of its address, which a call that was cut may not have done."""
        name = object_name(self._settings.owner, row.record.address.slug, row.record.generation)
        if name == row.name:
            return row
        with told():
            self._engine.api.rename(row.container, name)
        return row._replace(name=name)

    # ---- verbs ---------------------------------------------------------------------------------------------------

    def act(self, verb: Verb, target: Target, known: Mapping[tuple[Address, int], Row]) -> Outcome:
        """Do a verb to one container."""
        row = known.get((target.address, target.generation))
        if row is None:
            if verb in (Verb.STOP, Verb.DELETE, Verb.RELEASE):
                return Outcome(target.address, target.generation)
            raise missing(target.address)
        self._refuse_older(row, target.etag)
        grace = target.lifecycle.grace
        if verb is Verb.DELETE:
            self._delete(row, grace)
            return Outcome(target.address, target.generation)
        if verb is Verb.RELEASE:
            self._release(row)
            return Outcome(target.address, target.generation)
        status = self._status(row)
        if verb in (Verb.PAUSE, Verb.RESUME) and status not in ("running", "paused"):
            raise HodeiError(
                Kind.CONFLICT, f"container {row.name} does not run: it is {status}", hint="Start it first."
            )
        ran = status in ("running", "paused", "restarting")
        row = self.note(row, lambda record: _asked(record, verb, ran=ran))
        if verb is Verb.PAUSE:
            self._pause(row)
            return self._outcome(target, row)
        if status == "paused":
            with told():
                self._engine.api.unpause(row.container)
        if verb is Verb.STOP:
            self._stop(row, grace)
            return self._outcome(target, row)
        if verb is Verb.RESUME:
            return self._told(target, self._starter.cleared(row), "running")
        if verb is Verb.RESTART:
            return self._starter.start(target, row, lambda: self.start_over(row, grace))
        return self._start(target, row)

    def _start(self, item: CreateRequest | Target, row: Row) -> Outcome:
        return self._starter.start(item, row, lambda: self._engine.post(f"/containers/{row.container}/start"))

    def note(self, row: Row, change: Callable[[Record], Record]) -> Row:
        """Write a record, and have the Engine start the container again after its end, or not, as that says."""
        fresh = self.ledger.write(row, change)
        if fresh.record.final != row.record.final:
            self.restarts(fresh, not fresh.record.final)
        return fresh

    def restarts(self, row: Row, wanted: bool) -> None:
        """Have the Engine start a container again as its document says, or never."""
        policy = row.record.wanted.get("RestartPolicy", NO_RESTART) if wanted else NO_RESTART
        with told():
            self._engine.api.update_container(row.container, restart_policy=policy)

    def _status(self, row: Row) -> str:
        seen = self._survey.inspect(row.container)
        return str(seen["State"]["Status"]) if seen is not None else "gone"

    def _pause(self, row: Row) -> None:
        if self._status(row) != "paused":
            with told():
                self._engine.api.pause(row.container)

    def _stop(self, row: Row, grace: float) -> None:
        """Ask it to end, then kill it: never before its grace is over, which the Engine counts in whole seconds."""
        with told():
            self._engine.api.stop(row.container, timeout=math.ceil(grace))

    def end(self, row: Row, grace: float) -> None:
        """Stop a container that may be paused."""
        if self._status(row) == "paused":
            with told():
                self._engine.api.unpause(row.container)
        self._stop(row, grace)

    def start_over(self, row: Row, grace: float) -> None:
        """Stop a container and start it again, in one call: whoever dies in between leaves it running."""
        with told():
            self._engine.api.restart(row.container, timeout=math.ceil(grace))

    def _delete(self, row: Row, grace: float) -> None:
        seen = self._survey.inspect(row.container)
        status = seen["State"]["Status"] if seen is not None else "gone"
        if status == "paused":
            with told():
                self._engine.api.unpause(row.container)
        if status in ("running", "paused", "restarting"):
            try:
                self.ledger.write(row, lambda record: replace(record, intent="stopped"))
            except HodeiError as error:
                if error.kind is not Kind.RESOURCE_EXHAUSTED:  # a full disk must not keep us from making room
                    raise
            self._stop(row, grace)
        deadline = time.monotonic() + _KILL
        while self._status(row) != "gone":
            try:
                with told(row.name):
                    self._engine.api.remove_container(row.container, v=True, force=True)
            except HodeiError as error:
                if error.kind not in (Kind.NOT_FOUND, Kind.CONFLICT) or time.monotonic() > deadline:
                    raise
                time.sleep(_LONGEST_POLL)  # it is being removed
        self.ledger.forget(row.container)
        self._secrets.remove(self._secrets.source_of(seen) if seen is not None else "")

    def _release(self, row: Row) -> None:
        """A container without a name of ours belongs to nobody, whatever its labels say, and keeps no secret but its variables."""
        seen = self._survey.inspect(row.container)
        if seen is not None:
            self._secrets.empty(seen)
        with told():
            self._engine.api.update_container(row.container, restart_policy={"Name": "no"})
            self._engine.api.rename(row.container, f"{RELEASED}{row.name}.{row.container[:12]}")

    # ---- answers -------------------------------------------------------------------------------------------------

    def _refuse_older(self, row: Row, etag: str) -> None:
        if etag and etag != row.etag:
            raise changed(row)

    def _seen(self, row: Row) -> Observation | None:
        return self._survey.see(row)

    def _outcome(self, item: CreateRequest | Target, row: Row) -> Outcome:
        return Outcome(item.address, item.generation, self._seen(row))


def _asked(record: Record, verb: Verb, *, ran: bool) -> Record:
    """Return a record as a verb leaves it; a new run neither drains nor has a past."""
    fresh = replace(record, intent=_INTENTS.get(verb, "started"))
    if verb is Verb.STOP or verb is Verb.RESTART or (verb is Verb.START and not ran):
        return fresh.fresh()
    return draining.taken_back(fresh) if verb is Verb.RESUME else fresh


def _foreign(row: Row) -> HodeiError:
    return HodeiError(
        Kind.CONFLICT,
        f"container {row.name} belongs to lineage {row.record.lineage}",
        hint="Adopt that lineage by fleet_refresh, or remove it.",
    )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker provider: workers as containers of an Engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ...model.address import Address
from ...model.errors import HodeiError, Kind, Problem
from ...model.finding import Finding
from ...model.ports import (
    Capacity,
    CreateRequest,
    DrainRequest,
    ExecRequest,
    ExecResult,
    Fingerprint,
    Image,
    Limits,
    Listing,
    LogRequest,
    LogResult,
    News,
    Outcome,
    Target,
    Verb,
    Volume,
)
from ...model.records import Event
from ...model.worker import Instance, Spec
from .completion import note_done
from .endpoint import resolve
from .engine import Engine
from .fields import column
from .images import Images
from .mapping import Settings
from .networks import Networks
from .records import heals
from .sdk import SilenceError
from .secret_delivery import Secrets
from .survey import Row, Survey
from .sweeping import sweep

if TYPE_CHECKING:
    import socket

    from .checks import Checks
    from .containers import Containers
    from .draining import Drainer
    from .keeping import Keeper
    from .reaping import Reaper

Item = TypeVar("Item", CreateRequest, Target, DrainRequest)
Known = Mapping[tuple[Address, int], Row]
_BULK = 100
_PARALLEL = 4
_AT_ONCE = 16
#: Those who are asked whether they work may keep us waiting.
_ASKED_AT_ONCE = 32
_TIMEOUT = 60.0
_DIAL = 10.0
_BEGINNING = (Verb.START, Verb.RESTART, Verb.RESUME)


class DockerProvider:
    """Serves one configured provider of one owner; see model/ports.py ``Provider``. Calls may come from several threads."""

    def __init__(
        self, name: str, config: Mapping[str, Any], owner: str, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._settings = Settings(name, owner, config.get("log_driver", "json-file"))
        self.engine = self._engine = Engine(resolve(config, self._environ), float(config.get("timeout") or _TIMEOUT))
        self._secrets = Secrets(self._engine, owner, lambda: self._info, config.get("secrets_in") or "")
        self._survey = Survey(self._engine, owner, name, self._secrets)
        self._images = Images(self._engine, config, self._environ)
        self._networks = Networks(self._engine, owner, config.get("networks") or {})
        self._undone: tuple[str, ...] = ()
        self._tags = config.get("moved_tags") or ("registry" if config.get("pull") == "always" else "ignore")
        if self._tags == "registry" and config.get("pull") == "never":
            raise HodeiError(
                Kind.CONFIGURATION,
                f"provider '{name}' is to follow tags at the registry and to pull never",
                hint="Set `pull: always`, or `moved_tags: engine`.",
            )

    @cached_property
    def _containers(self) -> Containers:
        from .containers import Containers

        return Containers(
            self._engine,
            self._survey,
            self._networks,
            self._secrets,
            self._settings,
            self._environ,
            float(self._config.get("settle", 0.25)),
        )

    @cached_property
    def _drainer(self) -> Drainer:
        from .draining import Drainer

        return Drainer(self._engine, self._survey, self._containers)

    @cached_property
    def keeper(self) -> Keeper:
        """Does what no Engine does."""
        from .keeping import Keeper

        return Keeper(self._engine, self._survey, self._containers, self._drainer)

    @cached_property
    def _reaper(self) -> Reaper | None:
        tls = self._engine.endpoint.tls
        if not self._config.get("reaper", True) or (tls is not None and tls.credentials):
            return None  # what comes from a store is for this run, as its rules and its record say
        from .reaping import Reaper, place

        return Reaper(place(self._config, self._settings, self._environ), self._engine, self._settings)

    def _is_needed(self, rows: Sequence[Row]) -> bool:
        """Tell whether a container may need more than its Engine; whoever knows for sure is imported only then."""
        return any(row.record.cared_for for row in rows) and self.keeper.is_needed()

    def _watched(self, outcomes: Iterator[Outcome], *, needed: bool) -> Iterator[Outcome]:
        """Have somebody do what no Engine does: before anything is done that relies on it, and after it, since who finds nobody to look
        after leaves. Raises HodeiError.
        """
        if needed and self._reaper is not None:
            self._reaper.ensure()
        yield from outcomes
        if needed and self._reaper is not None:
            self._reaper.ensure()

    # ---- looking -------------------------------------------------------------------------------------------------

    def fingerprint(self) -> Fingerprint:
        """Look at the Engine. Raises HodeiError when it cannot be reached."""
        about = self._engine.about
        return Fingerprint(
            type="docker",
            version=about["Version"],
            column=column(self._networks.lacking(), reaper=self._reaper is not None, updates=self._engine.updates),
            limits=Limits(bulk=_BULK, parallel=_PARALLEL),
            survives="boot",
        )

    def validate(self, instances: Sequence[Instance]) -> list[Problem]:
        """Say what no container of this Engine can have, and which images cannot be had; each worker tells the same once."""
        problems = [problem for one in instances for problem in self._checks.problems(one)]
        problems += self._networks.problems(instances)
        refused = self._images.problems(self._wanted(one.spec) for one in instances if one.spec.get("image"))
        for one in instances:
            error = refused.get(self._wanted(one.spec))
            if error is not None:
                problems.append(Problem(f"worker.{one.address.name}.image", error.message, error.hint, one.source))
        return list(dict.fromkeys(problems))

    def _wanted(self, spec: Spec) -> tuple[str, str]:
        """Return the image of a worker, and how it is pulled."""
        return str(spec.get("image", "")), "always" if self._tags == "registry" else self._config.get("pull", "missing")

    @cached_property
    def _checks(self) -> Checks:
        from .checks import Checks

        return Checks(lambda: self._info, self._images.look, self._secrets)

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._engine.get("/info")
        return found

    def list(self) -> Listing:
        """See all containers of this provider."""
        listing = replace(self._survey.listing(), warnings=self._undone)
        if self._tags == "ignore" or not listing.observations:
            return listing
        from .tags import with_moved_tags

        return with_moved_tags(listing, self._images, registry=self._tags == "registry")

    def watch(self, seconds: float) -> Generator[News, None, None]:
        """Tell which containers change, as the Engine tells it."""
        from .watching import watch

        return watch(self._engine, self._survey, seconds)

    def drain(self, requests: Sequence[DrainRequest]) -> Iterator[Outcome]:
        """Tell containers to take no new work, and ask whether they work."""
        outcomes = self._each(requests, self._drainer.drain, _ASKED_AT_ONCE)
        return self._watched(outcomes, needed=any(request.then for request in requests))

    def attend(self) -> None:
        """The Engine watches over its containers; the rules of their networks are put in force again, what is left over of our
        records is removed, and who has done its work is noted. Raises HodeiError.
        """
        self._networks.attend()
        sweep(self._engine, self._settings.owner, self._secrets)
        note_done(self._engine, self._survey, lambda: self._containers)
        if self._reaper is None:
            self._undone = tuple(self.keeper.sweep())
        elif not self._reaper.runs() and self._is_needed(self._survey.rows()):
            self._reaper.ensure()

    def events(self, target: Target, limit: int) -> Sequence[Event]:
        """Say what happened to a container: what we did, and as far back as the Engine remembers."""
        from .happened import events

        return events(self._engine, self._row(target), limit)

    def capacity(self) -> Capacity:
        """Say what the Engine's machine has."""
        from .looking import used

        info = self._engine.get("/info")
        cpu, memory = used(self._engine)
        return Capacity(
            cpu_total=info["NCPU"] * 1000,
            cpu_used=cpu,
            memory_total=info["MemTotal"],
            memory_used=memory,
            workers=sum(one.state.alive for one in self.list().observations),
        )

    def examine(self) -> Sequence[Finding]:
        """Say what is worth knowing of the Engine."""
        from .looking import examine

        return list(examine(self._engine))

    # ---- changing ------------------------------------------------------------------------------------------------

    def prepare(self, instances: Sequence[Instance], tell: Callable[[int, int], None]) -> Mapping[Address, HodeiError]:
        """Pull the images of workers that will be made, while those that they replace go on."""
        wanted = {one.address: self._wanted(one.spec) for one in instances}
        refused = self._images.prepare(wanted.values(), tell)
        return {address: refused[one] for address, one in wanted.items() if one in refused}

    def create(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Make containers, yielding each as soon as it is known to be well or not."""

        def make(request: CreateRequest, known: Known) -> Outcome:
            if (request.address, request.generation) not in known:
                self._images.have(*self._wanted(request.spec))
            return self._containers.create(self._carried(request), known)

        return self._watched(self._each(requests, make), needed=_need_care(requests))

    def update(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Bring containers up to date that go on living."""
        outcomes = self._each(requests, lambda request, known: self._containers.update(self._carried(request), known))
        yield from self._watched(outcomes, needed=_need_care(requests))
        self._secrets.drop_old()

    def _carried(self, request: CreateRequest) -> CreateRequest:
        """Leave out what this Engine cannot carry and the worker may run without."""
        if not request.degrade or not request.spec:
            return request
        return replace(request, spec=self._checks.carried(request.spec, request.degrade))

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterator[Outcome]:
        """Do a verb to many containers at the same time."""
        named = {(one.address, one.generation) for one in targets}
        needed = verb in _BEGINNING and any(row.record.cared_for for row in self._survey.rows() if row.key in named)
        outcomes = self._each(targets, lambda target, known: self._containers.act(verb, target, known))
        yield from self._watched(outcomes, needed=needed)
        if verb is Verb.DELETE:
            self._networks.prune()

    def _each(
        self, items: Sequence[Item], do: Callable[[Item, Known], Outcome], at_once: int = _AT_ONCE
    ) -> Iterator[Outcome]:
        """Do something to each, several at a time; a failure is the outcome of that one. When the Engine has fallen silent,
        nothing more is begun: each would wait as long.
        """
        from concurrent.futures import as_completed

        known = self._survey.index()
        silent: list[SilenceError] = []

        def one(item: Item) -> Outcome:
            try:
                if silent:
                    raise SilenceError(silent[0].message, "It was not begun: the Engine had fallen silent.")
                return do(item, known)
            except HodeiError as error:
                if isinstance(error, SilenceError):
                    silent.append(error)
                problem = HodeiError(error.kind, error.message, hint=error.hint, where=error.where or str(item.address))
                return Outcome(item.address, item.generation, error=problem)

        with ThreadPoolExecutor(min(at_once, max(1, len(items)))) as pool:
            for done in as_completed([pool.submit(one, item) for item in items]):
                yield done.result()

    # ---- images and volumes --------------------------------------------------------------------------------------

    def images(self, instances: Sequence[Instance]) -> Sequence[Image]:
        """List the images of the Engine."""
        from .pruning import all_images

        return all_images(self._engine, self._images, (str(one.spec["image"]) for one in instances))

    def remove_image(self, image: Image) -> None:
        """Remove an image that nobody uses."""
        from .pruning import remove

        remove(self._engine, image)

    def volumes(self, specs: Sequence[Spec]) -> Sequence[Volume]:
        """List the named volumes that the Engine made for our workers."""
        from .storing import volumes_of

        return volumes_of(self._engine, self._settings.owner, specs)

    def remove_volume(self, volume: Volume) -> None:
        """Remove a volume that nobody uses, with what it holds."""
        self._engine.remove_volume(volume.name)

    # ---- inside a container --------------------------------------------------------------------------------------

    def _row(self, target: Target) -> Row:
        row = self._survey.index().get((target.address, target.generation))
        if row is None:
            raise HodeiError(
                Kind.NOT_FOUND, "there is no such container", hint="Run converge.", where=str(target.address)
            )
        return row

    def exec(self, request: ExecRequest) -> ExecResult:
        """Run a command in a container."""
        from .execution import execute, not_running

        row = self._row(request.target)
        seen = self._survey.inspect(row.container)
        status = seen["State"]["Status"] if seen else "gone"
        if status != "running":
            raise not_running(str(request.target.address), status)
        return execute(self._engine, row.container, request)

    def logs(self, request: LogRequest) -> LogResult:
        """Read a container's log, and go on reading for ``follow`` seconds."""
        from .logs import Log, read

        target = request.target

        def successor() -> Log | None:
            later = [
                row
                for (address, generation), row in self._survey.index().items()
                if address == target.address and generation > target.generation
            ]
            return Log(self._engine, min(later, key=lambda row: row.record.generation).container) if later else None

        log = Log(self._engine, self._row(target).container)
        return read(log, successor, request)

    def forward(self, target: Target, port: str) -> socket.socket:
        """Connect to a port of a container."""
        from .forwarding import dial

        row = self._row(target)
        seen = self._survey.inspect(row.container)
        if seen is None:
            raise HodeiError(Kind.NOT_FOUND, "there is no such container", where=str(target.address))
        return dial(self._engine.endpoint, seen, row.record, target, port, _DIAL)

    def leave(self) -> None:
        """Stop the reaper and delete what it has on this machine. Raises HodeiError."""
        if self._reaper is not None:
            self._reaper.leave()

    def close(self) -> None:
        """Close connections, once nobody reads secrets any more that were replaced."""
        self._secrets.drop_old(wait=True)
        self._images.close()
        self._engine.close()


def _need_care(requests: Sequence[CreateRequest]) -> bool:
    return any(request.lifecycle.ttl is not None or heals(request.spec) for request in requests)

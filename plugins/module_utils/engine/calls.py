# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn steps into calls of the provider port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import cast

from ..durable.failpoints import hit
from ..model.address import SECRET, Address
from ..model.carry import Support, cell
from ..model.change import Action
from ..model.errors import HodeiError, Kind
from ..model.mounts import Delivery, Source, delivered, sources_of, without_secret_files
from ..model.normal import with_defaults
from ..model.ports import (
    CreateRequest,
    DrainRequest,
    Labels,
    ObjectProvider,
    Observation,
    Outcome,
    Provider,
    SecretProvider,
    Target,
    Verb,
)
from ..model.store import Retrieved
from ..model.worker import Instance, Lifecycle
from .difference import covered
from .finishing import FIELD, drain_of
from .graph import Step
from .journal import Journal
from .survey import Survey


class Caller:
    """Knows what a port call needs beside the step: the whole spec, the labels, the lifecycle.

    ``seen`` is what the plan was made against; ``wait`` false leaves verbs to providers that do them when a worker is idle.
    """

    def __init__(
        self,
        journal: Journal,
        labels: Labels,
        seen: Survey,
        *,
        wait: bool = True,
        secrets: Mapping[str, SecretProvider] = MappingProxyType({}),
    ) -> None:
        self._journal = journal
        self._labels = labels
        self._world = seen.world
        self._columns = seen.columns
        self._wait = wait
        self._secrets = secrets

    def call(
        self, provider: ObjectProvider, verb: str, steps: Sequence[Step], op_ids: Sequence[str]
    ) -> Iterable[Outcome]:
        """Do one verb to the objects of many steps, yielding each outcome as it becomes final."""
        outcomes: Iterable[Outcome]
        if verb in ("create", "update"):
            requests, refused = self._requests(steps, op_ids)
            call = provider.create if verb == "create" else provider.update
            outcomes = chain(refused, call(requests) if requests else ())
        elif verb == "import":
            outcomes = provider.create([self._import(step, op_id) for step, op_id in zip(steps, op_ids, strict=True)])
        elif verb == "move":
            outcomes = provider.update([self._move(step, op_id) for step, op_id in zip(steps, op_ids, strict=True)])
        else:
            outcomes = provider.act(Verb(verb), [self._target(step) for step in steps])
        for outcome in outcomes:
            hit("call.outcome")
            yield outcome

    def drain(self, provider: ObjectProvider, requests: Sequence[DrainRequest]) -> Iterable[Outcome]:
        """Ask whether workers work, and have them take no new work."""
        for outcome in cast(Provider, provider).drain(requests):  # secrets do not drain
            hit("drain.outcome")
            yield outcome

    def drain_request(self, step: Step) -> DrainRequest:
        """Say what is asked before a step that stops a worker, and what is left to the provider if nobody waits."""
        return DrainRequest(self._target(step), None if self._wait else self._left(step))

    def _left(self, step: Step) -> Verb | None:
        """Return the verb that a provider may do by itself: not the first half of a replacement, for nobody would do the second."""
        change = step.change
        native = cell(self._columns.get(step.provider, {}), FIELD).support is Support.NATIVE
        first_half = change.action is Action.REPLACE and not change.create_before_destroy
        return Verb(step.verb) if native and not first_half else None

    def bookkeeping(self, step: Step) -> Outcome:
        """Answer for a step that touches state only: what was seen is what there is."""
        return Outcome(step.change.address, step.generation, observation=self._seen(step))

    def _seen(self, step: Step) -> Observation | None:
        """Return a step's object as it was when the plan was made."""
        places = (step.change.address, step.change.moved_from)
        found = (one for address in places if address is not None for one in self._world.at(address))
        return next((one for one in found if one.generation == step.generation), None)

    def _requests(self, steps: Sequence[Step], op_ids: Sequence[str]) -> tuple[list[CreateRequest], list[Outcome]]:
        """Return the requests, and what became of those whose secrets could not be read."""
        requests: list[CreateRequest] = []
        refused: list[Outcome] = []
        read = self._read(steps)
        for step, op_id in zip(steps, op_ids, strict=True):
            try:
                requests.append(replace(self._request(step, op_id), secrets=self._deliveries(step, read)))
            except HodeiError as error:
                refused.append(Outcome(step.change.address, step.generation, error=error))
        return requests, refused

    def _request(self, step: Step, op_id: str) -> CreateRequest:
        instance = self._journal.instances[step.change.address]
        update = step.verb == "update"
        return CreateRequest(
            address=instance.address,
            generation=step.generation,
            operation=op_id,
            spec=instance.spec
            if instance.address.kind == SECRET
            else with_defaults(without_secret_files(instance.spec)),
            digest=instance.digest,
            labels=self._labels,
            lifecycle=instance.lifecycle,
            intent=step.change.intent,
            worker=instance.address.name,
            index=instance.address.key,
            degrade=instance.degrade,
            etag=step.change.etag if update and step.change.moved_from is None else "",
            drifted=self._drifted(step, instance),
        )

    def _read(self, steps: Sequence[Step]) -> dict[Source, Retrieved | HodeiError]:
        """Read what the workers of some steps are given, each secret once for all of them, or say why that failed."""
        users: dict[Source, dict[Address, None]] = {}
        for instance in (self._journal.instances[step.change.address] for step in steps):
            for source in sources_of(instance.mounts):
                users.setdefault(source, {})[instance.address] = None
        found: dict[Source, Retrieved | HodeiError] = {}
        for source, workers in users.items():
            try:
                found[source] = self._secrets[source.place[0]].read(source, list(workers))
            except HodeiError as error:
                found[source] = error
        return found

    def _deliveries(self, step: Step, read: Mapping[Source, Retrieved | HodeiError]) -> tuple[Delivery, ...]:
        """Return what an instance is given. Raises the HodeiError of what could not be read."""
        mounts = self._journal.instances[step.change.address].mounts
        found: dict[Source, Retrieved] = {}
        for source in sources_of(mounts):
            value = read[source]
            if isinstance(value, HodeiError):
                raise value
            found[source] = value
        return tuple(delivered(mount, found) for mount in mounts)

    def _drifted(self, step: Step, instance: Instance) -> tuple[str, ...]:
        """Name the fields that are put right whatever their digest says."""
        if instance.address.kind == SECRET:
            return tuple(field.path for field in step.change.fields if field.path == "value")
        seen = self._seen(step) if step.verb == "update" else None
        ignored = instance.lifecycle.ignore_changes
        return tuple(path for path in sorted(seen.drift) if not covered(path, ignored)) if seen else ()

    def _import(self, step: Step, op_id: str) -> CreateRequest:
        """Ask for a running object to become ours, with the digest of what it is."""
        change = step.change
        return replace(self._request(step, op_id), native_id=change.external_id, digest=change.digest)

    def _move(self, step: Step, op_id: str) -> CreateRequest:
        """Ask for another address and nothing else: what the object is made of, wants to be and is protected from stays."""
        change, seen = step.change, self._seen(step)
        if seen is None:
            raise HodeiError(Kind.INTERNAL, "what moves was not seen", where=str(change.address))
        return CreateRequest(
            address=change.address,
            generation=step.generation,
            operation=op_id,
            spec={},
            digest=seen.spec_digest,
            labels=replace(self._labels, key_id=seen.key_id),
            lifecycle=seen.lifecycle,
            intent=seen.intent,
            worker=change.address.name,
            index=change.address.key,
            etag=seen.etag,
            moved_from=change.moved_from,
        )

    def _target(self, step: Step) -> Target:
        """Name the object. A step that follows another one on the same object must not stumble over the etag that this one left."""
        change = step.change
        planned = step.verb == change.action.value or change.action is Action.REPLACE
        planned = planned and change.moved_from is None
        resource = self._journal.resource(change.address, step.generation)
        known = self._journal.instances.get(change.address)
        lifecycle = known.lifecycle if known else (resource.lifecycle if resource else Lifecycle())
        drain = drain_of(known, resource, self._seen(step))
        return Target(
            address=change.address,
            generation=step.generation,
            external_id=change.external_id if planned or resource is None else resource.external_id,
            etag=change.etag if planned else "",
            lifecycle=lifecycle if drain == lifecycle.drain else replace(lifecycle, drain=drain),
        )

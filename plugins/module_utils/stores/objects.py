# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of one owner in one store, as objects that the engine converges.

What the engine has to know of an object stands in the secret's tags: whose it is, a digest of what the document says of it, a
digest of what its value is made of, and by which call that was written. So one list tells what to do, no value is read to plan, and
lost state costs nothing. A secret without our tags belongs to somebody else and is never touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..durable.failpoints import hit
from ..model.address import SECRET, Address
from ..model.carry import Carry, OnChange, Support
from ..model.errors import HodeiError, Kind, Problem
from ..model.mounts import Source
from ..model.ports import CreateRequest, Fingerprint, Limits, Listing, Observation, Outcome, Target, Verb
from ..model.secret_name import SecretName
from ..model.secret_value import SecretValue
from ..model.secrets import expiry
from ..model.states import WorkerState
from ..model.store import Fault, Metadata, Retrieved, SecretInfo, Seen, Stage, Store, StoreError, Which
from ..model.worker import Instance, Spec

OURS = "hodei."
#: A new value, or only other tags: both happen in place.
_FIELDS = ("value", "generate", "from", "tags", "expires", "access", "rules", "regenerate", "content")
COLUMN = {field: Carry(Support.NATIVE, OnChange.UPDATE) for field in _FIELDS}
_BULK = 100


class Made(NamedTuple):
    """A value, and which version of another secret it is a copy of (0: it is none)."""

    value: SecretValue
    copied: int = 0


def _no_copies(_path: str) -> int | None:
    return None


class SecretObjects:
    """See ``model.ports.ObjectProvider``.

    ``material`` makes the value that a spec asks for, ``use`` reads a secret for workers. ``latest`` tells by the path of a secret that
    is to follow another one which version of that is current; None of one that follows none. All raise HodeiError. ``destroying``: what
    is deleted is gone for good. ``parallel`` is how many calls the store takes at a time. ``formerly`` is what the owner was called
    before: secrets that still say so are ours, too.
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        material: Callable[[Spec], Made],
        use: Callable[[SecretName, Which, Sequence[str]], Retrieved],
        *,
        latest: Callable[[str], int | None] = _no_copies,
        destroying: bool = False,
        parallel: int = 1,
        formerly: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._owner = owner
        self._material = material
        self._latest = latest
        self._use = use
        self._destroying = destroying
        self._parallel = parallel
        self._clock = clock
        self._names = {owner, formerly or owner}

    def fingerprint(self) -> Fingerprint:
        """Look at the store once."""
        found = self._store.fingerprint()
        limits = Limits(bulk=_BULK, parallel=self._parallel)
        return Fingerprint(found.type, found.version, COLUMN, limits, warnings=found.warnings)

    def validate(self, instances: Sequence[Instance]) -> Sequence[Problem]:
        """Say what the store cannot hold."""
        return ()

    def attend(self) -> None:
        """Nothing watches over secrets."""

    def list(self) -> Listing:
        """See all secrets of the owner in one call; one that is deleted is there only for who wants to destroy it."""
        warnings: list[str] = []
        there: list[Observation] = []
        deleted: list[Observation] = []
        unsaid: list[str] = []  # of what is not there now
        versions: dict[str, int] = {}
        for info in self._store.list():
            goes = info.deleted_at is not None and not self._destroying
            if not goes and (current := info.at(Stage.CURRENT)):
                versions[info.name.path] = current.number
            if info.metadata.tags.get("hodei.owner") in self._names:
                (deleted if goes else there).append(self._followed(info, (unsaid if goes else warnings).append))
        return Listing(tuple(there), warnings=tuple(warnings), versions=versions, deleted=tuple(deleted))

    def read(self, source: Source, users: Sequence[Address]) -> Retrieved:
        """Read a secret for workers. Raises HodeiError."""
        return self._use(source.name, source.which, [str(user) for user in users])

    def _followed(self, info: SecretInfo, warn: Callable[[str], None]) -> Observation:
        """Say of a copy, too, that what it is a copy of has another value by now."""
        try:
            latest = self._outdated(info)
        except HodeiError as error:
            warn(f"secret.{info.name.path} stays as it is: what it is copied from cannot be looked at: {error}")
            latest = 0
        seen = _seen(info)
        drift = {**seen.drift, "from": f"version {latest}"} if latest else seen.drift
        return replace(seen, drift=drift, on_remove="destroy" if self._destroying else seen.on_remove)

    def _outdated(self, info: SecretInfo) -> int:
        """Return which version a copy lacks; 0 where it lacks none. Raises HodeiError."""
        latest = self._latest(info.name.path)
        return 0 if latest is None or str(latest) == info.metadata.tags.get("hodei.copied") else latest

    def create(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Make secrets; one of ours that is deleted comes back."""
        return self._each(requests, self._create)

    def update(self, requests: Sequence[CreateRequest]) -> Iterator[Outcome]:
        """Give secrets another value, or other tags only."""
        return self._each(requests, self._update)

    def act(self, verb: Verb, targets: Sequence[Target]) -> Iterator[Outcome]:
        """Delete secrets, or let go of them."""
        act = {Verb.DELETE: self._delete, Verb.RELEASE: self._release}.get(verb)
        if act is None:
            raise HodeiError(Kind.INTERNAL, f"a secret cannot be asked to {verb.value}")
        return self._each(targets, act)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def infos(self) -> Sequence[SecretInfo]:
        """List what there is in the store, of whoever it is."""
        return self._store.list()

    def seen(self) -> Seen:
        """Say which store it is, and how far it has got."""
        found = self._store.fingerprint()
        return Seen(found.store_id, found.generation)

    def inherit(self, lineage: str) -> None:
        """Write the owner's name into the secrets of a lineage that still have the former one, deleted ones too. Can be done again."""
        for info in self._store.list():
            tags = info.metadata.tags
            if tags.get("hodei.lineage") == lineage and tags.get("hodei.owner") in self._names - {self._owner}:
                self._store.annotate(info.name, replace(info.metadata, tags={**tags, "hodei.owner": self._owner}))
                hit("owner.secret")

    def restore(self, name: SecretName, *, look_only: bool) -> bool:
        """Bring a deleted secret back as it was; tells whether it was deleted. Raises HodeiError."""
        info = self._store.describe(name)
        self._refuse_foreign(info, str(Address(SECRET, name.path)))
        if info.deleted_at is not None and not look_only:
            self._store.restore(name)
        return info.deleted_at is not None

    # ---- one by one --------------------------------------------------------------------------------------------

    def _each(self, items: Sequence[Any], call: Callable[[Any], Observation | None]) -> Iterator[Outcome]:
        for item in items:
            try:
                yield Outcome(item.address, item.generation, observation=call(item))
            except HodeiError as error:
                yield Outcome(item.address, item.generation, error=error)

    def _create(self, request: CreateRequest) -> Observation:
        name = SecretName.parse(request.address.name)
        info = self._describe(name)
        if info is None:
            return self._write(name, request, expected=0)
        self._refuse_foreign(info, str(request.address))
        if info.deleted_at is not None:
            info = self._store.restore(name)
        if info.metadata.tags.get("hodei.operation") == request.operation:
            return _seen(info)  # this very call got through before
        return self._bring(name, info, request, anew="value" in request.drifted)

    def _update(self, request: CreateRequest) -> Observation:
        name = SecretName.parse(request.address.name)
        info = self._store.describe(name)
        self._refuse_foreign(info, str(request.address))
        seen = _seen(info)
        if request.etag and seen.etag != request.etag:
            raise HodeiError(Kind.CONFLICT, "somebody changed it since the plan was made", where=str(request.address))
        return self._bring(name, info, request, anew="value" in request.drifted)

    def _bring(self, name: SecretName, info: SecretInfo, request: CreateRequest, *, anew: bool = False) -> Observation:
        """Give a secret the value that is wanted, unless it has it."""
        content, spec = info.metadata.tags.get("hodei.content", ""), request.spec
        kept = content and "generate" in spec and spec.get("regenerate", "never") == "never"
        stays = not anew and (kept or content == spec["content"]) and not self._outdated(info)
        if info.at(Stage.CURRENT) and (stays or not spec["content"]):
            return _seen(self._store.annotate(name, self._metadata(request, info)))
        current = info.at(Stage.CURRENT)
        return self._write(name, request, expected=current.number if current else 0)

    def _write(self, name: SecretName, request: CreateRequest, *, expected: int) -> Observation:
        if not request.spec["content"]:
            raise HodeiError(
                Kind.NOT_FOUND,
                "it is not in the store, and nothing says what its value is",
                hint="Give it a value, generate, or from; or put it into the store by other means.",
                where=str(request.address),
            )
        made = self._material(request.spec)
        metadata = self._metadata(request, copied=made.copied)
        try:
            self._store.put(name, made.value, expected=expected, token=request.operation, metadata=metadata)
        except StoreError as error:
            if error.fault is not Fault.CONFLICT:
                raise
            info = self._describe(name)  # a lost answer: what was generated then is not what was generated now
            current = info.at(Stage.CURRENT) if info else None
            if info is None or current is None or current.token != request.operation:
                raise
            return _seen(info)
        return _seen(self._store.describe(name))

    def _delete(self, target: Target) -> None:
        name = SecretName.parse(target.address.name)
        info = self._describe(name)
        if info is None:
            return
        self._refuse_foreign(info, str(target.address))
        if target.etag and info.deleted_at is None and _seen(info).etag != target.etag:
            raise HodeiError(Kind.CONFLICT, "somebody changed it since the plan was made", where=str(target.address))
        # Its own tag counts: where state is lost, nobody else knows, and what is destroyed does not come back.
        if self._destroying or info.metadata.tags.get("hodei.on_remove") == "destroy":
            self._store.destroy(name)
        else:
            self._store.delete(name)

    def _release(self, target: Target) -> None:
        name = SecretName.parse(target.address.name)
        info = self._describe(name)
        if info is None or info.deleted_at is not None:
            return
        self._refuse_foreign(info, str(target.address))
        kept = {key: tag for key, tag in info.metadata.tags.items() if not key.startswith(OURS)}
        self._store.annotate(name, Metadata(info.metadata.expires_at, kept))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _describe(self, name: SecretName) -> SecretInfo | None:
        try:
            return self._store.describe(name)
        except StoreError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise
            return None

    def _refuse_foreign(self, info: SecretInfo, where: str) -> None:
        owner = info.metadata.tags.get("hodei.owner")
        if owner in self._names:
            return
        whose = f"belongs to owner '{owner}'" if owner else "was not made by hodei.workers"
        raise HodeiError(
            Kind.CONFLICT,
            f"the store has a secret of this name that {whose}; it is left as it is",
            hint="Choose another name, or remove that one from the store.",
            where=where,
        )

    def _metadata(self, request: CreateRequest, info: SecretInfo | None = None, *, copied: int = 0) -> Metadata:
        """Return what is to be known of a secret; ``info`` when its value stays what it is, else ``copied`` as in ``Made``."""
        spec, labels, lifecycle = request.spec, request.labels, request.lifecycle
        current = info.at(Stage.CURRENT) if info else None
        since = current.created_at if current else self._clock()
        # What the value was made from: of a generated one, not always what the document says now.
        made_from = info.metadata.tags.get("hodei.content", "") if info and spec["content"] else ""
        ours = {
            "owner": self._owner,
            "lineage": labels.lineage,
            "generation": str(request.generation),
            "digest": request.digest,
            "content": made_from or spec["content"],
            "copied": info.metadata.tags.get("hodei.copied", "") if info else str(copied or ""),
            "key": labels.key_id,
            "operation": request.operation,
            "written": info.metadata.tags.get("hodei.written", "") if info else request.operation,
            "on_remove": lifecycle.on_remove,
            "protected": "1" if lifecycle.prevent_destroy else "",
        }
        tags = {**spec.get("tags", {}), **{OURS + key: tag for key, tag in ours.items() if tag}}
        kept = info.metadata.expires_at if info and made_from != spec["content"] else None
        return Metadata(expiry(spec, since, kept), tags)


def _seen(info: SecretInfo) -> Observation:
    tags: Mapping[str, str] = info.metadata.tags
    current = info.at(Stage.CURRENT)
    number = current.number if current else 0
    as_written = current is not None and current.token == tags.get("hodei.written", "")
    drift = {} if as_written else {"value": f"version {number}"}
    return Observation(
        address=Address(SECRET, info.name.path),
        generation=int(tags.get("hodei.generation", 1)),
        lineage=tags.get("hodei.lineage", ""),
        state=WorkerState.RUNNING,
        external_id=info.name.path,
        spec_digest=tags.get("hodei.digest", ""),
        etag=f"{number}.{tags.get('hodei.operation', '')}",
        operation=tags.get("hodei.operation", ""),
        key_id=tags.get("hodei.key", ""),
        protected="hodei.protected" in tags,
        on_remove=tags.get("hodei.on_remove", ""),
        created_at=info.versions[0].created_at if info.versions else None,
        started_at=current.created_at if current else None,
        expires_at=info.metadata.expires_at,
        drift=drift,
        details={"version": number},
    )

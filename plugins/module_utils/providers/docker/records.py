# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a container: in its labels when it is made, in a volume's labels after each later change.

An Engine never changes the labels of a container. So what changes while it lives (its intent, its lineage, its address, the
digest after an update) is written as the labels of a small volume of its own, one for each version: made in one call, seen
with all others in one list, and never overwritten, so that of two who change the same container one is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ...model.address import Address
from ...model.ports import CreateRequest, Draining, Verb
from ...model.worker import Lifecycle, Spec
from .secret_layout import versions

OWNER, PROVIDER, RECORD = "hodei.owner", "hodei.provider", "hodei.record"
OF, _REVISION, _NONCE = "hodei.record-of", "hodei.revision", "hodei.nonce"
_ID, _VOLUME = 12, "hodei-record-"
#: Where the document says nothing, as schema_worker.py has it.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
#: Beside the verbs: what is to be done once a worker is idle whose time to live is over.
TTL = "ttl"


class Finish(NamedTuple):
    """Since when a container is to finish its work (None: it is not), whether it was told, and the verb that is left, or TTL."""

    since: float | None = None
    told: bool = False
    then: str = ""


WORKS_ON = Finish()


@dataclass(frozen=True)
class Record:
    """The port's labels of one container. ``ports`` maps names to ``8080/tcp``; ``wanted`` is what was asked of the Engine of
    what may be changed by others; ``drain`` and ``reload`` are in the normal form. ``files`` says what is expected of each,
    ``gone`` which of them have still to be removed; ``stale`` is the start of the run that was not told of a change of them.
    ``secrets`` says which version each mount gives.

    ``edits`` counts what callers changed. ``grace``, ``ttl`` and ``backoff`` (first and longest pause; empty: not restarted when it
    is unhealthy) are for whoever watches over it; so is what follows, which they write. ``began``: when its time to live did;
    ``failures``: how often it was restarted since it was last well, and ``restarts``: ever; ``ended``: the state that we brought it to,
    or saw it come to, why, and when.

    ``unknown`` is what a later version of ours has written beside that: it is kept.
    """

    owner: str
    provider: str
    lineage: str
    name: str
    key: int | None
    generation: int
    digest: str
    key_id: str
    operation: str
    intent: str = "started"
    protected: bool = False
    ports: Mapping[str, str] = field(default_factory=dict)
    wanted: Mapping[str, Any] = field(default_factory=dict)
    drain: Mapping[str, Any] | None = None
    files: Sequence[Mapping[str, Any]] = ()
    gone: Sequence[Mapping[str, Any]] = ()
    reload: Mapping[str, Any] | None = None
    stale: str = ""
    image: str = ""
    on_remove: str = ""
    edits: int = 0
    grace: float = Lifecycle.grace
    ttl: float | None = None
    backoff: Sequence[float] = ()
    began: float | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    draining: Finish = WORKS_ON
    failures: int = 0
    restarts: int = 0
    ended: Sequence[Any] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        """Which worker."""
        return Address("worker", self.name, self.key)

    @property
    def drains(self) -> Draining | None:
        """How it finishes its work now."""
        since, told, then = self.draining
        if since is None:
            return None
        return Draining(since, told, None if then in ("", TTL) else Verb(then), then == TTL)

    @property
    def final(self) -> bool:
        """Whether the end of this run is its last: it was told to finish, or is to be stopped when it has."""
        return self.draining.told or bool(self.draining.then)

    @property
    def heals(self) -> bool:
        """Whether it is restarted when it is unhealthy. Who was told to finish may close its doors first."""
        return bool(self.backoff) and self.intent == "started" and not self.draining.told

    @property
    def cared_for(self) -> bool:
        """Whether there is something about it that no Engine does."""
        return self.ttl is not None or bool(self.backoff) or bool(self.draining.then)

    def fresh(self) -> Record:
        """Return it as a new run begins with."""
        return replace(self, began=None, draining=WORKS_ON, failures=0, ended=())

    def text(self) -> str:
        """Write it as JSON, without what equals its default."""
        own = {name: value for name, value in vars(self).items() if name != "unknown" and value != _default(name)}
        return json.dumps({**own, **self.unknown}, separators=(",", ":"))


#: What is no change of a worker by somebody, since those who watch over it write it, or nothing is decided by it.
_INNER = ("edits", "drain", "stale", "gone", "began", "draining", "failures", "restarts", "ended")


def _default(name: str) -> Any:
    one = Record.__dataclass_fields__[name]
    return {} if one.default_factory is dict else one.default


def counted(before: Record, after: Record) -> Record:
    """Return a record whose ``edits`` tell whether somebody has changed the worker."""
    same = all(getattr(before, name) == getattr(after, name) for name in vars(after) if name not in _INNER)
    return replace(after, edits=before.edits + (0 if same else 1))


def new_record(request: CreateRequest, provider: str, ports: Mapping[str, str], wanted: Mapping[str, Any]) -> Record:
    """Return the record of a container to make."""
    return with_care(
        request,
        Record(
            owner=request.labels.owner,
            provider=provider,
            lineage=request.labels.lineage,
            name=request.address.name,
            key=request.address.key,
            generation=request.generation,
            digest=request.digest,
            key_id=request.labels.key_id,
            operation=request.operation,
            intent=request.intent.value,
            ports=ports,
            wanted=wanted,
            secrets=versions(one for one in request.secrets if one.mount.way == "env"),
        ),
    )


def heals(spec: Spec) -> bool:
    """Tell whether a container is to be restarted when it is unhealthy."""
    return bool(spec.get("health")) and (spec.get("restart") or {}).get("policy") != "never"


def with_care(request: CreateRequest, record: Record) -> Record:
    """Return a record with what a request says of the life of a worker."""
    lifecycle, restart = request.lifecycle, request.spec.get("restart") or {}
    pauses = restart.get("backoff") or {}
    return replace(
        record,
        protected=lifecycle.prevent_destroy,
        on_remove=lifecycle.on_remove,
        drain=None if lifecycle.drain is None else lifecycle.drain.written(),
        grace=lifecycle.grace,
        ttl=lifecycle.ttl,
        reload=request.spec.get("reload"),
        image=str(request.spec.get("image", "")),
        backoff=[float(pauses.get("initial", _FIRST_PAUSE)), float(pauses.get("max", _LONGEST_PAUSE))]
        if heals(request.spec)
        else [],
    )


def updated(record: Record, request: CreateRequest) -> Record:
    """Return a record with what an update writes. Who adopts or renames knows nothing of what the worker is made of."""
    fresh = replace(record, lineage=request.labels.lineage, operation=request.operation)
    if request.moved_from is not None:
        return replace(fresh, name=request.address.name, key=request.address.key)
    if request.adopt_from:
        return fresh
    return with_care(request, replace(fresh, digest=request.digest, key_id=request.labels.key_id))


def first_labels(record: Record) -> dict[str, str]:
    """Return the labels that a container is made with."""
    return {OWNER: record.owner, PROVIDER: record.provider, RECORD: record.text()}


def later_labels(record: Record, container: str, revision: int, nonce: str) -> dict[str, str]:
    """Return the labels of the volume that holds a later version."""
    return {
        OWNER: record.owner,
        OF: container,
        _REVISION: str(revision),
        _NONCE: nonce,
        RECORD: record.text(),
    }


def short(container: str) -> str:
    """Return the beginning of an id, which tells the containers of one Engine apart."""
    return container[:_ID]


def volume_name(container: str, revision: int) -> str:
    """Name the volume of a version: two who write the same one meet there."""
    return f"{_VOLUME}{short(container)}-{revision}"


def container_of(volume: str) -> str:
    """Return the beginning of the id of the container that a volume is about; empty when it is about none."""
    return volume.removeprefix(_VOLUME).partition("-")[0] if volume.startswith(_VOLUME) else ""


def is_mine(volume: Mapping[str, Any], nonce: str) -> bool:
    """Tell whether a volume that was asked for is the one that we made, and not one that was there."""
    return bool((volume.get("Labels") or {}).get(_NONCE) == nonce)


def read(text: str) -> Record | None:
    """Read a record; None when it is none that this version understands."""
    try:
        fields = json.loads(text)
        own = {name: fields.pop(name) for name in Record.__dataclass_fields__ if name in fields}
        return Record(**{**own, "draining": Finish(*own.get("draining", ()))}, unknown=fields)
    except (ValueError, TypeError, AttributeError):
        return None


def revisions(volumes: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, Mapping[str, str]]]:
    """Sort the volumes that hold records: container -> revision -> labels."""
    found: dict[str, dict[int, Mapping[str, str]]] = {}
    for volume in volumes:
        labels = volume.get("Labels") or {}
        number = labels.get(_REVISION, "")
        if labels.get(OF) and number.isdigit():
            found.setdefault(labels[OF], {})[int(number)] = labels
    return found


def latest(labels: Mapping[str, str], later: Mapping[int, Mapping[str, str]]) -> tuple[Record | None, int]:
    """Return the newest record of a container, and its revision: 0 is the one that it was made with."""
    revision = max(later, default=0)
    return read((later[revision] if revision else labels).get(RECORD, "")), revision

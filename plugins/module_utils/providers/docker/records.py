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
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...model.address import Address
from ...model.ports import CreateRequest
from ...model.worker import Drain

OWNER, PROVIDER, RECORD = "hodei.owner", "hodei.provider", "hodei.record"
_OF, _REVISION, _NONCE = "hodei.record-of", "hodei.revision", "hodei.nonce"
_ID = 12


@dataclass(frozen=True)
class Record:
    """The port's labels of one container. ``ports`` maps names to ``8080/tcp``; ``wanted`` is what was asked of the Engine of
    what may be changed by others; ``drain`` and ``reload`` are in the normal form. ``files`` says what is expected of each,
    ``gone`` which of them have still to be removed; ``stale`` is the start of the run that was not told of a change of them.
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

    @property
    def address(self) -> Address:
        """Which worker."""
        return Address("worker", self.name, self.key)

    def text(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def new_record(request: CreateRequest, provider: str, ports: Mapping[str, str], wanted: Mapping[str, Any]) -> Record:
    """Return the record of a container to make."""
    return Record(
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
        protected=request.lifecycle.prevent_destroy,
        ports=ports,
        wanted=wanted,
        drain=_written(request.lifecycle.drain),
        reload=request.spec.get("reload"),
        image=str(request.spec.get("image", "")),
    )


def updated(record: Record, request: CreateRequest) -> Record:
    """Return a record with what an update writes. Who adopts or renames knows nothing of what the worker is made of."""
    fresh = replace(record, lineage=request.labels.lineage, operation=request.operation)
    if request.moved_from is not None:
        return replace(fresh, name=request.address.name, key=request.address.key)
    if request.adopt_from:
        return fresh
    return replace(
        fresh,
        digest=request.digest,
        key_id=request.labels.key_id,
        protected=request.lifecycle.prevent_destroy,
        drain=_written(request.lifecycle.drain),
        reload=request.spec.get("reload"),
    )


def _written(drain: Drain | None) -> dict[str, Any] | None:
    return None if drain is None else drain.written()


def first_labels(record: Record) -> dict[str, str]:
    """Return the labels that a container is made with."""
    return {OWNER: record.owner, PROVIDER: record.provider, RECORD: record.text()}


def later_labels(record: Record, container: str, revision: int, nonce: str) -> dict[str, str]:
    """Return the labels of the volume that holds a later version."""
    return {
        OWNER: record.owner,
        _OF: container,
        _REVISION: str(revision),
        _NONCE: nonce,
        RECORD: record.text(),
    }


def volume_name(container: str, revision: int) -> str:
    """Name the volume of a version: two who write the same one meet there."""
    return f"hodei-record-{container[:_ID]}-{revision}"


def is_mine(volume: Mapping[str, Any], nonce: str) -> bool:
    """Tell whether a volume that was asked for is the one that we made, and not one that was there."""
    return bool((volume.get("Labels") or {}).get(_NONCE) == nonce)


def read(text: str) -> Record | None:
    """Read a record; None when it is none that this version understands."""
    try:
        fields = json.loads(text)
        return Record(**{name: fields[name] for name in Record.__dataclass_fields__ if name in fields})
    except (ValueError, TypeError, AttributeError):
        return None


def revisions(volumes: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, Mapping[str, str]]]:
    """Sort the volumes that hold records: container -> revision -> labels."""
    found: dict[str, dict[int, Mapping[str, str]]] = {}
    for volume in volumes:
        labels = volume.get("Labels") or {}
        number = labels.get(_REVISION, "")
        if labels.get(_OF) and number.isdigit():
            found.setdefault(labels[_OF], {})[int(number)] = labels
    return found


def latest(labels: Mapping[str, str], later: Mapping[int, Mapping[str, str]]) -> tuple[Record | None, int]:
    """Return the newest record of a container, and its revision: 0 is the one that it was made with."""
    revision = max(later, default=0)
    return read((later[revision] if revision else labels).get(RECORD, "")), revision

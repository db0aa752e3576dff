# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One secret as the embedded store remembers it, and what may become of it: pure functions, no key, no clock, no database."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ...model.secret_name import SecretName
from ...model.store import Fault, Metadata, SecretInfo, Stage, StoreError, Version, Which


class Entry(NamedTuple):
    """A version and its wrapped data key, which is empty once the value is destroyed."""

    version: Version
    wrapped: bytes


@dataclass(frozen=True)
class Record:
    """A secret. ``last`` is the highest number that was ever given, so that none is given twice, whatever was destroyed.

    ``key`` is the id of the key that all its data keys are wrapped by. Without entries it is a name that was used once, or never.
    """

    name: SecretName
    key: str
    last: int = 0
    entries: tuple[Entry, ...] = ()
    deleted_at: float | None = None
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def info(self) -> SecretInfo:
        """What others may know of it."""
        return SecretInfo(self.name, tuple(one.version for one in self.entries), self.deleted_at, self.metadata)

    @property
    def kept(self) -> frozenset[int]:
        """The numbers of the versions that have a value."""
        return frozenset(one.version.number for one in self.entries if one.wrapped)

    def current(self) -> int:
        """Return the number of the current version, 0 when there is none."""
        found = self.info.at(Stage.CURRENT)
        return found.number if found else 0

    def find(self, which: Which) -> Entry:
        """Return a version; NOT_FOUND."""
        self.require()
        for one in self.entries:
            if which in (one.version.number, one.version.stage):
                return one
        what = f"{which.value} version" if isinstance(which, Stage) else f"version {which}"
        raise self.fault(Fault.NOT_FOUND, f"it has no {what}", "The module secret_info lists those that it has.")

    def require(self, *, live: bool = True) -> None:
        """Raise NOT_FOUND when there is no such secret, DELETED when it is deleted and has to be ``live``."""
        if not self.entries:
            raise self.fault(Fault.NOT_FOUND, "there is no such secret")
        if live and self.deleted_at is not None:
            raise self.fault(Fault.DELETED, "it is deleted", "Restore it first: module secret, state: restored.")

    def fault(self, fault: Fault, message: str, hint: str = "") -> StoreError:
        """Return an error about this secret."""
        return StoreError(fault, message, hint=hint, where=self.name.path)

    def expect(self, expected: int | None) -> None:
        """Raise CONFLICT unless the version that is current is the one that the caller knows."""
        if expected is not None and expected != self.current():
            now = f"version {self.current()} is current" if self.current() else "there is no current version"
            raise self.fault(
                Fault.CONFLICT,
                f"{now}, and not {expected or 'none'} as was expected; nothing was written",
                "Somebody else wrote it meanwhile: read it again.",
            )

    def staged(self, *changes: tuple[int, Stage | None]) -> Record:
        """Return it with other stages of versions."""
        wanted = dict(changes)
        return replace(
            self,
            entries=tuple(
                Entry(replace(one.version, stage=wanted.get(one.version.number, one.version.stage)), one.wrapped)
                for one in self.entries
            ),
        )

    def without_value(self, number: int) -> Record:
        """Return it with the value of one version destroyed; the version is remembered, without a stage."""
        return replace(
            self,
            entries=tuple(
                Entry(replace(one.version, stage=None, destroyed=True), b"") if one.version.number == number else one
                for one in self.entries
            ),
        )


def added(record: Record, version: Version, wrapped: bytes, most: int) -> Record:
    """Return the record with a new version at its stage, which nobody else may have if it is PENDING.

    Of versions without a stage the oldest are forgotten until at most ``most`` are left.
    """
    pending, previous = record.info.at(Stage.PENDING), record.info.at(Stage.PREVIOUS)
    if version.stage is Stage.PENDING and pending:
        raise record.fault(
            Fault.CONFLICT,
            f"version {pending.number} is pending already; nothing was written",
            "Promote it or roll it back first.",
        )
    if version.stage is Stage.CURRENT and record.current():
        record = record.staged(*([(previous.number, None)] if previous else []), (record.current(), Stage.PREVIOUS))
    entries = [*record.entries, Entry(version, wrapped)]
    for one in [one for one in entries if one.version.stage is None][: max(0, len(entries) - most)]:
        entries.remove(one)
    return replace(record, last=version.number, entries=tuple(entries))


def promoted(record: Record, number: int, expected: int | None) -> Record:
    """See ``Store.promote``."""
    version = record.find(number).version
    if version.stage is Stage.CURRENT:
        return record
    if version.stage is not Stage.PENDING:
        raise record.fault(Fault.CONFLICT, f"version {number} is not pending; nothing was changed")
    record.expect(expected)
    previous, current = record.info.at(Stage.PREVIOUS), record.current()
    changes: list[tuple[int, Stage | None]] = [(number, Stage.CURRENT)]
    if current:
        changes += [(previous.number, None)] if previous else []
        changes.append((current, Stage.PREVIOUS))
    return record.staged(*changes)


def rolled_back(record: Record, number: int) -> Record:
    """See ``Store.rollback``."""
    version = record.find(number).version
    if version.stage is Stage.PENDING:
        return record.without_value(number)
    if version.stage is not Stage.CURRENT:
        return record
    previous = record.info.at(Stage.PREVIOUS)
    if previous is None:
        raise record.fault(
            Fault.NOT_FOUND, f"the value before version {number} is no longer there; nothing was changed"
        )
    return record.staged((previous.number, Stage.CURRENT), (number, Stage.PREVIOUS))


def retired(record: Record, number: int) -> Record:
    """See ``Store.retire``."""
    version = record.find(number).version
    if version.stage in (Stage.CURRENT, Stage.PENDING):
        raise record.fault(Fault.CONFLICT, f"version {number} is {version.stage.value}; nothing was changed")
    return record.without_value(number)


def annotated(record: Record, metadata: Metadata) -> Record:
    """See ``Store.annotate``."""
    record.require(live=False)
    return replace(record, metadata=metadata)


def deleted(record: Record, now: float) -> Record:
    """See ``Store.delete``."""
    record.require(live=False)
    return record if record.deleted_at is not None else replace(record, deleted_at=now)


def restored(record: Record) -> Record:
    """See ``Store.restore``."""
    record.require(live=False)
    return replace(record, deleted_at=None)


def destroyed(record: Record) -> Record:
    """See ``Store.destroy``: what stays is the name and the highest number."""
    return Record(record.name, record.key, record.last)


def rewrapped(record: Record, key: str, anew: Callable[[Entry], bytes]) -> Record:
    """Return the record with each data key wrapped again, by another key."""
    entries = tuple(one._replace(wrapped=anew(one)) if one.wrapped else one for one in record.entries)
    return replace(record, key=key, entries=entries)


def encode(record: Record) -> bytes:
    """Return the record as JSON in ASCII. docs/stores/local.md describes it."""
    document = {
        "path": record.name.path,
        "last": record.last,
        "deleted_at": record.deleted_at,
        "expires_at": record.metadata.expires_at,
        "tags": dict(record.metadata.tags),
        "versions": [
            {
                "number": version.number,
                "created_at": version.created_at,
                "stage": version.stage.value if version.stage else None,
                "token": version.token,
                "key": base64.b64encode(wrapped).decode(),
            }
            for version, wrapped in record.entries
        ],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def path_of(text: bytes) -> str:
    """Return whose record ``encode`` wrote; only for text that was authenticated."""
    return str(json.loads(text)["path"])


def decode(text: bytes, key: str) -> Record:
    """Return what ``encode`` wrote under a key; only for text that was authenticated."""
    document = json.loads(text)
    return Record(
        SecretName.parse(document["path"]),
        key,
        document["last"],
        tuple(
            Entry(
                Version(
                    number=one["number"],
                    created_at=one["created_at"],
                    stage=Stage(one["stage"]) if one["stage"] else None,
                    destroyed=not one["key"],
                    token=one["token"],
                ),
                base64.b64decode(one["key"]),
            )
            for one in document["versions"]
        ),
        document["deleted_at"],
        Metadata(document["expires_at"], document["tags"]),
    )

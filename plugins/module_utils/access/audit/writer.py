# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes an audit chain: the Auditor port on the files of one directory, which any number of threads and processes may share."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ...durable.draft import sync_directory
from ...durable.failpoints import hit
from ...model.audit import Action, Anchor, AuditHead, Entry, Result, cut_off, refuse_older
from ...model.errors import HodeiError, Kind
from . import chain, keys
from .ends import End, find_end, refuse_lost
from .segments import first_record, hash_at, locked, outdated, remove_before, segment_path

OnFailure: TypeAlias = Literal["deny", "warn"]
Noted: TypeAlias = "tuple[Entry, str]"
DAY = 86400.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Rotation:
    """When a new segment begins, and how long old ones are kept (None: for ever). Ages are seconds."""

    most_bytes: int = 16 << 20
    most_age: float = 30 * DAY
    keep: float | None = None


class Audit:
    """One chain. ``writer`` names it for good when it begins: ``OWNER/HOST/UID``.

    ``deny``: what cannot be recorded raises HodeiError, so that it is not done. ``warn``: ``warn`` is told instead, and it is done.
    ``anchored`` is how far chains in this directory are known to have got, by their writers: nothing is appended to one that is gone
    or was cut off since.
    """

    def __init__(
        self,
        directory: Path,
        writer: str,
        *,
        on_failure: OnFailure = "deny",
        warn: Callable[[str], None] | None = None,
        rotation: Rotation | None = None,
        anchored: Mapping[str, AuditHead] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self._writer = writer
        self._on_failure = on_failure
        self._warn = warn
        self._rotation = rotation or Rotation()
        self._anchored = anchored or {}
        self._clock = clock
        self._known: End | None = None
        self._key: keys.AuditKey | None = None
        self._begun: tuple[Path, float] | None = None

    def record(self, *entries: Entry, sync: bool = True) -> None:
        """Record entries, see Auditor."""
        if not entries:
            return
        try:
            with self._explained():
                with locked(self.directory):
                    descriptor = self._append([(entry, "") for entry in entries])
                _finish(descriptor, sync=sync)  # not under the lock: the file system can serve many processes at once
        except HodeiError as error:
            if self._on_failure == "deny":
                raise
            if self._warn is not None:
                self._warn(f"what was done with secrets is missing in the audit chain: {error}")

    def head(self) -> AuditHead | None:
        """Return how far the chain has got; None before its first record. Raises HodeiError."""
        with self._explained(), locked(self.directory, shared=True):
            found = self._end().head
            return found if found.seq else None

    def key(self) -> str:
        """Return the id of the key that signs what comes next. Raises HodeiError."""
        with self._explained(), locked(self.directory, shared=True):
            return self._end().key

    def anchor(self, *anchors: Anchor) -> None:
        """Tell anchors how far the chain has got, after a look whether it still has what they know.

        Raises HodeiError(conflict) when it has not: then it was cut off or replaced, and what the anchor knows stays as it is.
        """
        with self._explained(), locked(self.directory):
            end = self._end()
            if not end.head.seq:
                return
            _finish(os.open(end.path, os.O_RDONLY | os.O_CLOEXEC))  # no anchor knows what a power cut could take away
        for one in anchors:
            known = one.get(end.head.writer)
            if known is not None and hash_at(self.directory, known.seq) not in (None, known.hash):
                raise cut_off(known, end.head, one.name)
            one.put(end.head)

    def rotate_key(self) -> str:
        """Hand the chain over to a new key, which the old one signs, and destroy the old one; return the new key's id."""
        with self._explained(), locked(self.directory):
            old = self._end().key
            for leftover in set(keys.stored_keys(self.directory)) - {old}:
                keys.destroy_key(self.directory, leftover)  # of a handover that was cut short
            hit("audit.key")
            new, public = keys.make_key(self.directory)
            hit("audit.made")
            entry = _own(Action.HANDOVER, f"the key {old} hands over to {new}")
            _finish(self._append([(entry, public.hex())]))
            self._known = None
            keys.destroy_key(self.directory, old)
            hit("audit.destroyed")
            return new

    # ---- a write, under the lock -------------------------------------------------------------------------------

    def _end(self) -> End:
        known = self._known
        if known is not None and known.is_current():
            return known
        refuse_lost(self.directory, self._anchored)
        end = find_end(self.directory, self._writer)
        refuse_older(self._anchored.get(end.head.writer), end.head, "the state")
        return end

    def _append(self, entries: Sequence[Noted]) -> int:
        """Write entries behind the end of the chain; return the open segment, which is not synced."""
        end, self._known = self._end(), None
        path, own, keep = end.path, list(_about(end)), 0
        if end.torn:
            os.truncate(path, end.size - end.torn)
            hit("audit.mended")
        elif self._is_full(end):
            # Else a power cut could leave the next segment, and not the end of this one.
            _finish(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            path = segment_path(self.directory, end.head.seq + 1)
            keep = 0 if self._rotation.keep is None else outdated(self.directory, self._clock() - self._rotation.keep)
        if keep:
            own.append((_own(Action.RETENTION, f"records before {keep} are no longer kept"), str(keep)))
        key = self._signer(end.key)
        lines = list(chain.lines_of([*own, *entries], end.head, key.id, self._clock(), key.sign))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._known = self._put(descriptor, end, path, lines)
            if path != end.path or not end.head.seq:
                hit("audit.segment")
                sync_directory(self.directory)
            if keep:
                os.fsync(descriptor)
                remove_before(self.directory, keep)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _put(self, descriptor: int, end: End, path: Path, lines: Sequence[bytes]) -> End:
        size = os.fstat(descriptor).st_size
        hit("audit.append")
        try:
            _write_all(descriptor, b"".join(line + b"\n" for line in lines))
        except OSError:
            os.ftruncate(descriptor, size)
            raise
        hit("audit.appended")
        found = os.fstat(descriptor)
        head = AuditHead(end.head.writer, end.head.seq + len(lines), chain.digest(lines[-1]))
        return End(path, found.st_ino, found.st_size, head, end.key)

    def _is_full(self, end: End) -> bool:
        if end.size == 0:
            return False
        if end.size >= self._rotation.most_bytes:
            return True
        if self._begun is None or self._begun[0] != end.path:
            record = first_record(end.path)
            self._begun = end.path, chain.seconds(record.time) if record else 0.0
        return self._clock() - self._begun[1] >= self._rotation.most_age

    def _signer(self, name: str) -> keys.AuditKey:
        if self._key is None or self._key.id != name:
            self._key = keys.load_key(self.directory, name)
        return self._key

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            refuse_lost(self.directory, self._anchored)
            raise keys.missing_key(self.directory) from None
        except OSError as error:
            full = error.errno in _FULL
            raise HodeiError(
                Kind.RESOURCE_EXHAUSTED if full else Kind.CONFIGURATION,
                f"the audit chain in {self.directory} could not be written: {error.strerror or error}",
                hint="Free space or raise the limit, then run again."
                if full
                else "Check that the directory belongs to the user that runs the task and may be written by it (mode 0700).",
                retryable=False,
            ) from error


def _about(end: End) -> Iterator[Noted]:
    """Yield what the chain has to say of itself before it goes on."""
    if not end.head.seq:
        yield _own(Action.BEGIN, f"the chain of {end.head.writer} begins"), ""
    if end.torn:
        why = f"{end.torn} bytes of a write that was cut short were dropped; nobody was told that it was on disk"
        yield _own(Action.MEND, why), str(end.torn)


def _own(what: Action, why: str) -> Entry:
    return Entry(what, Result.DONE, f"uid:{os.geteuid()}", why=why)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _finish(descriptor: int, *, sync: bool = True) -> None:
    try:
        if sync:
            os.fsync(descriptor)
            hit("audit.synced")
    finally:
        os.close(descriptor)

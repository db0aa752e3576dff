# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an audit chain ends: found, and believed only when its last record is signed by the key that its writer says.

What lies behind the last signed line is a write that was cut short: nobody was told that it was on disk, and whoever could change
it could as well cut it off, so nothing is lost by dropping it. A last line that is whole and not ours is no crash: nothing is
appended to it, because a signature behind it would cover it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...model.audit import Action, AuditHead
from ...model.errors import HodeiError, Kind
from . import chain, keys
from .segments import end_of, segment_path, segments


@dataclass(frozen=True)
class End:
    """The end of a chain. ``size`` and ``inode`` are those of its last segment, of which ``torn`` bytes are to be dropped; ``key`` is
    the id of the key that signs what comes next.
    """

    path: Path
    inode: int
    size: int
    head: AuditHead
    key: str
    torn: int = 0

    def is_current(self) -> bool:
        """Whether nobody has written since."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (found.st_ino, found.st_size) == (self.inode, self.size) and segments(self.path.parent)[-1] == self.path


def next_key(record: chain.Record) -> str:
    """Return the id of the key that signs what comes after a record."""
    if record.entry.what is Action.HANDOVER:
        return keys.key_id(bytes.fromhex(record.note))
    return record.key


def find_end(directory: Path, writer: str) -> End:
    """Find the end of a chain, of which the lock is held; ``writer`` names one that has not begun.

    Raises OSError, HodeiError: configuration without the key, internal when the end is not what was written.
    """
    paths = segments(directory)
    if not paths:
        return End(segment_path(directory, 1), 0, 0, AuditHead(writer, 0, chain.NOTHING), _first_key(directory))
    found = paths[-1].stat()
    line, end = end_of(paths[-1])
    torn = found.st_size - end
    for path in reversed(paths[:-1]):
        line = line or end_of(path)[0]  # a crash may leave a segment without a whole write
    if not line:
        if paths != [segment_path(directory, 1)]:
            raise _damaged(directory, "it has no signed record")
        head = AuditHead(writer, 0, chain.NOTHING)
        return End(paths[-1], found.st_ino, found.st_size, head, _first_key(directory), torn)
    record = _believed(directory, line)
    head = AuditHead(record.writer, record.seq, chain.digest(line))
    return End(paths[-1], found.st_ino, found.st_size, head, next_key(record), torn)


def _believed(directory: Path, line: bytes) -> chain.Record:
    try:
        record, signed, signature = chain.decode(line)
        public = keys.public_keys([directory / "keys" / f"{record.key}.pub"]).get(record.key, bytes(32))
        if not keys.confirms(public, signed, signature):
            raise ValueError("its last record is not signed by its key")
        next_key(record)
    except ValueError as error:
        raise _damaged(directory, str(error)) from None
    return record


def refuse_lost(directory: Path, anchored: Mapping[str, AuditHead]) -> None:
    """Raise HodeiError(conflict) when nothing is there of chains that are known to have had records."""
    if anchored and not segments(directory):
        known = max(anchored.values(), key=lambda one: one.seq)
        raise HodeiError(
            Kind.CONFLICT,
            f"the audit chain of {known.writer} is gone from {directory}: the state has seen record {known.seq} of it",
            hint="Restore the directory from your backup, and find out who took it away. If it is lost for good, run the playbook "
            "hodei.workers.init with -e hodei_accept=audit: a new chain begins.",
        )


def _first_key(directory: Path) -> str:
    stored = keys.stored_keys(directory)
    if len(stored) != 1:
        raise (
            keys.missing_key(directory) if not stored else _damaged(directory, "it has more keys than one and no chain")
        )
    return stored[0]


def _damaged(directory: Path, why: str) -> HodeiError:
    return HodeiError(
        Kind.INTERNAL,
        f"the audit chain in {directory} is not what was written: {why}; nothing was appended",
        hint="See what audit_info (verify: true) finds, and who can write there. To go on, move the directory to where it is kept and "
        "run the playbook hodei.workers.init with -e hodei_accept=audit: a new chain begins.",
    )

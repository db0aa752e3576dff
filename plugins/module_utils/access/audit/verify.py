# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies an audit chain: a pure function from its lines, public keys and anchored heads to what is wrong, and what cannot be known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ...model.audit import Action, AuditHead
from . import chain, keys
from .chain import Record
from .ends import next_key


class Flaw(str, Enum):
    """What verification finds. The last five accuse nobody."""

    EDITED = "edited"
    REORDERED = "reordered"
    REMOVED = "removed"
    TRUNCATED = "truncated"
    REPLACED = "replaced"
    BAD_SIGNATURE = "bad_signature"
    WRONG_KEY = "wrong_key"
    UNKNOWN_KEY = "unknown_key"
    TORN = "torn"
    MENDED = "mended"
    RETENTION = "retention"
    EMPTY = "empty"
    NOT_DETECTABLE = "not_detectable"


_HARMLESS = frozenset({Flaw.TORN, Flaw.MENDED, Flaw.RETENTION, Flaw.EMPTY, Flaw.NOT_DETECTABLE})


@dataclass(frozen=True)
class Found:
    """One thing that verification has to say. ``seq`` is the record that it is about, as far as that is known."""

    flaw: Flaw
    seq: int
    message: str

    @property
    def tampering(self) -> bool:
        """Whether no crash, setting or missing anchor explains it."""
        return self.flaw not in _HARMLESS


@dataclass(frozen=True)
class Report:
    """``head`` is the last record that a signature covers; ``anchored`` the last one that an anchor confirms (0: none)."""

    found: tuple[Found, ...]
    first: int = 0
    records: int = 0
    head: AuditHead | None = None
    anchored: int = 0

    @property
    def intact(self) -> bool:
        """Whether nothing was tampered with, as far as that can be known."""
        return not any(one.tampering for one in self.found)


@dataclass
class _Walk:
    """How far verification has got. ``unsigned`` are the records since the last signature; ``hashes`` are of the lines, by number."""

    public: dict[str, bytes]
    found: list[Found] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    kept_from: int = 0
    first: int = 0
    last: Record | None = None
    previous: str | None = None
    expected: int = 0
    key: str | None = None
    unsigned: list[Record] = field(default_factory=list)
    head: AuditHead | None = None

    def say(self, flaw: Flaw, seq: int, message: str) -> None:
        self.found.append(Found(flaw, seq, message))


def verify(
    lines: Iterable[bytes], public: Mapping[str, bytes], anchors: Mapping[str, AuditHead | None] | None = None
) -> Report:
    """Verify the lines of a chain, each with its end (``segments.read_lines``).

    ``public`` are the keys that are trusted to begin with, by id; the others are handed over in the chain. ``anchors`` are the heads
    that anchors remember, by the anchor's name; None for one that remembers nothing or cannot be asked.
    """
    walk = _Walk(dict(public))
    torn = 0
    for line in lines:
        if line.endswith(b"\n"):
            _take(walk, line[:-1])
        else:
            torn = len(line)
    _judge_end(walk, torn)
    _judge_beginning(walk)
    anchored = _judge_anchors(walk, anchors or {})
    return Report(tuple(walk.found), walk.first, len(walk.hashes), walk.head, anchored)


def _take(walk: _Walk, line: bytes) -> None:
    try:
        record, signed, signature = chain.decode(line)
    except ValueError as error:
        walk.say(Flaw.EDITED, walk.expected, f"where record {walk.expected} should be stands something else: {error}")
        walk.previous, walk.expected = None, walk.expected + 1
        return
    _judge_place(walk, record)
    walk.last, walk.previous, walk.expected = record, chain.digest(line), record.seq + 1
    walk.hashes[record.seq] = walk.previous
    walk.unsigned.append(record)
    if signature and _judge_signature(walk, record, signed, signature):
        _believe(walk)
        walk.head = AuditHead(record.writer, record.seq, walk.previous)
        walk.key = next_key(record)
    if signature:
        walk.unsigned.clear()


def _judge_place(walk: _Walk, record: Record) -> None:
    """Hold a record against the one before it."""
    seq = record.seq
    walk.first = walk.first or seq
    if walk.expected == 0:
        if seq == 1 and record.previous != chain.NOTHING:
            walk.say(Flaw.EDITED, 1, "record 1 follows something, and nothing is before it")
        return
    if seq > walk.expected:
        missing = str(walk.expected) if seq == walk.expected + 1 else f"{walk.expected} to {seq - 1}"
        walk.say(Flaw.REMOVED, walk.expected, f"{missing} missing before record {seq}")
    elif seq < walk.expected:
        walk.say(Flaw.REORDERED, seq, f"record {seq} stands behind record {walk.expected - 1}")
    elif walk.previous is not None and record.previous != walk.previous:
        walk.say(Flaw.EDITED, seq - 1, f"record {seq - 1} is not the one that record {seq} was written after")
    if walk.last is not None and record.writer != walk.last.writer:
        walk.say(Flaw.EDITED, seq, f"record {seq} is of another writer ({record.writer})")


def _judge_signature(walk: _Walk, record: Record, signed: bytes, signature: bytes) -> bool:
    """Tell whether a signature is a good one of the key that was in force."""
    seq, public = record.seq, walk.public.get(record.key)
    if public is None:
        walk.say(Flaw.UNKNOWN_KEY, seq, f"record {seq} is signed by the key {record.key}, which is not known")
    elif not keys.confirms(public, signed, signature):
        walk.say(Flaw.BAD_SIGNATURE, seq, f"record {seq} is not signed by its key {record.key}")
    elif walk.key not in (None, record.key):
        walk.say(Flaw.WRONG_KEY, seq, f"record {seq} is signed by {record.key}; the key then was {walk.key}")
    else:
        return True
    return False


def _believe(walk: _Walk) -> None:
    """Take up what the chain says of itself, now that a signature covers it."""
    for record in walk.unsigned:
        what = record.entry.what
        if what is Action.RETENTION and record.note.isdecimal():
            walk.kept_from = max(walk.kept_from, int(record.note))
        elif what is Action.MEND:
            walk.say(Flaw.MENDED, record.seq, f"before record {record.seq}, {record.entry.why}")
    last = walk.unsigned[-1]
    if last.entry.what is Action.HANDOVER:
        walk.public[next_key(last)] = bytes.fromhex(last.note)


def _judge_end(walk: _Walk, torn: int) -> None:
    parts = [f"{len(walk.unsigned)} unsigned records"] if walk.unsigned else []
    parts += [f"{torn} bytes of a record"] if torn else []
    if parts:
        last = walk.head.seq if walk.head else 0
        why = "a write that was cut short; nobody was told that it was on disk, and the next record mends it"
        walk.say(Flaw.TORN, last, f"behind record {last} stand {' and '.join(parts)}: {why}")


def _judge_beginning(walk: _Walk) -> None:
    if walk.first > 1 and walk.first <= walk.kept_from:
        walk.say(Flaw.RETENTION, walk.first, f"the chain begins at record {walk.first}: retention")
    elif walk.first > 1:
        walk.say(
            Flaw.REMOVED, 1, f"the chain begins at record {walk.first}, and no record says that those before may go"
        )
    elif not walk.first:
        walk.say(Flaw.EMPTY, 0, "there is no record")


def _judge_anchors(walk: _Walk, anchors: Mapping[str, AuditHead | None]) -> int:
    last, anchored = max(walk.hashes, default=0), 0
    for name, head in anchors.items():
        if head is None:
            continue
        if head.seq > last:
            walk.say(
                Flaw.TRUNCATED, last + 1, f"{name} has seen record {head.seq}, and the chain ends at record {last}"
            )
        elif head.seq >= walk.first and walk.hashes.get(head.seq) != head.hash:
            walk.say(Flaw.REPLACED, head.seq, f"record {head.seq} is not the one that {name} has seen")
        elif head.seq >= walk.first:
            anchored = max(anchored, head.seq)
    if not anchored:
        walk.say(Flaw.NOT_DETECTABLE, 1, "whether its end was cut off is not detectable: no anchor has seen any record")
    elif anchored < last:
        unseen = (
            f"whether records behind {last} were cut off is not detectable: anchors know the chain up to {anchored}"
        )
        walk.say(Flaw.NOT_DETECTABLE, anchored + 1, unseen)
    return anchored

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The format of an audit chain: records, their lines, and how each is tied to the one before. Pure.

A line is ``{"record":R}`` or ``{"record":R,"signature":S}``, R in canonical JSON (sorted keys, no spaces, ASCII, nothing empty). R
has ``previous``, the SHA-256 of the whole line before, signature included, so no byte changes without a trace. S is Ed25519 over R's
bytes. Each write is signed once, on its last line: a signature covers all that came before it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from ...model.audit import Action, AuditHead, Entry, Result
from ...model.errors import HodeiError

SCHEMA = 1
NOTHING = "0" * 64  # what the first record follows
_DOMAIN = b"hodei.workers audit record\n"
_LINE = re.compile(rb'\{"record":(\{.*\})(?:,"signature":"([0-9a-f]{128})")?\}')
_TEXTS = frozenset(one.name for one in fields(Entry)) - {"what", "result", "version"}
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Record:
    """An entry in its chain. ``key`` is the id of the key that signs it; ``note`` is for the chain's own records."""

    writer: str
    seq: int
    previous: str
    key: str
    time: str
    entry: Entry
    note: str = ""


def as_dict(record: Record) -> dict[str, Any]:
    """Return the fields of a record that are not empty, as JSON has them."""
    entry = record.entry
    document: dict[str, Any] = {name: getattr(entry, name) for name in _TEXTS}
    document |= {"what": entry.what.value, "result": entry.result.value, "version": entry.version}
    document |= {name: getattr(record, name) for name in ("writer", "seq", "previous", "key", "time", "note")}
    document |= {"schema": SCHEMA, "verified": entry.verified}
    return {name: value for name, value in document.items() if value != "" and value is not None}


def encode(record: Record) -> bytes:
    """Return the canonical JSON of a record."""
    return _encode(as_dict(record)).encode()


def decode(line: bytes) -> tuple[Record, bytes, bytes]:
    """Return what stands in a line (without its end): the record, the bytes that are signed, the signature or nothing.

    Raises ValueError when no version of ours has written it.
    """
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError("it is no record")
    body: bytes = found[1]
    try:
        document = json.loads(body)
        if document.pop("schema") != SCHEMA:
            raise ValueError("another version wrote it")
        verified, what, result = (document.pop(name) for name in ("verified", "what", "result"))
        rest = {name: document.pop(name) for name in list(document) if name in _TEXTS or name == "version"}
        record = Record(**document, entry=Entry(Action(what), Result(result), **rest))
        sound = verified is record.entry.verified and encode(record) == body
        if record.entry.what is Action.HANDOVER:
            bytes.fromhex(record.note)
    except (KeyError, TypeError, AttributeError, RecursionError, HodeiError) as error:
        raise ValueError(f"it has other fields ({error})") from None
    if not sound or not _typed(record):
        raise ValueError("its fields do not fit together")
    return record, _DOMAIN + body, bytes.fromhex((found[2] or b"").decode())


def _typed(record: Record) -> bool:
    texts = [record.writer, record.previous, record.key, record.time, record.note]
    texts += [getattr(record.entry, name) for name in _TEXTS]
    numbers = [record.seq] if record.entry.version is None else [record.seq, record.entry.version]
    return all(isinstance(text, str) for text in texts) and not any(
        isinstance(number, bool) or not isinstance(number, int) for number in numbers
    )


def is_signed(line: bytes) -> bool:
    """Whether a line is a whole one with a signature, good or not: the end of a write."""
    found = _LINE.fullmatch(line)
    return bool(found and found[2])


def digest(line: bytes) -> str:
    """Return what the record after a line has as ``previous``."""
    return hashlib.sha256(line).hexdigest()


def lines_of(
    records: Iterable[tuple[Entry, str]], head: AuditHead, key: str, now: float, sign: Sign
) -> Iterator[bytes]:
    """Yield the lines of one write of entries with their notes, behind a head; the last is signed."""
    time = datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    pending, seq, previous = list(records), head.seq, head.hash
    for number, (entry, note) in enumerate(pending, 1):
        seq += 1
        body = encode(Record(head.writer, seq, previous, key, time, entry, note))
        tail = b',"signature":"%s"' % sign(_DOMAIN + body).hex().encode() if number == len(pending) else b""
        line = b'{"record":%s%s}' % (body, tail)
        previous = digest(line)
        yield line


def seconds(time: str) -> float:
    """Return a record's time as Unix seconds."""
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()

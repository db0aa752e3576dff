# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chain in memory for tests of what reads chains, and one in a directory for those that write."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import chain, keys
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.verify import Report, verify
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.writer import Audit, Rotation
from ansible_collections.hodei.workers.plugins.module_utils.model.audit import Action, AuditHead, Entry, Result

WRITER = "ci/host1/1000"
NOW = 1_790_000_000.0


def entry(secret: str = "db/password", what: Action = Action.READ, **others: object) -> Entry:
    """Return something to record."""
    return Entry(what, Result.DONE, "uid:1000", secret=secret, store="local", version=3, **others)  # type: ignore[arg-type]


class MemoryKey:
    """A key that lies in no file."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()
        self.id = keys.key_id(self.public)

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


def chain_of(key: MemoryKey, writes: Sequence[int], head: AuditHead | None = None) -> list[bytes]:
    """Return the lines of writes of so many records each, with their ends."""
    head = head or AuditHead(WRITER, 0, chain.NOTHING)
    lines: list[bytes] = []
    for count in writes:
        pending = [(entry(f"s/{head.seq + number}"), "") for number in range(count)]
        written = list(chain.lines_of(pending, head, key.id, NOW, key.sign))
        head = AuditHead(WRITER, head.seq + count, chain.digest(written[-1]))
        lines += [line + b"\n" for line in written]
    return lines


def head_of(lines: Sequence[bytes], seq: int) -> AuditHead:
    """Return what an anchor remembers that was asked to when the chain had so many records."""
    return AuditHead(WRITER, seq, chain.digest(lines[seq - 1][:-1]))


def opened(directory: Path, **options: object) -> Audit:
    """Open the chain of a directory as one more process does; make its key if there is none."""
    if not keys.stored_keys(directory):
        keys.create_audit_key(directory)
    ticks = itertools.count(NOW).__next__
    options.setdefault("clock", ticks)
    return Audit(directory, WRITER, **options)  # type: ignore[arg-type]


def verified(directory: Path, anchors: dict[str, AuditHead | None] | None = None) -> Report:
    """Verify what is on disk by the keys beside it."""
    public = keys.public_keys(sorted((directory / "keys").glob("*.pub")))
    return verify(read_lines(directory), public, anchors)


SMALL = Rotation(most_bytes=2000)

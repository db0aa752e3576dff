# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an audit chain: segments named by the number of their first record (``000000000001.jsonl``), under one lock.

The lock is the directory itself (flock): it needs no file of its own, and readers that may write nothing can share it.
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path

from ...durable.failpoints import hit
from . import chain

_BLOCK = 64 << 10


@contextmanager
def locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a chain, against threads too. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def segments(directory: Path) -> list[Path]:
    """Return the segments, oldest first."""
    return sorted(path for path in directory.glob("*.jsonl") if path.stem.isdigit())


def segment_path(directory: Path, seq: int) -> Path:
    """Return where the segment lies, or would lie, that begins with a record."""
    return directory / f"{seq:012}.jsonl"


def read_lines(directory: Path) -> list[bytes]:
    """Return all lines with their ends, as they were at one moment. Raises OSError."""
    with locked(directory, shared=True):
        return [line for path in segments(directory) for line in io.BytesIO(path.read_bytes())]


def first_record(path: Path) -> chain.Record | None:
    """Return the record that a segment begins with; None when it has none that can be read."""
    with path.open("rb") as file:
        line = file.readline()
    try:
        return chain.decode(line.removesuffix(b"\n"))[0]
    except ValueError:
        return None


def hash_at(directory: Path, seq: int) -> str | None:
    """Return the digest of a record's line; None when it is no longer kept, empty when the chain ends before it."""
    paths = segments(directory)
    path = next((path for path in reversed(paths) if int(path.stem) <= seq), None)
    if path is None:
        return None if paths else ""
    with path.open("rb") as file:
        line = next(islice(file, seq - int(path.stem), None), b"")
    return chain.digest(line.removesuffix(b"\n")) if line else ""


def outdated(directory: Path, before: float) -> int:
    """Return the number of the first record to keep, when segments that ended before a time may go; 0 when none may.

    A segment may go when the next one has its closing head: then what is left begins at a known place.
    """
    keep, paths = 0, segments(directory)
    for path, following in pairwise(paths):
        record = first_record(following)
        if record is None or chain.seconds(record.time) >= before or record.previous != chain.digest(end_of(path)[0]):
            break
        keep = record.seq
    return keep


def remove_before(directory: Path, seq: int) -> None:
    """Remove the segments that end before a record, the oldest first."""
    paths = segments(directory)
    for path, following in pairwise(paths):
        if int(following.stem) <= seq:
            path.unlink()
            hit("audit.removed")


def end_of(path: Path) -> tuple[bytes, int]:
    """Return the last signed line of a segment (empty: it has none), and where that ends: behind it is a torn write."""
    size = path.stat().st_size
    window = _BLOCK
    with path.open("rb") as file:
        while True:
            start = max(0, size - window)
            file.seek(start)
            data = file.read(size - start)
            begin, end = _last_signed(data)
            if end and (begin or not start):
                return data[begin : end - 1], start + end
            if not start:
                return b"", 0
            window *= 8


def _last_signed(data: bytes) -> tuple[int, int]:
    """Return where the last signed line begins and ends; (0, 0) when there is none."""
    end = data.rfind(b"\n") + 1
    while end:
        begin = data.rfind(b"\n", 0, end - 1) + 1
        if chain.is_signed(data[begin : end - 1]):
            return begin, end
        end = begin
    return 0, 0

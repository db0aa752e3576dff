# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a torn write-ahead log from a damaged one.

SQLite stops at the first frame whose checksum is wrong and drops the rest. That is right for the last transaction,
which a crash cut short before anybody was told that it is durable. It is silently wrong when a bit flipped earlier:
transactions that were acknowledged vanish. What lies behind the cut tells one from the other, because a frame is
written only after the transaction before it was synced.

The format is documented in https://sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIIIII")
_MAGIC = 0x377F0682


def damaged_in_the_middle(log: BinaryIO, accepted: int) -> bool:
    """Tell whether a log lost acknowledged transactions, when SQLite accepted only its first ``accepted`` frames.

    True when, behind them, a whole transaction is followed by more frames of the same log, or when the log's own
    header is damaged. The loss of exactly the last transaction cannot be told from a crash.
    """
    header = log.read(_HEADER.size)
    size = log.seek(0, 2)
    if len(header) < _HEADER.size or size < _HEADER.size + _FRAME.size:
        return False
    magic, _format, page, _sequence, salt1, salt2, _sum1, _sum2 = _HEADER.unpack(header)
    if not _sound(header, magic):
        return True
    step, transactions = _FRAME.size + page, 0
    for start in range(_HEADER.size + accepted * step, size - _FRAME.size, step):
        log.seek(start)
        _page, committed, first, second, *_unused = _FRAME.unpack(log.read(_FRAME.size))
        if (first, second) != (salt1, salt2):
            continue  # left over from before the log was last reset
        if transactions:
            return True
        transactions += committed > 0
    return False


def _sound(header: bytes, magic: int) -> bool:
    """Check the header's own checksum, whose byte order the last bit of the magic number tells."""
    if magic & ~1 != _MAGIC:
        return False
    words = struct.unpack((">" if magic & 1 else "<") + "6I", header[:24])
    sum1 = sum2 = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        sum1 = (sum1 + even + sum2) % 2**32
        sum2 = (sum2 + odd + sum1) % 2**32
    return (sum1, sum2) == struct.unpack(">II", header[24:])

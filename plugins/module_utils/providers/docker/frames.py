# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Engine sends of two outputs on one connection: frames.

The framing is that of ContainerAttach in the API: a byte for the stream, three of nothing, four for the length, big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">BxxxI")
STDERR = 2


class Frames:
    """Takes a stream of frames apart as it comes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0
        self._stream = 0

    def parts(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Return what data brings: parts of frames, each with its stream."""
        self._buffer += data
        while self._buffer and self._header():
            part = bytes(self._buffer[: self._left])
            del self._buffer[: len(part)]
            self._left -= len(part)
            yield self._stream, part

    def whole(self, data: bytes) -> Iterator[bytes]:
        """Return only frames that are there to their end."""
        self._buffer += data
        while self._header() and len(self._buffer) >= self._left:
            frame = bytes(self._buffer[: self._left])
            del self._buffer[: len(frame)]
            self._left = 0
            yield frame

    def _header(self) -> bool:
        """Read the next header where one is due; False when it is not there yet."""
        if not self._left:
            if len(self._buffer) < _HEADER.size:
                return False
            self._stream, self._left = _HEADER.unpack(self._buffer[: _HEADER.size])
            del self._buffer[: _HEADER.size]
        return True

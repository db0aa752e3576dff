# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes out of a command that runs inside a worker."""

from __future__ import annotations

import errno
from typing import BinaryIO

from ..model.errors import HodeiError, Kind


class Output:
    """What came out of one stream: its first ``limit`` bytes (None: all), or all of it in a file."""

    def __init__(self, limit: int | None, file: BinaryIO | None = None) -> None:
        self.data = bytearray()
        self.truncated = False
        self._limit = limit
        self._file = file

    def take(self, chunk: bytes) -> None:
        """Keep what there is room for. Raises OSError of the file."""
        if self._file is not None:
            self._file.write(chunk)
            return
        room = len(chunk) if self._limit is None else self._limit - len(self.data)
        self.data += chunk[:room]
        self.truncated = self.truncated or len(chunk) > room


def file_problem(error: OSError, where: str) -> HodeiError:
    """Say that a file on this side of a command could not be used."""
    kind = Kind.RESOURCE_EXHAUSTED if error.errno in (errno.ENOSPC, errno.EDQUOT) else Kind.AUTHORIZATION
    return HodeiError(
        kind,
        f"a file on this side of a command could not be read or written: {error.strerror or error}",
        hint="Make room, or check whose file it is.",
        where=where,
    )

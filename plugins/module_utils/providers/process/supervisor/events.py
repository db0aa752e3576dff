# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened to the workers of an owner: JSON lines, bounded to two files, readable without a supervisor."""

from __future__ import annotations

import asyncio
import os

from .wire import EVENTS_NAME, OLD_EVENTS_NAME, encode

_LONGEST = 2 << 20


class EventLog:
    """Appends events, all of one turn of the loop in one write."""

    def __init__(self, directory: int) -> None:
        self._directory = directory
        self._pending: list[bytes] = []

    def tell(self, at: float, address: str, event: str, detail: str = "", run_id: str = "") -> None:
        """Note one event; it is on file a moment later."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append(encode([round(at, 3), address, event, detail, run_id]))

    def flush(self) -> None:
        """Write what is pending; events that find no room on the disk are dropped, the workers matter more."""
        lines, self._pending = self._pending, []
        if not lines:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(EVENTS_NAME, flags, 0o600, dir_fd=self._directory)
        except OSError:
            return
        try:
            os.write(fd, b"".join(lines))
            long = os.fstat(fd).st_size > _LONGEST
        except OSError:
            return
        finally:
            os.close(fd)
        if long:
            os.rename(EVENTS_NAME, OLD_EVENTS_NAME, src_dir_fd=self._directory, dst_dir_fd=self._directory)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A socket in front of an Engine that hangs up on one call, before the Engine hears of it or after it has done it."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHANGING = (b"POST ", b"DELETE ")


class Cutting:
    """Hangs up on the ``number``-th call (counted from 1) that changes something; ``calls`` counts them."""

    def __init__(self, upstream: str, number: int, *, after: bool) -> None:
        self._upstream = upstream
        self._number = number
        self._after = after
        self._lock = threading.Lock()
        self.calls = 0

    def serve(self, server: socket.socket) -> None:
        """Serve each connection in a thread, until the server is closed."""
        while True:
            try:
                client, _unused = server.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self._upstream)
            doomed = False
            while True:
                readable, _unused, _unused_too = select.select([client, engine], [], [])
                for one in readable:
                    try:
                        data = one.recv(1 << 16)
                    except ConnectionError:
                        return
                    if one is client and data.startswith(_CHANGING):
                        doomed = self._is_it()
                    if not data or (doomed and (one is engine or not self._after)):
                        return
                    (engine if one is client else client).sendall(data)

    def _is_it(self) -> bool:
        with self._lock:
            self.calls += 1
            return self.calls == self._number


@contextmanager
def cutting(url: str, place: Path, number: int, *, after: bool) -> Iterator[tuple[Cutting, str]]:
    """Yield what hangs up, and its own address."""
    path = place / f"cut-{number}-{after}.sock"
    made = Cutting(url.removeprefix("unix://"), number, after=after)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(64)
        thread = threading.Thread(target=made.serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield made, f"unix://{path}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in front of an Engine: something that hangs up in the middle of a call, something that refuses calls."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .places import short_directory

_CHANGING = (b"POST ", b"DELETE ")
_ASKING = (*_CHANGING, b"GET ", b"HEAD ", b"PUT ")
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Between(ABC):
    """Carries connections to an Engine's socket, each in a thread; ``calls`` counts what it is for."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream.removeprefix("unix://")
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
            while True:
                readable, _unused, _unused_too = select.select([client, engine], [], [])
                for one in readable:
                    try:
                        data = one.recv(1 << 16)
                        if not data or not self._pass(data, client, engine, asks=one is client):
                            return
                    except ConnectionError:
                        return

    @abstractmethod
    def _pass(self, data: bytes, client: socket.socket, engine: socket.socket, *, asks: bool) -> bool:
        """Send on what came from the client (``asks``) or from the Engine; false ends the connection."""


class Cutting(Between):
    """Hangs up on the ``number``-th call (counted from 1) that changes something, before the Engine hears of it or after it did it."""

    def __init__(self, upstream: str, number: int, *, after: bool) -> None:
        super().__init__(upstream)
        self._number = number
        self._after = after
        self._doomed = threading.local()

    def _pass(self, data: bytes, client: socket.socket, engine: socket.socket, *, asks: bool) -> bool:
        if asks and data.startswith(_CHANGING):
            self._doomed.now = self._is_it()
        if getattr(self._doomed, "now", False) and not (asks and self._after):
            return False
        (engine if asks else client).sendall(data)
        return True

    def _is_it(self) -> bool:
        with self._lock:
            self.calls += 1
            return self.calls == self._number


class Refusing(Between):
    """Says of the first ``times`` calls that begin with a text, as an Engine does, why not; the others pass. ``calls`` counts those."""

    def __init__(self, upstream: str, begins: str, status: int, message: str, times: int) -> None:
        super().__init__(upstream)
        self._begins = begins.encode()
        self._answer = status, json.dumps({"message": message}).encode()
        self._times = times

    def _pass(self, data: bytes, client: socket.socket, engine: socket.socket, *, asks: bool) -> bool:
        if asks and data.startswith(self._begins):
            with self._lock:
                self.calls += 1
                refused = self.calls <= self._times
            if refused:
                _read_body(data, client)
                status, body = self._answer
                head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)
                return True
        (engine if asks else client).sendall(data)
        return True


class Storm(Between):
    """Answers calls by itself, with the status that ``weather`` names; lets those pass for which it says 0. ``asked`` has the
    moment of each call, on the monotonic clock; ``refused`` counts those that did not pass.
    """

    def __init__(self, upstream: str, weather: Callable[[], int], retry_after: int = 0) -> None:
        super().__init__(upstream)
        self.weather = weather
        self._retry_after = retry_after
        self.asked: list[float] = []
        self.refused = 0

    def _pass(self, data: bytes, client: socket.socket, engine: socket.socket, *, asks: bool) -> bool:
        if asks and data.startswith(_ASKING):
            with self._lock:
                self.calls += 1
                self.asked.append(time.monotonic())
                status = self.weather()
                self.refused += status > 0
            if status:
                _read_body(data, client)
                client.sendall(self._refusal(status))
                return True
        (engine if asks else client).sendall(data)
        return True

    def _refusal(self, status: int) -> bytes:
        wait = f"Retry-After: {self._retry_after}\r\n" if self._retry_after else ""
        return f"HTTP/1.1 {status} Storm\r\n{wait}Content-Length: 6\r\n\r\nstormy".encode()


def _read_body(data: bytes, client: socket.socket) -> None:
    """Read a request to its end, so that the next one begins where it should."""
    while _END not in data:
        data += client.recv(1 << 16)
    head, _unused, body = data.partition(_END)
    lengths = [int(line[len(_LENGTH) :]) for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH)]
    missing = (lengths[0] if lengths else 0) - len(body)
    while missing > 0:
        missing -= len(client.recv(missing))


@contextmanager
def standing(between: Between, *, local: bool = False) -> Iterator[str]:
    """Yield the address at which something stands: a socket in a directory of its own (``local``), or a port of the loopback."""
    with (
        short_directory() as place,
        socket.socket(socket.AF_UNIX if local else socket.AF_INET) as server,
    ):
        server.bind(f"{place}/s" if local else ("127.0.0.1", 0))
        server.listen(64)
        thread = threading.Thread(target=between.serve, args=(server,), daemon=True)
        thread.start()
        try:
            yield f"unix://{server.getsockname()}" if local else "tcp://{}:{}".format(*server.getsockname())
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)

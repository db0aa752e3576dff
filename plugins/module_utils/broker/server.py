# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The broker's side of the socket. It lives as long as the playbook that it watches, and a little longer to log out."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from .directory import PrivateDirectory
from .playbook import Playbook, ended
from .processes import descends, peer_of, started_at
from .service import Service
from .wire import Opening, ProtocolError, open_as_broker, receive, send

LOGOUT_SECONDS = 10.0
_OPENING_SECONDS = 10.0
_MOST_CONNECTIONS = 4096
_STACK = 1 << 20


class Server:
    """Serves one playbook and its forks. Raises HodeiError when that has ended."""

    def __init__(self, playbook: Playbook, service: Service, directory: PrivateDirectory) -> None:
        self._playbook, self._service, self._directory = playbook, service, directory
        self._handle = _watch(playbook)
        self._connections: set[socket.socket] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        directory.remove(playbook.name)
        self._listener.bind(directory.address(playbook.name))
        self._listener.listen(512)
        self._listener.setblocking(False)

    def run(self) -> bool:
        """Serve until the playbook ends; True, or until somebody asks this process to end; False. Then nobody is served any more."""
        woken, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        threading.stack_size(_STACK)
        poll = select.poll()
        for one in (self._handle, self._listener.fileno(), woken.fileno()):
            poll.register(one, select.POLLIN)
        while True:
            ready = {one for one, _event in poll.poll()}
            if self._handle in ready or woken.fileno() in ready:
                self._hang_up()
                return self._handle in ready
            self._accept()

    def _accept(self) -> None:
        try:
            connection, _unused = self._listener.accept()
        except OSError:  # out of descriptors, or whoever it was has gone
            return
        connection.settimeout(_OPENING_SECONDS)
        allowed = (
            peer_of(connection).uid == os.geteuid()
            and len(self._connections) < _MOST_CONNECTIONS
            and descends(connection, self._playbook.pid)
        )
        if not allowed:
            connection.close()
            return
        self._connections.add(connection)
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(ProtocolError, OSError):
            open_as_broker(connection, Opening(self._playbook, os.getpid(), peer_of(connection).pid))
            connection.settimeout(None)
            while (frame := receive(connection, most_body=0)) is not None:
                send(connection, self._service.answer(frame.head))
        self._connections.discard(connection)

    def _hang_up(self) -> None:
        self._directory.remove(self._playbook.name)
        self._listener.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def serve(playbook: Playbook, service: Service, ready: Callable[[], None], log: Callable[[str], None]) -> None:
    """Be the broker of a playbook, unless there is one: until that ends. Raises HodeiError when it cannot begin."""
    directory = PrivateDirectory(playbook.directory)
    with directory.locked(f"{playbook.name}.lock", 0.0) as alone:
        if not alone:
            ready()
            return
        server = Server(playbook, service, directory)
        ready()
        if server.run():
            for suffix in (".lock", ".start"):
                directory.remove(playbook.name + suffix)
    for said in service.close(LOGOUT_SECONDS):  # not under the lock: another broker may be needed meanwhile
        log(said)


def _watch(playbook: Playbook) -> int:
    """Return a descriptor that tells when the playbook ends; it is of that process and no other that got its id."""
    with suppress(OSError):
        handle = os.pidfd_open(playbook.pid)
        if started_at(playbook.pid) == playbook.started:
            return handle
        os.close(handle)
    raise ended()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forker: a small process that forks for the supervisor.

To fork costs by the memory of the one who does it, and what the supervisor holds grows with its workers: through a
process that has imported next to nothing a start takes a third of the time. The forker forks twice and the process in
between ends, so that each child is given to the supervisor, its nearest subreaper (prctl(2)), who alone waits for it.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from typing import NoReturn

from . import prctl
from .child import become, close_above

_STREAMS = 4
_CONTROL = 3


class Forker:
    """The supervisor's handle on its forker; starts another when that one has died."""

    def __init__(self) -> None:
        self.pid = 0
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Fork it off, best before much is imported."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            _serve(theirs)
        theirs.close()
        ours.setblocking(False)
        self.stop()
        self._control = ours

    def stop(self) -> None:
        """Let it leave."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def fork(self, fds: Sequence[int]) -> None:
        """Have a child forked that gets these descriptors: its gate, and three streams or none.

        Raises BlockingIOError when the forker is behind (this object becomes writable when it has caught up), OSError when
        it is gone.
        """
        if self._control is None:
            self.start()
        try:
            socket.send_fds(self._connected, [b"f"], list(fds))
        except (BrokenPipeError, ConnectionResetError):
            self.start()
            socket.send_fds(self._connected, [b"f"], list(fds))

    def fileno(self) -> int:
        """Return the descriptor that an event loop can wait for."""
        return self._connected.fileno()

    @property
    def _connected(self) -> socket.socket:
        if self._control is None:
            raise ChildProcessError("there is no forker")
        return self._control


def _serve(control: socket.socket) -> NoReturn:
    """Fork for each message until the supervisor hangs up; never returns into the supervisor's code."""
    try:
        signal.set_wakeup_fd(-1)
        _forget_signals()
        # The processes in between leave no status for us to collect.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.dup2(control.fileno(), _CONTROL, inheritable=False)
        # The supervisor's lock above all: it must be free as soon as the supervisor is gone.
        close_above(_CONTROL)
        prctl.set_name("hodei-forker")
        with socket.socket(fileno=_CONTROL) as mine:
            while fds := socket.recv_fds(mine, 1, _STREAMS)[1]:
                _fork_twice(fds)
    finally:
        os._exit(0)


def _forget_signals() -> None:
    """Ignore and block none, for our children's sake: a shell that starts us in the background has us ignore SIGQUIT, for one."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)


def _fork_twice(fds: list[int]) -> None:
    if os.fork() == 0:
        try:
            # A child that ends before we do keeps its status for the supervisor.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if os.fork() == 0:
                become(fds[0], fds[1:])
        finally:
            os._exit(0)
    for fd in fds:
        os.close(fd)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks, their forks and a broker, without Ansible."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.broker.client import Client
from ansible_collections.hodei.workers.plugins.module_utils.broker.playbook import Playbook, this_playbook
from ansible_collections.hodei.workers.plugins.module_utils.broker.starting import start
from ansible_collections.hodei.workers.tests.support import broker_program
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {0} import main; sys.exit(main())"


def read(name: str = "db/password", *, config: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a request."""
    address = {"store": "noted", "config": dict(config or {})}
    given = {"tenant": "", "version": "current", "field": "", "max_age": None, "by": {}, **more}
    return {"op": "read", "address": address, "name": name, **given}


class Bed:
    """A directory for a playbook and what its broker writes down. ``close`` ends its brokers."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.meeting = place / "meeting"
        self.meeting.mkdir(mode=0o700)
        self.journal = place / "journal"
        self.journal.touch()
        self.started: list[Playbook] = []

    @property
    def playbook(self) -> Playbook:
        """The playbook that this process, or the one that multiprocessing forked it from, is."""
        return this_playbook(str(self.meeting))

    def client(self, playbook: Playbook | None = None) -> Client:
        """Return one process's side."""
        return Client(playbook or self.playbook, self.start)

    def value(self, playbook: Playbook | None = None, **config: Any) -> str:
        """Ask for a value as a process that never did before."""
        return self.client(playbook).ask(read(config=config)).body.decode()

    def start(self, playbook: Playbook) -> None:
        """Have a broker started."""
        with open(self.journal, "ab", buffering=0) as file:
            file.write(b"start\n")
        code = _START.format(broker_program.__name__)
        start([sys.executable, "-P", "-c", code, str(collections()), str(self.journal)], playbook)

    def lines(self, word: str = "") -> list[str]:
        """Return what was done to the store."""
        return [line for line in self.journal.read_text().splitlines() if line.startswith(word)]

    def log(self) -> str:
        """Return what the broker logged."""
        path = Path(f"{self.journal}.log")
        return path.read_text() if path.exists() else ""

    def brokers(self) -> list[int]:
        """Return the processes that are brokers of this bed."""
        return brokers_of(str(self.journal).encode(), "cmdline")

    def close(self) -> None:
        """End what serves here."""
        for pid in self.brokers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.brokers(), "the brokers to die")


def brokers_of(mark: bytes, where: str = "environ") -> list[int]:
    """Return the brokers that have a mark in their environment or command line."""
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{where}"):
        with suppress(OSError):
            if path.with_name("comm").read_text() == "hodei-broker\n" and mark in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def collections() -> Path:
    """Return the directory that ansible_collections is found in."""
    return Path(next(one for one in sys.path if (Path(one) / "ansible_collections" / "hodei").is_dir()))


class Fork:
    """A forked process that does some work and then waits to be killed, or ends; what ``work`` returns is told as text."""

    def __init__(self, work: Callable[[], object], *, stay: bool = True) -> None:
        self._ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                self._ours.close()
                theirs.sendall(str(work()).encode())
                theirs.shutdown(socket.SHUT_WR)
                code = 0
                if stay:
                    signal.pause()
            except BaseException as error:  # noqa: BLE001 - the child's only way to tell
                traceback.print_exc()
                with suppress(OSError):
                    theirs.sendall(f"{type(error).__name__}: {error}".encode())
            finally:
                os._exit(code)
        theirs.close()

    def said(self) -> str:
        """Wait for its work."""
        self._ours.settimeout(60)
        chunks = []
        while chunk := self._ours.recv(65536):
            chunks.append(chunk)
        return b"".join(chunks).decode()

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait for its death."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self._ours.close()


@contextmanager
def forked(work: Callable[[], object]) -> Iterator[Fork]:
    """Yield a fork that has done its work and stays."""
    fork = Fork(work)
    try:
        yield fork
    finally:
        fork.end()

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwards: a file for each in the owner's directory, and a small process that outlives the task.

The process holds the lock of the file for as long as it lives, and the file's time of change is when the forward ends (relay.py).
It is a fork of the module: so it has the provider with all that it needs, credentials too, without anything being written down, and
runs although Ansible deletes the module's code when the task ends. What it needs has to be loaded before.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..model.address import Address
from ..model.errors import HodeiError, Kind

if TYPE_CHECKING:
    from .relay import Dial, Exists

FOLDER = "forwards"
_PATIENCE = 10.0
_POLL = 0.02
_READ = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Forward(NamedTuple):
    """One that lives: ``port`` is the worker's as it was asked for, ``ends`` in Unix seconds."""

    address: str
    port: str
    bind: str
    local_port: int
    pid: int
    ends: float

    def as_dict(self) -> dict[str, Any]:
        """Return the form of results."""
        return {
            "address": self.address,
            "port": self.port,
            "bind": self.bind,
            "local_port": self.local_port,
            "expires_at": round(self.ends, 3),
        }


def forwards(directory: Path) -> list[Forward]:
    """Return the forwards of an owner that live, ordered by address."""
    try:
        names = os.listdir(directory / FOLDER)
    except FileNotFoundError:
        return []
    found = [one for name in names if (one := _read(directory / FOLDER / name)) is not None]
    return sorted(found, key=lambda one: (one.address, one.port))


class Place:
    """The file of one forward."""

    def __init__(self, folder: Path, address: Address, port: str, bind: str) -> None:
        self._folder = folder
        self._address = address
        self._port = port
        self._bind = bind
        key = hashlib.sha256(f"{address} {port} {bind}".encode()).hexdigest()[:12]
        self._path = folder / f"{address.slug}.{key}"

    def look(self) -> Forward | None:
        """Return the forward if it lives."""
        return _read(self._path)

    def renew(self, ttl: float) -> Forward:
        """Let it live for a time from now. Raises HodeiError when it has just ended."""
        _set_end(self._path, time.time() + ttl)
        found = self.look()
        if found is None:
            raise HodeiError(Kind.CONFLICT, "the forward ended meanwhile", hint="Run it again.", retryable=True)
        return found

    def close(self) -> None:
        """End it, and wait until its process has gone. Raises HodeiError(timeout)."""
        try:
            fd = os.open(self._path, _READ)
        except FileNotFoundError:
            return
        try:
            # Whoever holds it alone is the process that the file names: its number belongs to nobody else.
            if not _lock(fd, fcntl.LOCK_SH):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(_content(fd)["pid"], signal.SIGTERM)
            deadline = time.monotonic() + _PATIENCE
            while not _lock(fd):
                if time.monotonic() > deadline:
                    raise HodeiError(
                        Kind.TIMEOUT,
                        "the process of the forward does not end",
                        hint=f"Kill process {_content(fd)['pid']}.",
                    )
                time.sleep(_POLL)
            self._remove(fd)
        finally:
            os.close(fd)

    def _remove(self, fd: int) -> None:
        """Delete the file by whoever holds its lock, and the folder with the last one."""
        with contextlib.suppress(OSError):
            if os.fstat(fd).st_nlink:
                self._path.unlink()
            self._folder.rmdir()

    def open(self, dial: Dial, exists: Exists, local_port: int, ttl: float) -> Forward:
        """Listen, and leave a process behind that serves. Raises HodeiError."""
        from .relay import serve

        with _listener(self._bind, local_port) as listener, _claimed(self._path) as file:
            ready, told = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(ready)
                self._detach(lambda: serve(listener, dial, exists, file), listener, file, told, ttl)
            os.close(told)
            os.waitpid(child, 0)
            with open(ready, "rb") as answer:
                began = answer.read() == b"1"
        found = self.look() if began else None
        if found is None:
            self._path.unlink(missing_ok=True)
            raise HodeiError(Kind.INTERNAL, "the process of the forward did not start", where=str(self._address))
        return found

    def _detach(self, work: Callable[[], None], listener: socket.socket, file: int, told: int, ttl: float) -> None:
        """In the child: become a process of nobody, and serve. Does not return."""
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
            _let_go({listener.fileno(), file, told})
            about = {
                "address": str(self._address),
                "port": self._port,
                "bind": self._bind,
                "local_port": listener.getsockname()[1],
                "pid": os.getpid(),
            }
            os.pwrite(file, json.dumps(about).encode(), 0)
            _set_end(file, time.time() + ttl)
            os.write(told, b"1")
            os.close(told)
            work()
        finally:
            self._remove(file)
            os._exit(0)


def _let_go(kept: set[int]) -> None:
    """Give back what the module had open: whoever started it waits for the end of its outputs."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _listener(bind: str, port: int) -> socket.socket:
    try:
        return socket.create_server((bind, port), family=socket.AF_INET6 if ":" in bind else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise HodeiError(
            Kind.CONFLICT,
            f"cannot listen on {bind} port {port}: {getattr(error, 'strerror', None) or error}",
            hint="Leave local_port out to get a free one.",
            where="local_port",
        ) from error


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[int]:
    """Make a forward's file and take its lock, which a fork inherits. Raises HodeiError(conflict) when another run was faster."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            fd = os.open(path, _READ | os.O_CREAT, 0o600)
        except FileNotFoundError:  # a forward that ended has just taken the folder along
            continue
        if _lock(fd) and os.fstat(fd).st_nlink:
            break
        os.close(fd)
        if _read(path) is not None or time.monotonic() > deadline:
            raise HodeiError(
                Kind.CONFLICT, "another run has just opened this forward", hint="Run it again.", retryable=True
            )
        time.sleep(_POLL)
    try:
        os.ftruncate(fd, 0)
        yield fd
    finally:
        os.close(fd)


def _read(path: Path) -> Forward | None:
    """Read a forward that lives; the file of one that was killed is no forward."""
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        if _lock(fd, fcntl.LOCK_SH):  # several may look at the same time
            return None
        return Forward(**_content(fd), ends=os.fstat(fd).st_mtime)
    except ValueError:  # about to begin
        return None
    finally:
        os.close(fd)


def _content(fd: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(os.pread(fd, 1 << 16, 0))
    return content


def _lock(fd: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _set_end(file: int | Path, end: float) -> None:
    os.utime(file, (end, end))

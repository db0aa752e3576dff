# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's side of the supervisor's socket: connects, starts or replaces the supervisor, asks."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ...model.errors import HodeiError, Kind
from .supervisor.wire import LINE_LIMIT, PROTOCOL, SOCKET_NAME, decode, encode

_PEER = struct.Struct("3i")
_ATTEMPTS = 4
_POLL = 0.005
_RELAUNCH = 1.0


class Greeting(NamedTuple):
    """What a supervisor says of itself; ``limits`` are those that cgroups enforce for its workers, ``owner`` is empty where it is
    too old to tell.
    """

    protocol: int
    version: str
    digest: str
    superseded: tuple[str, ...]
    pid: int
    limits: frozenset[str]
    owner: str = ""


class Version(NamedTuple):
    """Our own supervisor's version and digest, and whose workers it would look after."""

    version: str
    digest: str
    owner: str = ""


class GoneError(Exception):
    """The supervisor left or was killed before it had answered, or took along what another was to be started from."""


def replaces(ours: Version, running: Greeting) -> bool:
    """Whether our supervisor should take the place of the one that runs.

    A newer version does, an older one never. Of two builds of one version the one that came last stays: each remembers
    whom it superseded, so that two checkouts do not throw each other out again and again. One that works for the owner of
    before a move is replaced by any that is not older.
    """
    if running.owner and ours.owner and ours.owner != running.owner:
        return _order(ours.version) >= _order(running.version)
    if ours.digest == running.digest:
        return False
    if _order(ours.version) != _order(running.version):
        return _order(ours.version) > _order(running.version)
    return ours.digest not in running.superseded


def _order(version: str) -> tuple[int, ...]:
    """Sort versions by their numbers; a pre-release counts as its release."""
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdigit())


class Connection:
    """One conversation: a greeting, a request, its answers."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._timeout = timeout
        line = self._line(time.monotonic() + timeout)
        self.greeting = Greeting(
            protocol=line["protocol"],
            version=line["version"],
            digest=line["digest"],
            superseded=tuple(line["superseded"]),
            pid=line["pid"],
            limits=frozenset(line["limits"]),
            owner=line.get("owner", ""),
        )

    def ask(self, request: dict[str, Any], patience: float = 0.0, fds: Sequence[int] = ()) -> Iterator[dict[str, Any]]:
        """Send a request and yield its answers up to the last; ``patience`` seconds beyond the usual for each.

        Raises HodeiError(timeout), and GoneError when the supervisor hangs up.
        """
        self._sock.settimeout(self._timeout)
        data = encode(request)
        try:
            if fds:
                sent = socket.send_fds(self._sock, [data], list(fds))
                data = data[sent:]
            if data:  # to send nothing would fail where the peer has answered and gone already
                self._sock.sendall(data)
        except TimeoutError:
            raise _silent(self._timeout) from None
        except OSError as error:
            raise GoneError from error
        while True:
            line = self._line(time.monotonic() + self._timeout + patience)
            yield line
            if "end" in line or "rows" in line or ("error" in line and "i" not in line):
                return

    def _line(self, deadline: float) -> dict[str, Any]:
        """Read the next line."""
        start = 0
        while True:
            end = self._buffer.find(b"\n", start)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                message: dict[str, Any] = decode(line)
                return message
            start = len(self._buffer)
            self._fill(deadline)

    def _fill(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        try:
            self._sock.settimeout(max(left, 0.001))
            data = self._sock.recv(1 << 18)
        except TimeoutError:
            raise _silent(self._timeout) from None
        except OSError as error:
            raise GoneError from error
        if not data or len(self._buffer) > LINE_LIMIT:
            raise GoneError
        self._buffer += data

    def hang_up(self) -> None:
        """Wake whoever waits for an answer."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def __enter__(self) -> Connection:
        """Close when done."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Hang up."""
        self.close()


def _silent(timeout: float) -> HodeiError:
    return HodeiError(
        Kind.TIMEOUT,
        f"the supervisor of the local workers does not answer within {timeout:g} s",
        hint="It may be stopped (SIGSTOP) or the machine overloaded; nothing was changed for lack of an answer. "
        "If it hangs, kill the process named hodei-process: no worker is lost, and the next run starts another.",
    )


class Client:
    """Reaches the supervisor of one owner directory.

    ``launch`` starts one (``launch(superseded)``), ``successor`` gives the command line of ours for an orderly handover.
    """

    def __init__(
        self,
        directory: str,
        timeout: float,
        ours: Callable[[], Version],
        launch: Callable[[Sequence[str]], None],
        successor: Callable[[Sequence[str]], list[str]],
    ) -> None:
        self._directory = directory
        self._timeout = timeout
        self._ours = ours
        self._launch = launch
        self._successor = successor

    @property
    def timeout(self) -> float:
        """How long an answer may take, in seconds."""
        return self._timeout

    def connect(self) -> Connection | None:
        """Connect to the supervisor that runs; None when there is none. Raises HodeiError when it does not answer."""
        try:
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HodeiError(
                Kind.AUTHORIZATION, f"cannot open {self._directory}: {error.strerror}", hint="Whose directory is it?"
            ) from error
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._timeout)
            # Through a descriptor, because the path of a socket may not exceed 108 bytes (unix(7)).
            _connect(sock, f"/proc/self/fd/{directory}/{SOCKET_NAME}", self._timeout)
            _check_peer(sock, self._directory)
            return Connection(sock, self._timeout)
        except (FileNotFoundError, ConnectionRefusedError, GoneError):
            sock.close()
            return None
        except (TimeoutError, BlockingIOError):
            sock.close()
            raise _silent(self._timeout) from None
        except BaseException:
            sock.close()
            raise
        finally:
            os.close(directory)

    def demand(self) -> Connection:
        """Connect to a supervisor that is at least ours, starting or replacing it. Raises HodeiError."""
        deadline = time.monotonic() + 3 * self._timeout
        superseded: Sequence[str] = ()
        while time.monotonic() < deadline:
            connection = self.connect()
            if connection is None:
                try:
                    self._launch(superseded)
                except GoneError:
                    continue
                connection = self._await(min(deadline, time.monotonic() + _RELAUNCH))
            if connection is None:
                continue
            running = connection.greeting
            if not replaces(self._ours(), running):
                _check_protocol(running)
                return connection
            superseded = (*running.superseded, running.digest)
            with connection:
                self._replace(connection, superseded)
        raise _silent(3 * self._timeout)

    def _await(self, deadline: float) -> Connection | None:
        while time.monotonic() < deadline:
            connection = self.connect()
            if connection is not None:
                return connection
            time.sleep(_POLL)
        return None

    def _replace(self, connection: Connection, superseded: Sequence[str]) -> None:
        """Have the running supervisor become ours; the workers notice nothing."""
        request = {"op": "handover", "command": self._successor(superseded)}
        old = connection.greeting
        try:
            for _unused in connection.ask(request):
                pass
        except GoneError:
            return
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            time.sleep(_POLL)
            following = self.connect()
            if following is not None:
                with following:
                    if (following.greeting.digest, following.greeting.owner) != (old.digest, old.owner):
                        return

    def ask(self, request: dict[str, Any], patience: float = 0.0) -> Iterator[dict[str, Any]]:
        """Ask a supervisor, starting one if need be; asked again of the next one when it is killed meanwhile.

        Every request is idempotent, so answers may come twice. Raises HodeiError.
        """
        for _unused in range(_ATTEMPTS):
            try:
                with self.demand() as connection:
                    yield from connection.ask(request, patience)
                return
            except GoneError:
                continue
        raise HodeiError(
            Kind.NETWORK,
            f"the supervisor of the local workers died {_ATTEMPTS} times while it was asked",
            hint=f"Look into supervisor.log in {self._directory}.",
        )


def _connect(sock: socket.socket, path: str, timeout: float) -> None:
    """Connect; a queue of callers that is full is waited for, which the kernel does not do where there is a timeout."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            sock.connect(path)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL)


def _check_protocol(running: Greeting) -> None:
    if running.protocol != PROTOCOL:
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"the local workers are supervised by version {running.version}, which this version cannot talk to",
            hint="Use that version of the collection, or a newer one.",
        )


def _check_peer(sock: socket.socket, directory: str) -> None:
    """Talk to our own supervisor only, whoever else may have bound the path."""
    uid = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1]
    if uid != os.geteuid():
        raise HodeiError(
            Kind.AUTHENTICATION, f"the socket in {directory} belongs to uid {uid}, not to this user", hint="Remove it."
        )

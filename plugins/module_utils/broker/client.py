# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side of whoever needs a secret: finds the playbook's broker, or has one started, and asks it."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..model.errors import HodeiError, Kind
from .directory import PrivateDirectory
from .playbook import Playbook, ended
from .processes import peer_of, started_at
from .wire import Frame, HungUpError, Opening, ProtocolError, open_as_client, receive, send

if TYPE_CHECKING:
    from ..model.secret_value import SecretValue

#: A store may be slow; a broker that says nothing for so long is stuck.
ANSWER_SECONDS = 120.0
_OPENING_SECONDS, _START_SECONDS = 15.0, 30.0
_ATTEMPTS = 3
_MOST_CHARACTERS = 30_000  # of one question: JSON may write six for one
_OF_EACH = 8  # what a digest adds to that
_GONE = (FileNotFoundError, ConnectionError, HungUpError)
_SILENT = "the broker of secrets does not answer"


class Refused(HodeiError):
    """An error that the broker answered with; ``fault`` is what a store had to say, or empty."""

    def __init__(self, told: Mapping[str, str]) -> None:
        super().__init__(Kind(told["kind"]), told["message"], hint=told["hint"], where=told["where"])
        self.fault = told["fault"]


class Client:
    """One connection of one process; may be shared by threads, and not by forks.

    ``start`` makes a process that serves the playbook, and returns when it does or raises HodeiError.
    """

    def __init__(self, playbook: Playbook, start: Callable[[Playbook], None]) -> None:
        self._playbook, self._start = playbook, start
        self._directory = PrivateDirectory(playbook.directory)
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._proof = b""

    def ask(self, request: Mapping[str, Any]) -> Frame:
        """Ask, of a new broker when there is none or it was killed: nothing that is asked does harm when it is asked twice.

        Raises Refused, HodeiError.
        """
        with self._lock:
            for _attempt in range(_ATTEMPTS):
                try:
                    answer = self._exchange(self._connected(), request)
                except TimeoutError:
                    self.close()
                    raise HodeiError(Kind.TIMEOUT, f"{_SILENT} for {ANSWER_SECONDS:.0f} s") from None
                except (ProtocolError, OSError):
                    self.close()
                else:
                    if "error" in answer.head:
                        raise Refused(answer.head["error"])
                    return answer
        raise HodeiError(
            Kind.INTERNAL,
            "the broker of secrets hangs up",
            hint="It does so when it is killed, and with a process that is no fork of its ansible-playbook.",
        )

    def known(self, texts: Sequence[str]) -> list[bool]:
        """Tell which texts are or hold secrets that somebody in this playbook was given; starts no broker."""
        found = [False] * len(texts)
        if self._ask_running({"op": "known", "marks": [], "texts": []}) is None:
            return found
        for portion in _portions(texts):
            marks = [self._playbook.mark(texts[number].encode(errors="surrogatepass")) for number, _piece in portion]
            answer = self._ask_running({"op": "known", "marks": marks, "texts": [piece for _number, piece in portion]})
            for (number, _piece), known in zip(portion, answer.head["known"] if answer else (), strict=False):
                found[number] = found[number] or known
        return found

    def borrow(self, address: Mapping[str, Any]) -> SecretValue:
        """Return the broker's login to a store, where one runs and lends it; else nothing, and who asks has to log in."""
        from ..model.secret_value import SecretValue  # lookups need it not

        answer = self._ask_running({"op": "lend", "address": address})
        return SecretValue(b"" if answer is None or "error" in answer.head else answer.body)

    def forget(self) -> None:
        """Have the broker forget what it has read, where one runs: somebody has written."""
        self._ask_running({"op": "forget"})

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask_running(self, request: Mapping[str, Any]) -> Frame | None:
        with self._lock:
            try:
                return self._exchange(self._connection or self._dial(), request)
            except (ProtocolError, OSError):
                self.close()
                return None

    def _exchange(self, connection: socket.socket, request: Mapping[str, Any]) -> Frame:
        proof, self._proof = self._proof, b""
        send(connection, Frame(request), before=proof)
        answer = receive(connection)
        if answer is None:
            raise HungUpError("it hung up")
        return answer

    def _connected(self) -> socket.socket:
        if self._connection is not None:
            return self._connection
        try:
            return self._dial()
        except _GONE:
            pass
        if started_at(self._playbook.pid) != self._playbook.started:
            raise ended()
        with self._directory.locked(f"{self._playbook.name}.start", _START_SECONDS) as alone:
            if not alone:
                raise TimeoutError
            try:
                return self._dial()  # somebody else was quicker
            except _GONE:
                self._start(self._playbook)
                return self._dial()

    def _dial(self) -> socket.socket:
        """Connect and check who answers. Raises HodeiError when that is somebody else."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            # In blocking mode: with a timeout of Python's own a full queue would be an error at once.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(_OPENING_SECONDS), 0))
            connection.connect(self._directory.address(self._playbook.name))
            connection.settimeout(_OPENING_SECONDS)
            peer = peer_of(connection)
            if peer.uid != os.geteuid():
                raise _impostor(f"a process of user {peer.uid}")
            try:
                self._proof = open_as_client(connection, Opening(self._playbook, peer.pid, os.getpid()))
            except HungUpError:
                raise
            except ProtocolError as error:
                raise _impostor(f"process {peer.pid}: {error}") from None
            connection.settimeout(ANSWER_SECONDS)
        except BlockingIOError:
            connection.close()
            raise TimeoutError(_SILENT) from None
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection


def _portions(texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Divide texts into questions, each text after its position; of what is long, pieces overlap by what may be found in them."""
    from .given_values import LONGEST_WITHIN  # lookups need it not

    portion: list[tuple[int, str]] = []
    size = 0
    for number, text in enumerate(texts):
        for start in range(0, max(1, len(text)), _MOST_CHARACTERS - LONGEST_WITHIN):
            piece = text[start : start + _MOST_CHARACTERS]
            size += len(piece) + _OF_EACH
            if portion and size > _MOST_CHARACTERS:
                yield portion
                portion, size = [], len(piece) + _OF_EACH
            portion.append((number, piece))
    if portion:
        yield portion


def _impostor(who: str) -> HodeiError:
    return HodeiError(
        Kind.AUTHENTICATION,
        f"what answers in place of this playbook's broker of secrets is not that ({who})",
        hint="No secret was asked of it. Find out what it is; it runs as this user.",
    )

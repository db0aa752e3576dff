# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the socket: frames, and the proofs that open each connection.

A frame is two lengths, a JSON object, and bytes that may be a value: these never become text on their way. The client begins with 16
random bytes; the broker answers with 16 of its own and its proof; the client's proof goes before its first request. Both
proofs are made of the playbook's key, of both random parts and of both process ids as the kernel tells them, so that nobody can
pass them on.
"""

from __future__ import annotations

import hmac
import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from .playbook import Playbook

NONCE_BYTES, PROOF_BYTES = 16, 32
MOST_HEAD, MOST_BODY = 256 << 10, 32 << 20
_LENGTHS = struct.Struct("!II")


class ProtocolError(Exception):
    """The other side is none of ours."""


class HungUpError(ProtocolError):
    """The other side has gone, or does not want us."""


class Frame(NamedTuple):
    """One message. ``body`` may be a secret, so a frame shows nothing of it."""

    head: Mapping[str, Any]
    body: bytes = b""

    def __repr__(self) -> str:
        return "Frame(hidden)"


def send(connection: socket.socket, frame: Frame, before: bytes = b"") -> None:
    """Send a frame, with bytes before it that belong to the opening."""
    head = json.dumps(frame.head, default=str).encode()
    connection.sendall(b"".join((before, _LENGTHS.pack(len(head), len(frame.body)), head, frame.body)))


def receive(connection: socket.socket, most_body: int = MOST_BODY) -> Frame | None:
    """Return the next frame; None when the other side has finished. Raises ProtocolError, OSError."""
    lengths = _exactly(connection, _LENGTHS.size, may_end=True)
    if not lengths:
        return None
    head, body = _LENGTHS.unpack(lengths)
    if head > MOST_HEAD or body > most_body:
        raise ProtocolError("a message is longer than any that we send")
    try:
        found = json.loads(_exactly(connection, head))
    except (ValueError, RecursionError):
        found = None  # raised from here, the error would carry what was received
    if not isinstance(found, dict):
        raise ProtocolError("a message is no JSON object")
    return Frame(found, _exactly(connection, body))


class Opening(NamedTuple):
    """What both sides of a connection know when it opens."""

    playbook: Playbook
    broker: int
    client: int

    def proof(self, role: bytes, asked: bytes, answered: bytes) -> bytes:
        """Return the proof of one side."""
        return self.playbook.prove(role, b"%d %d" % (self.broker, self.client), asked + answered)


def open_as_client(connection: socket.socket, opening: Opening) -> bytes:
    """Check the broker and return our proof, which goes before the first request. Raises ProtocolError, OSError."""
    asked = os.urandom(NONCE_BYTES)
    connection.sendall(asked)
    answer = _exactly(connection, NONCE_BYTES + PROOF_BYTES)
    answered, proof = answer[:NONCE_BYTES], answer[NONCE_BYTES:]
    if not hmac.compare_digest(proof, opening.proof(b"broker", asked, answered)):
        raise ProtocolError("it does not have the key of this playbook")
    return opening.proof(b"client", asked, answered)


def open_as_broker(connection: socket.socket, opening: Opening) -> None:
    """Prove ourselves and check the client. Raises ProtocolError, OSError."""
    asked = _exactly(connection, NONCE_BYTES)
    answered = os.urandom(NONCE_BYTES)
    connection.sendall(answered + opening.proof(b"broker", asked, answered))
    if not hmac.compare_digest(_exactly(connection, PROOF_BYTES), opening.proof(b"client", asked, answered)):
        raise ProtocolError("it does not have the key of this playbook")


def _exactly(connection: socket.socket, length: int, *, may_end: bool = False) -> bytes:
    chunks: list[bytes] = []
    left = length
    while left:
        chunk = connection.recv(min(left, 1 << 20))
        if not chunk:
            if may_end and left == length:
                return b""
            raise HungUpError("it hung up")
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)

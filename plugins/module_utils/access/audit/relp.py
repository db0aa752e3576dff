# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of RELP, the only syslog transport that acknowledges: the server answers each message when it has taken it.

UDP, TCP and TLS (RFC 5426, 6587, 5425) acknowledge nothing: what was sent may be lost without anybody knowing. Of Python's libraries
for RELP none is kept (pyrelp is for Python 2). The protocol: http://www.rsyslog.com/doc/relp.html, version 0.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import BinaryIO

from ...model.errors import HodeiError, Kind

_OFFERS = b"relp_version=0\nrelp_software=hodei.workers\ncommands=syslog"
_WINDOW = 50  # messages on their way: servers allow 128
_MOST_DIGITS, _MOST_ANSWER = 9, 64 << 10


def send(address: tuple[str, int], messages: Sequence[bytes], timeout: float) -> None:
    """Send messages in order; the server has acknowledged all of them when this returns. ``timeout`` is for each answer.

    Raises HodeiError(network, retryable): then some may have arrived.
    """
    try:
        with socket.create_connection(address, timeout) as connection, connection.makefile("rb") as answers:
            number = 1
            connection.sendall(_frame(number, b"open", _OFFERS))
            _expect(answers, {number})
            for start in range(0, len(messages), _WINDOW):
                window = messages[start : start + _WINDOW]
                numbers = range(number + 1, number + 1 + len(window))
                connection.sendall(
                    b"".join(_frame(one, b"syslog", text) for one, text in zip(numbers, window, strict=True))
                )
                _expect(answers, set(numbers))
                number = numbers[-1]
            connection.sendall(_frame(number + 1, b"close", b""))
    except (OSError, ValueError) as error:
        raise HodeiError(
            Kind.NETWORK,
            f"the syslog server {address[0]}:{address[1]} has not acknowledged: {error}",
            hint="It has to take RELP (rsyslog: module imrelp), which is no other syslog protocol.",
            retryable=True,
        ) from error


def _frame(number: int, command: bytes, data: bytes) -> bytes:
    return b"%d %s %d%s\n" % (number, command, len(data), b" " + data if data else b"")


def _expect(answers: BinaryIO, numbers: set[int]) -> None:
    """Read answers until each of these commands has one that says 200. Raises ValueError, OSError."""
    while numbers:
        number, command, data = _read(answers)
        if command == b"serverclose":
            raise ValueError("it closed the session")
        if command != b"rsp" or number not in numbers or data.partition(b" ")[0] != b"200":
            raise ValueError(f"it answered {command[:20]!r} {data[:80]!r}")
        numbers = numbers - {number}


def _read(answers: BinaryIO) -> tuple[int, bytes, bytes]:
    number, command, length = _word(answers), _word(answers), b""
    while (byte := answers.read(1)).isdigit() and len(length) < _MOST_DIGITS:
        length += byte
    if not (number.isdigit() and length.isdigit()) or int(length) > _MOST_ANSWER or byte not in (b" ", b"\n"):
        raise ValueError("it speaks another protocol")
    data = answers.read(int(length)) if byte == b" " else b""
    if byte == b" " and (len(data) != int(length) or answers.read(1) != b"\n"):
        raise ValueError("it broke off")
    return int(number), command, data


def _word(answers: BinaryIO) -> bytes:
    word = b""
    while (byte := answers.read(1)) not in (b" ", b"") and len(word) < _MOST_DIGITS + 23:
        word += byte
    return word

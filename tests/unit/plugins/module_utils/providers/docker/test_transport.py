# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines to an Engine; what is at the other end of TLS here only echoes."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.endpoint import Endpoint, Tls
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.transport import connect, ssh_command
from ansible_collections.hodei.workers.tests.testbed.certificates import Authority

BIG = 8 << 20


class Echo:
    """Sends back what it gets; to who has finished sending it says bye. It asks for a certificate of ``authority``."""

    def __init__(self, authority: Authority) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*authority.issue("server"))
        self._context.load_verify_locations(authority.ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            raw, _unused = self._listener.accept()
            with raw, contextlib.suppress(OSError):
                if raw.recv(1, socket.MSG_PEEK) == b"q":
                    return
                with self._context.wrap_socket(raw, server_side=True) as stream:
                    while data := stream.recv(1 << 16):
                        stream.sendall(data)
                    stream.sendall(b"bye")

    def close(self) -> None:
        """Tell it to leave."""
        with socket.create_connection(self._listener.getsockname()) as stream:
            stream.sendall(b"q")
        self._thread.join()
        self._listener.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whom both sides trust."""
    return Authority(tmp_path / "good")


@pytest.fixture
def echo(authority: Authority) -> Iterator[Echo]:
    """The other end."""
    with contextlib.closing(Echo(authority)) as made:
        yield made


def test_tls_carries_both_ways_at_once_and_a_half_close(echo: Echo, authority: Authority) -> None:
    """More than all buffers hold, so that neither side may wait for the other; then the last word of the other side."""
    data = random.Random(1).randbytes(BIG)
    line = connect(Endpoint(echo.url, Tls(authority.ca, *authority.issue("client"))), 30.0)

    def send() -> None:
        line.sock.sendall(data)
        line.sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    heard = b"".join(iter(lambda: line.sock.recv(1 << 16), b""))
    sender.join()
    line.close()
    assert heard == data + b"bye"
    assert line.why() is None


def test_tls_that_does_not_trust(echo: Echo, authority: Authority, tmp_path: Path) -> None:
    """We do not trust it; it does not trust us, which shows only after the handshake; somebody has to."""
    stranger = Authority(tmp_path / "stranger", "stranger")
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(Endpoint(echo.url, Tls(stranger.ca, *authority.issue("client"))), 30.0)
    for own in (("", ""), stranger.issue("client")):
        line = connect(Endpoint(echo.url, Tls(authority.ca, *own)), 30.0)
        with contextlib.suppress(OSError):
            assert line.sock.recv(1) == b""
        assert isinstance(line.why(), ssl.SSLError)
        line.close()
    unchecked = connect(Endpoint(echo.url, Tls("", *authority.issue("client"), False)), 30.0)
    unchecked.sock.sendall(b"x")
    assert unchecked.sock.recv(1) == b"x"
    unchecked.close()


def test_how_ssh_is_called() -> None:
    """Nobody can be asked; what the URL does not say is left to the user's own configuration of ssh."""
    assert ssh_command("ssh://deploy@build-1:2222", 10.0) == [
        *["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"],
        *["-l", "deploy", "-p", "2222", "-T", "--", "build-1", "docker", "system", "dial-stdio"],
    ]
    assert ssh_command("ssh://build-1", 0.2) == [
        *["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1"],
        *["-T", "--", "build-1", "docker", "system", "dial-stdio"],
    ]

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines to an Engine: a plain socket at our end, whether its own socket, TCP, TLS or ssh lies between."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...model.credential import Credential, again
from ...model.errors import HodeiError, Kind
from .endpoint import Endpoint, Tls

_CHUNK = 1 << 16
_LEAVING = 5.0
_PLAIN, _TLS = 2375, 2376
#: A question whose answer has no body.
_PING, _END = b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n", b"\r\n\r\n"


class Line:
    """A connection; what talks HTTP over it needs to know nothing of what lies between."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def why(self) -> Exception | None:
        """Return what ended it, where that is known."""
        return None

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def connect(endpoint: Endpoint, timeout: float) -> Line:
    """Connect to an Engine. Raises OSError, and HodeiError(configuration)."""
    url = urlsplit(endpoint.url)
    if url.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(timeout)
            sock.connect(url.path)
        except OSError:
            sock.close()
            raise
        return Line(sock)
    if url.scheme == "ssh":
        return _Ssh(endpoint.url, timeout)
    if endpoint.tls is not None:
        tls, place = endpoint.tls, (url.hostname or "", url.port or _TLS)
        return again(tls.credentials, lambda: _Tls(*place, tls, timeout), _is_refusal)
    return Line(socket.create_connection((url.hostname or "", url.port or _PLAIN), timeout))


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, (ssl.SSLError, ConnectionError))


class _Ssh(Line):
    """The docker command of the other machine leads to its Engine, as ``docker -H ssh://`` does it."""

    def __init__(self, url: str, timeout: float) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(timeout)
        super().__init__(ours)
        self._words: list[str] = []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the line
        with theirs:
            try:
                self._process = subprocess.Popen(
                    ssh_command(url, timeout),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=self._said,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                ours.close()
                raise OSError(error.errno, "this machine has no ssh") from error

    def why(self) -> Exception | None:
        """Return the last words of ssh."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVING)
        if not self._said.closed:
            self._said.seek(0)
            self._words = self._said.read().decode(errors="replace").strip().splitlines()
        return ConnectionError(self._words[-1]) if self._words else None

    def close(self) -> None:
        """Hang up, which ends ssh; one that does not hear is killed."""
        super().close()
        self.why()
        self._process.kill()
        self._process.wait()
        self._said.close()


def ssh_command(url: str, timeout: float) -> list[str]:
    """Return how to reach the Engine of another machine; nobody is there to be asked for a password."""
    parts = urlsplit(url)
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, round(timeout))}"]
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    return ["ssh", *options, *user, *port, "-T", "--", parts.hostname or "", "docker", "system", "dial-stdio"]


class _Tls(Line):
    """TLS by a thread: what is before it can be waited for, and closed for sending alone, as a socket of TLS cannot."""

    def __init__(self, host: str, port: int, tls: Tls, timeout: float) -> None:
        self._into, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._fault: Exception | None = None
        self._tls = tls_context(tls).wrap_bio(self._into, self._out, server_hostname=host)
        self._raw = socket.create_connection((host, port), timeout)
        try:
            self._shake_hands()
            if tls.credentials:
                self._prove()
        except (OSError, ssl.SSLError):
            self._raw.close()
            raise
        ours, self._theirs = socket.socketpair()
        ours.settimeout(timeout)
        super().__init__(ours)
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def why(self) -> Exception | None:
        """Return what went wrong with TLS; a certificate of ours may be refused after the handshake."""
        self._thread.join(_LEAVING)
        return self._fault

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                data = self._raw.recv(_CHUNK)
                if not data:
                    raise ConnectionResetError("it hung up in the handshake of TLS") from None
                self._into.write(data)
        self._flush()

    def _prove(self) -> None:
        """Have the other side say whether it takes our certificate, which TLS 1.3 leaves to what is read first."""
        self._tls.write(_PING)
        self._flush()
        answer = b""
        while _END not in answer:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                received = self._raw.recv(_CHUNK)
                self._into.write(received)
                if not received:
                    raise ConnectionResetError("it hung up when it was asked who we are") from None
            else:
                if not data:
                    raise ConnectionResetError("it hung up when it was asked who we are")
                answer += data

    def _flush(self) -> None:
        data = self._out.read()
        if data:
            self._raw.sendall(data)

    def close(self) -> None:
        """Hang up on both sides."""
        super().close()
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)
        self._thread.join(_LEAVING)

    def _relay(self) -> None:
        try:
            with self._raw, self._theirs:
                self._raw.setblocking(False)
                self._theirs.setblocking(False)
                self._carry()
        except (OSError, ssl.SSLError) as error:
            self._fault = error

    def _carry(self) -> None:
        """Carry both ways until the other side has finished; who does not read keeps only those waiting who send to it."""
        come, go, sending, receiving = b"", b"", True, True
        while receiving or come:
            reading = [self._raw] if receiving and not come else []
            writing = [one for one, data in ((self._raw, go), (self._theirs, come)) if data]
            ready, free, _unused = select.select(reading + ([self._theirs] if sending and not go else []), writing, [])
            if self._theirs in ready:
                sending = self._encrypt(self._theirs.recv(_CHUNK))
            if self._raw in ready:
                data = self._raw.recv(_CHUNK)
                self._into.write(data)
                come, receiving = self._decrypt()
                receiving = receiving and bool(data)
            if self._theirs in free:
                come = come[self._theirs.send(come) :]
            if self._raw in free:
                go = go[self._raw.send(go) :]
            go = go or self._out.read()

    def _encrypt(self, data: bytes) -> bool:
        """Take what is to be sent; nothing says that we have finished, and what comes can still be read."""
        if data:
            self._tls.write(data)
            return True
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        return False

    def _decrypt(self) -> tuple[bytes, bool]:
        """Return what has come, and whether more may come."""
        parts: list[bytes] = []
        while True:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                return b"".join(parts), True
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                return b"".join(parts), False
            parts.append(data)


@contextlib.contextmanager
def _as_file(pem: str | Credential) -> Iterator[str]:
    """Give a path to OpenSSL, which takes nothing else: what is looked up stays in memory, in a file that has no name."""
    if isinstance(pem, str):
        yield pem
        return
    with open(os.memfd_create("hodei-tls", os.MFD_CLOEXEC), "wb", buffering=0) as file:
        file.write(pem.value().reveal())
        yield f"/proc/self/fd/{file.fileno()}"


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return whom we trust, and who we are. Raises HodeiError(configuration) for files that cannot be used."""
    try:
        with contextlib.ExitStack() as files:
            ca, cert, key = (files.enter_context(_as_file(one)) for one in (tls.ca, tls.cert, tls.key))
            context = ssl.create_default_context(cafile=ca or None)
            if cert:
                context.load_cert_chain(cert, key or None)
    except OSError as error:
        named = ", ".join(str(one) for one in (tls.ca, tls.cert, tls.key) if one)
        raise HodeiError(
            Kind.CONFIGURATION,
            f"what `tls` names cannot be used ({named}): {error.strerror or error}",
            hint="It is PEM; the key has no password, and this user may read it.",
        ) from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

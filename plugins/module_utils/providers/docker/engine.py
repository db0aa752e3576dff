# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at an Engine: plain HTTP on connections that are kept, because importing the SDK takes longer than a whole look.

docs/decisions/0041 has the figures.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from ...model.errors import HodeiError, Kind
from . import sdk
from .endpoint import Endpoint
from .seeing import seconds
from .transport import Line, connect

#: The oldest API that has all that we use (Engine 20.10), and the newest that was tried.
OLDEST, NEWEST = (1, 41), (1, 47)
_CHUNK = 1 << 18
Query = dict[str, Any]


class _Connection(http.client.HTTPConnection):
    """HTTP over a line of ours."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._endpoint = endpoint
        self.line: Line | None = None

    def connect(self) -> None:
        """Connect to the Engine."""
        self.line = connect(self._endpoint, self.timeout or 0.0)
        self.sock = self.line.sock

    def close(self) -> None:
        """Hang up."""
        super().close()
        if self.line is not None:
            self.line.close()

    def why(self, error: Exception) -> Exception:
        """Return what is behind an error."""
        unclear = isinstance(error, (http.client.HTTPException, ConnectionError)) and self.line is not None
        return (self.line.why() if unclear and self.line else None) or error


class Stream:
    """What an Engine goes on sending; after ``upgrade`` also what it takes. ``sock`` is a plain socket."""

    def __init__(
        self, connection: _Connection, answer: http.client.HTTPResponse, fault: Callable[[Exception], HodeiError]
    ) -> None:
        self._connection, self._answer, self._fault = connection, answer, fault
        self.sock: socket.socket = connection.sock

    def read(self, timeout: float) -> bytes:
        """Return what comes next, empty at the end. Raises TimeoutError, after which there is no more to be had, and HodeiError."""
        self.sock.settimeout(timeout)
        try:
            return self._answer.read1(_CHUNK)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise self._fault(self._connection.why(error)) from error

    def lines(self) -> Iterator[bytes]:
        """Return what comes line by line, however long that takes, until it ends or somebody has ``cut`` it."""
        self.sock.settimeout(None)
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            while line := self._answer.readline():
                yield line

    def cut(self) -> None:
        """End it for another thread that reads."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def head(self) -> bytes:
        """Return what came together with the answer to ``upgrade``; from here on the socket is all."""
        self.sock.setblocking(False)
        return self._answer.fp.read1(_CHUNK)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._answer.close()
        self._connection.close()


class Engine:
    """One Engine; its calls may come from several threads. ``api`` is the SDK's client, made when it is first needed."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self._idle: list[_Connection] = []  # appending and popping are atomic

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the Engine says of itself. Raises HodeiError when it cannot be reached or is too old."""
        try:
            found: dict[str, Any] = self._json("GET", "/version")
            spoken, least = found["ApiVersion"], found.get("MinAPIVersion") or found["ApiVersion"]
            theirs = f"Docker Engine {found['Version']} speaks API {least} to {spoken}"
            fits = _numbers(spoken) >= OLDEST and _numbers(least) <= NEWEST
        except (KeyError, TypeError, ValueError) as error:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"what answers at {self.endpoint.url} (from {self.endpoint.origin}) is no Docker Engine",
                hint="Name another by `url`, `socket`, `context` or DOCKER_HOST.",
            ) from error
        if not fits:
            raise HodeiError(
                Kind.COMPATIBILITY,
                theirs,
                hint=f"Needed is one of {_text(OLDEST)} (Engine 20.10) to {_text(NEWEST)}.",
            )
        return found

    @cached_property
    def version(self) -> str:
        """The version of the API that both sides speak."""
        return _text(min(_numbers(self.about["ApiVersion"]), NEWEST))

    @cached_property
    def updates(self) -> bool:
        """Whether it changes containers that live, which not every Podman does. Raises HodeiError."""
        if not any("Podman" in one.get("Name", "") for one in self.about.get("Components") or ()):
            return True
        try:
            self.post("/containers/hodei-is-nobody/update", {})
        except HodeiError as error:
            return error.kind is not Kind.COMPATIBILITY
        return True

    @cached_property
    def api(self) -> Any:
        """The SDK's client."""
        return sdk.connect(self.endpoint, self.version, self.timeout)

    def now(self) -> float:
        """Return the Engine's time, in which its containers' times are told."""
        return time.time() + (0.0 if self.endpoint.local else self._skew)

    @cached_property
    def _skew(self) -> float:
        asked = time.time()
        told = seconds(self.get("/info")["SystemTime"])
        return 0.0 if told is None else told - (asked + time.time()) / 2

    def get(self, path: str, /, **query: Any) -> Any:
        """Return the JSON that a path of the API answers with; ``filters`` may be a mapping. Raises HodeiError."""
        return self._json("GET", self._path(path, query))

    def head(self, path: str, header: str, /, **query: Any) -> str:
        """Return a header that a path of the API answers with. Raises HodeiError."""
        answer, _unused = self._whole("HEAD", self._path(path, query))
        return str(answer.headers.get(header, ""))

    def post(self, path: str, body: Any = None) -> Any:
        """Send JSON, return JSON. Raises HodeiError."""
        return self._json("POST", self._path(path, {}), body)

    def put(self, path: str, data: bytes, /, **query: Any) -> None:
        """Send bytes, of which no error holds any. Raises HodeiError."""
        self._json("PUT", self._path(path, query), data)

    def delete(self, path: str, /, **query: Any) -> None:
        """Remove a thing, if there is one. Raises HodeiError."""
        try:
            self._json("DELETE", self._path(path, query))
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise

    def remove_volume(self, name: str) -> None:
        """Remove a volume, if there is one. Raises HodeiError."""
        self.delete(f"/volumes/{segment(name)}")

    def stream(self, path: str, **query: Any) -> Stream:
        """Return an answer that is to be read as it comes. Raises HodeiError."""
        return self._begin("GET", self._path(path, query))

    def upgrade(self, path: str, body: Any) -> Stream:
        """Send JSON, after which the connection carries what the command at its other end reads and writes. Raises HodeiError."""
        return self._begin("POST", self._path(path, {}), body, {"Connection": "Upgrade", "Upgrade": "tcp"})

    def close(self) -> None:
        """Close all connections; what is asked afterwards opens new ones."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()
        api = self.__dict__.pop("api", None)
        if api is not None:
            api.close()

    def _path(self, path: str, query: Query) -> str:
        words = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in query.items()}
        return f"/v{self.version}{path}{'?' if words else ''}{urlencode(words)}"

    def _json(self, method: str, path: str, body: Any = None) -> Any:
        answer, data = self._whole(method, path, body)
        kind = answer.headers.get(
            "Content-Type", "application/json" if data[:1] in (b"{", b"[") else ""
        )  # not each of Podman's has it
        return json.loads(data) if data and kind.startswith("application/json") else None

    def _whole(self, method: str, path: str, body: Any = None) -> tuple[http.client.HTTPResponse, bytes]:
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                kept = None
            connection = kept or _Connection(self.endpoint, self.timeout)
            try:
                answer = _ask(connection, method, path, body)
                data = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                cause = connection.why(error)
                connection.close()
                if kept is None or isinstance(error, TimeoutError):  # one that was kept may have been closed meanwhile
                    raise self.unreachable(cause) from error
        self._idle.append(connection)
        if answer.status >= 400:
            raise _refused(answer, data)
        return answer, data

    def _begin(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Stream:
        connection = _Connection(self.endpoint, self.timeout)
        try:
            answer = _ask(connection, method, path, body, headers)
            if answer.status < 400:
                return Stream(connection, answer, self.unreachable)
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            cause = connection.why(error)
            connection.close()
            raise self.unreachable(cause) from error
        connection.close()
        raise _refused(answer, data)

    def unreachable(self, error: Exception) -> HodeiError:
        """Say why, and what helps against that."""
        url, origin = self.endpoint.url, self.endpoint.origin
        place = f"the Docker Engine at {url} (from {origin})"
        if isinstance(error, PermissionError):
            return HodeiError(
                Kind.AUTHORIZATION,
                f"{place} does not let this user in",
                hint="Join the group docker and log in anew, use a rootless Engine, or run the task with become.",
            )
        if isinstance(error, TimeoutError):
            return sdk.SilenceError(f"{place} did not answer in {self.timeout:g} s")
        if isinstance(error, ssl.SSLError):
            return HodeiError(
                Kind.AUTHENTICATION, f"{place} and we do not trust each other: {error}", hint="See `tls`."
            )
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "Is it running? Name another by `url`, `socket`, `context` or DOCKER_HOST."
        return HodeiError(
            Kind.NETWORK,
            f"{place} cannot be reached: {text}",
            hint=hint if isinstance(error, (ConnectionRefusedError, FileNotFoundError)) else "Is the address right?",
            untouched=isinstance(error, (ConnectionRefusedError, FileNotFoundError)),
        )


def segment(text: str) -> str:
    """Return a name as a part of a path."""
    return quote(text, safe="")


def _ask(
    connection: _Connection, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    raw = isinstance(body, bytes)
    written = body if raw or body is None else json.dumps(body)
    kind = {} if body is None else {"Content-Type": "application/x-tar" if raw else "application/json"}
    connection.request(method, path, written, {**kind, **(headers or {})})
    return connection.getresponse()


def _numbers(version: str) -> tuple[int, int]:
    major, _unused, minor = str(version).partition(".")
    return int(major), int(minor)


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _refused(answer: http.client.HTTPResponse, body: bytes) -> HodeiError:
    return sdk.engine_error(answer.status, _message(body), retry_after=answer.headers.get("Retry-After"))


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")

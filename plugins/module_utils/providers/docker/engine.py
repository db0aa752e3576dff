# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at an Engine: plain HTTP on connections that are kept, because importing the SDK takes longer than a whole look.

docs/decisions/ has the figures. Where an Engine is reached over ssh, the SDK looks too.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ...model.errors import HodeiError, Kind
from . import sdk
from .endpoint import DEFAULT_URL, Endpoint

#: The oldest API that has all that we use (Engine 20.10), and the newest that was tried.
OLDEST, NEWEST = (1, 41), (1, 47)
Query = dict[str, Any]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over the socket of an Engine on this machine."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """One Engine; its calls may come from several threads. ``api`` is the SDK's client, made when it is first needed."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self._idle: list[http.client.HTTPConnection] = []  # appending and popping are atomic

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the Engine says of itself. Raises HodeiError when it cannot be reached or is too old."""
        found: dict[str, Any] = self._get("/version")
        if _numbers(found["ApiVersion"]) < OLDEST:
            raise HodeiError(
                Kind.COMPATIBILITY,
                f"Docker Engine {found['Version']} speaks API {found['ApiVersion']}",
                hint=f"API {'.'.join(map(str, OLDEST))} (Engine 20.10) or later is needed.",
            )
        return found

    @cached_property
    def version(self) -> str:
        """The version of the API that both sides speak."""
        return ".".join(map(str, min(_numbers(self.about["ApiVersion"]), NEWEST)))

    @cached_property
    def api(self) -> Any:
        """The SDK's client."""
        return sdk.connect(self.endpoint, self.version, self.timeout)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON that a path of the API answers with; ``filters`` may be a mapping. Raises HodeiError."""
        words = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in query.items()}
        return self._get(f"/v{self.version}{path}{'?' if words else ''}{urlencode(words)}")

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()
        if "api" in self.__dict__:
            self.api.close()

    def _get(self, path: str) -> Any:
        if self.endpoint.url.startswith("ssh://"):
            return self._get_by_sdk(path)
        while True:
            kept = self._idle.pop() if self._idle else None
            connection = kept or self._open()
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if kept is None or isinstance(error, TimeoutError):  # one that was kept may have been closed meanwhile
                    raise self._unreachable(error) from error
        self._idle.append(connection)
        if answer.status >= 400:
            raise sdk.engine_error(answer.status, _message(body))
        return json.loads(body)

    def _get_by_sdk(self, path: str) -> Any:
        api = sdk.connect(self.endpoint, ".".join(map(str, OLDEST)), self.timeout) if path == "/version" else self.api
        with sdk.told():
            return api._result(api._get(f"{api.base_url}{path}"), json=True)

    def _open(self) -> http.client.HTTPConnection:
        url = urlsplit(self.endpoint.url)
        if url.scheme == "unix":
            return _UnixConnection(url.path, self.timeout)
        if self.endpoint.tls is not None:
            return http.client.HTTPSConnection(
                url.hostname or "", url.port or 2376, timeout=self.timeout, context=_context(self.endpoint)
            )
        return http.client.HTTPConnection(url.hostname or "", url.port or 2375, timeout=self.timeout)

    def _unreachable(self, error: Exception) -> HodeiError:
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
            return HodeiError(
                Kind.TIMEOUT, f"{place} did not answer in {self.timeout:g} s", hint="Is it overloaded or paused?"
            )
        if isinstance(error, ssl.SSLError):
            return HodeiError(
                Kind.AUTHENTICATION, f"{place} and we do not trust each other: {error}", hint="See `tls`."
            )
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "Is it running? Name another by `url`, `socket`, `context` or DOCKER_HOST."
        return HodeiError(
            Kind.NETWORK,
            f"{place} cannot be reached: {text}",
            hint=hint if url == DEFAULT_URL or isinstance(error, ConnectionRefusedError) else "Is the address right?",
            untouched=isinstance(error, (ConnectionRefusedError, FileNotFoundError)),
        )


def segment(text: str) -> str:
    """Return a name as a part of a path."""
    return quote(text, safe="")


def _numbers(version: str) -> tuple[int, int]:
    major, _unused, minor = version.partition(".")
    return int(major), int(minor)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    tls = endpoint.tls
    context = ssl.create_default_context(cafile=(tls.ca or None) if tls else None)
    if tls is not None and tls.cert:
        context.load_cert_chain(tls.cert, tls.key)
    if tls is not None and not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

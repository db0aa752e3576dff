# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker SDK, imported only by whoever changes something, and its errors in our words."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...model.errors import HodeiError, Kind
from . import transport
from .endpoint import Endpoint

#: No more connections are kept than calls are made at once.
_POOL = 8
_STATUS_KINDS = {
    400: Kind.CONFIGURATION,
    401: Kind.AUTHENTICATION,
    403: Kind.AUTHORIZATION,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    429: Kind.RESOURCE_EXHAUSTED,
    502: Kind.NETWORK,
    503: Kind.NETWORK,
    504: Kind.NETWORK,
}
_NOT_FOUND, _TOO_MANY = 404, 429
#: What the Engine says when ..., as it says it in any version since 20.10 (moby: daemon/start.go, libnetwork/portallocator).
_CAUSES: tuple[tuple[re.Pattern[str], Kind, str], ...] = (
    (
        re.compile(r"port is already allocated|address already in use|all ports are allocated"),
        Kind.CONFLICT,
        "Choose another host port, or stop what has it.",
    ),
    (
        re.compile(r"(error mounting|bind source path does not exist:) \S*/hodei-secrets/"),
        Kind.CONFLICT,
        "Its secrets have gone from memory, as with a reboot: converge. Where the Engine has another /run: `secrets_in: volume`.",
    ),
    (
        re.compile(r"executable file not found|no such file or directory: unknown"),
        Kind.NOT_FOUND,
        "Correct the path, or choose an image that has the program.",
    ),
    (
        re.compile(r"bind source path does not exist"),
        Kind.CONFIGURATION,
        "Make it on the Engine's machine, or correct `source`: it is never made for you.",
    ),
    (
        re.compile(r"could not select device driver .*gpu"),
        Kind.CONFIGURATION,
        "The Engine's machine has no GPU for containers: install nvidia-container-toolkit there.",
    ),
    (re.compile(r"permission denied: unknown"), Kind.AUTHORIZATION, "Is it executable, and for this user?"),
    (
        re.compile(r"no space left on device"),
        Kind.RESOURCE_EXHAUSTED,
        "Make room on the Engine's disk: `docker system df`.",
    ),
)


class SilenceError(HodeiError):
    """An Engine that has not answered in the time that it has; whoever asks next waits as long."""

    def __init__(self, message: str, hint: str = "Is it overloaded or paused?", where: str = "") -> None:
        super().__init__(Kind.TIMEOUT, message, hint=hint, where=where)


def import_sdk() -> Any:
    """Import the SDK. Raises HodeiError(configuration) that tells how to get it for the interpreter that runs this."""
    try:
        import docker
    except ImportError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"the Python library docker is missing for {sys.executable}",
            hint=f"Run: {sys.executable} -m pip install docker. If another interpreter has it, set "
            "ansible_python_interpreter to that one.",
        ) from error
    return docker


def connect(endpoint: Endpoint, version: str, timeout: float) -> Any:
    """Return an ``APIClient`` that speaks a version of the API over lines of ours. Raises HodeiError.

    With its own transports it would need paramiko for ssh, would believe REQUESTS_CA_BUNDLE more than what it is told of TLS, and
    would keep connections by URL, so that none serves two containers.
    """
    docker = import_sdk()
    from docker.transport import UnixHTTPAdapter

    class Adapter(UnixHTTPAdapter):  # type: ignore[misc]
        """Has one pool for all URLs."""

        def get_connection(self, url: str, proxies: Any = None) -> Any:
            return pool

    pool = _pool(endpoint, timeout)
    with told():
        api = docker.APIClient(base_url="unix:///of-no-meaning", version=version, timeout=timeout)
    api.mount("http+docker://", Adapter("http+unix:///of-no-meaning", timeout))
    close = api.close

    def close_all() -> None:
        pool.close()
        close()

    api.close = close_all
    return api


def _pool(endpoint: Endpoint, timeout: float) -> Any:
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    class Connection(HTTPConnection):
        """HTTP over a line."""

        line: transport.Line | None = None

        def connect(self) -> None:
            self.line = transport.connect(endpoint, timeout)
            self.sock = self.line.sock

        def close(self) -> None:
            super().close()
            if self.line is not None:
                self.line.close()

    class Pool(HTTPConnectionPool):
        """Opens lines."""

        ConnectionCls = Connection

    return Pool("localhost", timeout=timeout, maxsize=_POOL)


@contextmanager
def told(where: str = "") -> Iterator[None]:
    """Turn what the SDK raises into a HodeiError."""
    docker = import_sdk()
    import requests
    import urllib3

    try:
        yield
    except docker.errors.APIError as error:
        answer = error.response
        text = error.explanation or str(error)
        raise engine_error(answer.status_code, text, where, answer.headers.get("Retry-After")) from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise SilenceError("the Docker Engine did not answer in time", where=where) from error
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,  # what breaks while an answer is read
        docker.errors.DockerException,
        OSError,
    ) as error:
        raise HodeiError(Kind.NETWORK, f"the Docker Engine cannot be reached: {error}", where=where) from error


def engine_error(status: int, message: str, where: str = "", retry_after: str | None = None) -> HodeiError:
    """Say in a person's words what the Engine refused, or what stands in front of it; ``retry_after`` is the header of that name."""
    text = message.strip().removeprefix("failed to create shim task: ").removeprefix("Error response from daemon: ")
    for pattern, kind, hint in _CAUSES:
        if pattern.search(text):
            return HodeiError(kind, text, hint=hint, where=where, retryable=False)
    if (status, text) == (_NOT_FOUND, "Not Found"):  # of a thing that is not there an Engine says which
        hint = "Podman's socket, say, has not all calls of Docker's: see the page of the Docker provider."
        return HodeiError(Kind.COMPATIBILITY, "this Engine has no such call", hint=hint, where=where)
    kind = _STATUS_KINDS.get(status, Kind.PROVIDER_SPECIFIC)
    if kind not in (Kind.RESOURCE_EXHAUSTED, Kind.NETWORK):
        return HodeiError(kind, text, where=where)
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    text = f"the Docker Engine, or what stands in front of it, answers {status}: {text}"
    hint = "Run again in a while." if seconds is None else f"It asks to wait {seconds:g} s."
    return HodeiError(kind, text, hint=hint, where=where, retry_after=seconds, untouched=status == _TOO_MANY)

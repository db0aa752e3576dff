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
from .endpoint import Endpoint

#: Over a unix socket the SDK keeps connections by URL, so that none serves two containers: no more than are busy at once.
_POOLS = 8
_STATUS_KINDS = {
    400: Kind.CONFIGURATION,
    401: Kind.AUTHENTICATION,
    403: Kind.AUTHORIZATION,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
}
#: What the Engine says when ..., as it says it in any version since 20.10 (moby: daemon/start.go, libnetwork/portallocator).
_CAUSES: tuple[tuple[re.Pattern[str], Kind, str], ...] = (
    (
        re.compile(r"port is already allocated|address already in use"),
        Kind.CONFLICT,
        "Choose another host port, or stop what has it.",
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
    """Return an ``APIClient`` that speaks a version of the API. Raises HodeiError."""
    docker = import_sdk()
    tls: Any = False
    if endpoint.tls is not None:
        own = endpoint.tls
        pair = (own.cert, own.key) if own.cert else None
        tls = docker.tls.TLSConfig(client_cert=pair, ca_cert=own.ca or None, verify=own.ca or own.verify)
    with told():
        return docker.APIClient(
            base_url=endpoint.url, version=version, timeout=timeout, tls=tls, use_ssh_client=True, num_pools=_POOLS
        )


@contextmanager
def told(where: str = "") -> Iterator[None]:
    """Turn what the SDK raises into a HodeiError."""
    docker = import_sdk()
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        raise engine_error(error.response.status_code, error.explanation or str(error), where) from error
    except requests.exceptions.Timeout as error:
        raise HodeiError(Kind.TIMEOUT, "the Docker Engine did not answer in time", where=where) from error
    except (requests.exceptions.RequestException, docker.errors.DockerException, OSError) as error:
        raise HodeiError(Kind.NETWORK, f"the Docker Engine cannot be reached: {error}", where=where) from error


def engine_error(status: int, message: str, where: str = "") -> HodeiError:
    """Say in a person's words what the Engine refused."""
    text = message.strip().removeprefix("failed to create shim task: ").removeprefix("Error response from daemon: ")
    for pattern, kind, hint in _CAUSES:
        if pattern.search(text):
            return HodeiError(kind, text, hint=hint, where=where)
    return HodeiError(_STATUS_KINDS.get(status, Kind.PROVIDER_SPECIFIC), text, where=where)

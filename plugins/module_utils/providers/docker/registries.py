# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are at a registry: from a provider's configuration, else what `docker login` left, credential helpers included.

A password is read when it is needed and goes to the Engine in a header; it is in no argument, message, plan or state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...model.credential import Credential
from ...model.errors import HodeiError, Kind
from .engine import Engine

_HUB = "docker.io"
_HUB_ALIASES = ("index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


def registry_of(image: str) -> str:
    """Return the registry that an image comes from, as the docker command tells it apart from the name."""
    first, slash, _unused = image.partition("/")
    return first if slash and (first == "localhost" or "." in first or ":" in first) else _HUB


def server_name(server: str) -> str:
    """Return the registry that a person means who writes a host or a URL."""
    host = server.partition("://")[2] or server
    host = host.partition("/")[0].lower()
    return _HUB if host in _HUB_ALIASES else host


class Registries:
    """The credentials for each registry, as far as there are some."""

    def __init__(self, engine: Engine, written: Sequence[Mapping[str, Any]]) -> None:
        self._engine = engine
        self._written = {server_name(one["server"]): one for one in written}

    def user(self, image: str) -> str:
        """Return the user that the configuration names for an image's registry; empty when it names none."""
        return str(self._written.get(registry_of(image), {}).get("username", ""))

    def headers(self, image: str) -> dict[str, str]:
        """Return what tells the Engine who we are. Raises HodeiError(configuration)."""
        found = self._credentials(registry_of(image))
        if not found:
            return {}
        from docker.auth import encode_header

        header: bytes = encode_header(found)
        return {"X-Registry-Auth": header.decode()}

    def credentials(self, image: str) -> list[Credential]:
        """Return the credential that is used for an image, if the configuration names one."""
        found = self._written.get(registry_of(image), {}).get("password")
        return [found] if isinstance(found, Credential) else []

    def _credentials(self, registry: str) -> dict[str, Any] | None:
        one = self._written.get(registry)
        if one is not None:
            return {"username": one["username"], "password": _text(one["password"]), "serveraddress": one["server"]}
        api = self._engine.api
        from docker.errors import DockerException

        try:
            found: dict[str, Any] | None = api._auth_configs.resolve_authconfig(registry)
        except DockerException as error:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"the credential helper for registry {registry} does not work: {error}",
                hint="Install it where the task runs, or give `registries` in the provider.",
            ) from None
        return found


def _text(password: str | Credential) -> str:
    return password if isinstance(password, str) else password.value().text().rstrip("\r\n")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an Engine is: from a provider's configuration, the environment of the docker command, and its contexts."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...model.credential import Credential
from ...model.errors import HodeiError, Kind

DEFAULT_URL = "unix:///var/run/docker.sock"


class Tls(NamedTuple):
    """Certificates as paths, or as what has to be looked up; ``ca`` empty: those that the system trusts."""

    ca: str | Credential = ""
    cert: str | Credential = ""
    key: str | Credential = ""
    verify: bool = True

    @property
    def credentials(self) -> list[Credential]:
        """Those that are no paths."""
        return [one for one in (self.ca, self.cert, self.key) if isinstance(one, Credential)]


class Endpoint(NamedTuple):
    """``url`` is unix://, tcp:// or ssh://; ``origin`` says where it was written, for messages."""

    url: str
    tls: Tls | None = None
    origin: str = ""

    @property
    def local(self) -> bool:
        """Whether the Engine shares this machine, its files and its network."""
        return self.url.startswith("unix://")


def is_here(info: Mapping[str, Any]) -> bool:
    """Tell whether an Engine sees the same files as we do, which a container with its socket does not, by what it tells of itself."""
    return bool(info.get("Name") == socket.gethostname() and os.path.isdir(info.get("DockerRootDir") or "/nowhere"))


def resolve(config: Mapping[str, Any], environ: Mapping[str, str]) -> Endpoint:
    """Find the Engine as the docker command does: what is configured, DOCKER_HOST, the context, the usual socket.

    Raises HodeiError(configuration).
    """
    tls = config.get("tls")
    own = Tls(**{name: _path(value) for name, value in tls.items()}) if tls else None
    if config.get("socket"):
        return Endpoint(f"unix://{_path(config['socket'])}", None, "socket")
    if config.get("url"):
        return Endpoint(_checked(config["url"], "url"), own, "url")
    if config.get("context"):
        return _context(config["context"], environ)
    if environ.get("DOCKER_HOST"):
        return Endpoint(_checked(environ["DOCKER_HOST"], "DOCKER_HOST"), own or _tls_of(environ), "DOCKER_HOST")
    name = environ.get("DOCKER_CONTEXT") or _current_context(environ)
    return _context(name, environ) if name and name != "default" else Endpoint(DEFAULT_URL, None, "the usual place")


def _path(value: Any) -> Any:
    return os.path.expanduser(value) if isinstance(value, str) else value


def _checked(url: str, origin: str) -> str:
    if not url.startswith(("unix://", "tcp://", "ssh://")):
        raise HodeiError(
            Kind.CONFIGURATION,
            f"{origin} is '{url}'",
            hint="Write unix:///path/to/docker.sock, tcp://host:2376 or ssh://user@host.",
        )
    return url


def _tls_of(environ: Mapping[str, str]) -> Tls | None:
    if not environ.get("DOCKER_TLS_VERIFY"):
        return None
    folder = environ.get("DOCKER_CERT_PATH") or _folder(environ)
    ca, cert, key = (os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem"))
    return Tls(ca, cert, key)


def _folder(environ: Mapping[str, str]) -> str:
    return environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")


def _current_context(environ: Mapping[str, str]) -> str:
    try:
        with open(os.path.join(_folder(environ), "config.json"), encoding="utf-8") as file:
            return str(json.load(file).get("currentContext", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _context(name: str, environ: Mapping[str, str]) -> Endpoint:
    """Read a context of the docker command, from where and as that keeps it (docker/cli: cli/context/store)."""
    if name == "default":
        return Endpoint(DEFAULT_URL, None, "context default")
    folder = os.path.join(_folder(environ), "contexts")
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        with open(os.path.join(folder, "meta", digest, "meta.json"), encoding="utf-8") as file:
            about = json.load(file)["Endpoints"]["docker"]
        url = _checked(str(about["Host"]), f"context {name}")
    except FileNotFoundError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"there is no Docker context '{name}' in {folder}",
            hint="`docker context ls` names all.",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HodeiError(Kind.CONFIGURATION, f"the Docker context '{name}' cannot be read: {error!r}") from error
    files = [os.path.join(folder, "tls", digest, "docker", f"{one}.pem") for one in ("ca", "cert", "key")]
    ca, cert, key = (one if os.path.exists(one) else "" for one in files)
    tls = Tls(ca, cert, key, not about.get("SkipTLSVerify", False))
    return Endpoint(url, tls if tls != Tls() else None, f"context {name}")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How those who ask for secrets prove who they are, as a document says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .configs import Config, read_config
from .errors import Problem
from .place import Place
from .schema_identity import IDENTITY, OIDC

MOST_LEEWAY = 120.0
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1")


@dataclass(frozen=True)
class OidcConfig:
    """What is believed; the fields are those of ``schema_identity.OIDC``."""

    issuer: str
    audience: str
    clients: Sequence[str]
    algorithms: Sequence[str]
    subject_claim: str
    roles_claims: Sequence[str]
    leeway: float
    timeout: float
    keep_keys: float
    jwks_url: str = ""
    jwks_file: str = ""
    service_account_claim: str = ""
    tenant_claim: str = ""
    ca_file: str = ""
    token: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> str:
        """Where the issuer's keys are, as messages call it."""
        return self.jwks_url or self.jwks_file


def read_identity(value: Any) -> tuple[Config, list[Problem]]:
    """Return the document's `identity` in normal form (nothing: who runs the task, by the uid), or everything that is wrong with it."""
    place = Place("identity")
    config, wrong = read_config({} if value is None else value, IDENTITY, place)
    if not wrong and "oidc" in config:
        wrong = read_oidc(value["oidc"], Place(place.under(("oidc",))))[1]
    return config, wrong


def read_oidc(value: Any, place: Place) -> tuple[OidcConfig | None, list[Problem]]:
    """Return the configuration that is written in a document, or everything that is wrong with it."""
    config, wrong = read_config(value, OIDC, place)
    if wrong:
        return None, wrong
    found = OidcConfig(**config)
    return found, [Problem(place.under(path), message, hint, place.source) for path, message, hint in _unsafe(found)]


def _unsafe(config: OidcConfig) -> list[tuple[tuple[str, ...], str, str]]:
    found: list[tuple[tuple[str, ...], str, str]] = []
    url = urlsplit(config.jwks_url)
    loopback = url.scheme == "http" and _LOOPBACK.fullmatch(url.hostname or "")
    if config.jwks_url and url.scheme != "https" and not loopback:
        found.append((("jwks_url",), "keys that come unprotected could be anybody's", "write https://"))
    if "@" in url.netloc:
        found.append(
            (("jwks_url",), "an address is shown, and this one has credentials", "remove them: keys are public")
        )
    if config.leeway > MOST_LEEWAY:
        found.append((("leeway",), "a token would be good long after it has expired", "two minutes are the most"))
    return found

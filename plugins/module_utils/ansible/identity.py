# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for secrets: the user of this process, or whom the document's `identity` says, verified where it can be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from ..access.identity.claimed import claimed
from ..access.identity.uid import of_this_process
from ..model.errors import HodeiError, Kind
from ..model.identity import OidcConfig
from ..model.principal import Principal
from ..model.secret_value import SecretValue

REFUSED_SECONDS = 10.0
_MOST = 64 << 10


class Who:
    """Tells who asks; shared by threads. ``config`` is `identity` in normal form.

    A token is read and verified when it is first needed, and again when it has expired. One that was refused is not tried again for
    a while: a thousand lookups would ask the issuer a thousand times.
    """

    def __init__(
        self, config: Mapping[str, Any], environ: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        self._config, self._environ, self._clock = config, environ, clock
        self._lock = Lock()
        self._known: Principal | None = None
        self._problem: tuple[float, HodeiError] | None = None

    def principal(self) -> Principal:
        """Return who it is. Raises HodeiError: authentication, network, configuration."""
        with self._lock:
            now = self._clock()
            if self._known is None or self._known.expired(now):
                self._known = self._identified(now)
            return self._known

    def _identified(self, now: float) -> Principal:
        if "claimed" in self._config:
            return claimed(self._config["claimed"])
        if "oidc" not in self._config:
            return of_this_process()
        if self._problem is not None and now < self._problem[0]:
            raise self._problem[1]
        try:
            return self._verified(OidcConfig(**self._config["oidc"]))
        except HodeiError as error:
            problem = HodeiError(error.kind, error.message, hint=error.hint, where="identity.oidc")
        self._problem = now + REFUSED_SECONDS, problem
        raise problem

    def _verified(self, config: OidcConfig) -> Principal:
        from ..access.identity.oidc import OidcVerifier

        return OidcVerifier(config).verify(_token(config.token, self._environ))


def refuse_claim(identity: Mapping[str, Any], what: str) -> None:
    """Raise HodeiError(authorization) when somebody forces something who only says who it is."""
    if "claimed" in identity:
        raise HodeiError(
            Kind.AUTHORIZATION,
            f"claimed:{identity['claimed']} may not {what}: a claim approves and forces nothing",
            hint="Let the run prove who it is, or run it as the owner of the fleet, without identity.claimed.",
        )


def _token(place: Mapping[str, str], environ: Mapping[str, str]) -> SecretValue:
    if "env" in place:
        text = environ.get(place["env"], "")
        if not text:
            raise _missing(f"the environment variable {place['env']} is not set")
        return SecretValue.of_text(text)
    try:
        with Path(place["file"]).open("rb") as file:
            return SecretValue(file.read(_MOST))
    except OSError as error:
        raise _missing(f"{place['file']} cannot be read: {error.strerror}") from None


def _missing(why: str) -> HodeiError:
    return HodeiError(
        Kind.AUTHENTICATION,
        f"there is no token that says who asks for secrets: {why}",
        hint="Get one from the issuer and put it there; token: in identity.oidc says where it is looked for.",
    )


def of_environment(config: Mapping[str, Any]) -> Who:
    """Return who asks in this process."""
    return Who(config, os.environ)

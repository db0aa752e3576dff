# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity by a token of OpenID Connect: a JWT that its issuer signed with a key which it publishes.

The token decides nothing of how it is verified: algorithms, issuer, audience, clients and the place of the keys come from the document
(RFC 8725). Whatever is wrong with it is one answer, ``authentication``; keys that cannot be fetched are another, ``network``, and nobody
gets in meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.identity import OidcConfig
from ...model.principal import NAME, Principal, Verified
from ...model.secret_value import SecretValue
from .jwks import Keys, library

MOST_BYTES, MOST_KEY_ID = 16 << 10, 255
_HEADER_TYPES = {"jwt", "at+jwt", "application/at+jwt"}  # RFC 9068; others are ID, logout and other tokens


class OidcVerifier:
    """Verifies tokens of one issuer; may be shared by threads. Keys are fetched when they are first needed."""

    def __init__(self, config: OidcConfig) -> None:
        self._config = config
        self._keys = Keys(config)

    def verify(self, token: SecretValue) -> Principal:
        """Return whose token it is. Raises HodeiError: authentication, network, configuration."""
        if len(token.reveal()) > MOST_BYTES:
            raise refused(f"it is longer than {MOST_BYTES} bytes")
        token = SecretValue(token.reveal().strip())  # files end with a line break
        header = self._header(token)
        key = self._keys.get(header["kid"])
        return self._principal(self._claims(token, key))

    def _header(self, token: SecretValue) -> Mapping[str, Any]:
        """Return the header of a token that may be worth fetching keys for; nothing in it is believed yet."""
        jwt = library()
        header: Mapping[str, Any] | None = None
        with suppress(
            jwt.PyJWTError, ValueError, TypeError, RecursionError
        ):  # these, as a context, would show the token
            header = jwt.get_unverified_header(token.reveal())
        if not isinstance(header, Mapping):
            raise refused("it is no JSON Web Token")
        kid, algorithm, kind = (header.get(name) for name in ("kid", "alg", "typ"))
        if algorithm not in self._config.algorithms:
            raise refused(f"it is not signed by {' or '.join(self._config.algorithms)}")
        if not isinstance(kind, str) or kind.lower() not in _HEADER_TYPES or "crit" in header:
            raise refused("it is another kind of token than one for access")
        if not isinstance(kid, str) or not 0 < len(kid) <= MOST_KEY_ID:
            raise refused("it does not say which key it is signed with")
        return header

    def _claims(self, token: SecretValue, key: Any) -> Mapping[str, Any]:
        jwt, config = library(), self._config
        said = {
            jwt.ExpiredSignatureError: "it has expired",
            jwt.ImmatureSignatureError: "it is not valid yet",
            jwt.InvalidAudienceError: "it is for another audience",
            jwt.InvalidIssuerError: "it is of another issuer",
            jwt.MissingRequiredClaimError: "it lacks one of exp, iss, aud and sub",
        }
        claims: Mapping[str, Any] = {}
        why = ""
        try:
            claims = jwt.decode(
                token.reveal(),
                key,
                algorithms=list(config.algorithms),
                audience=config.audience,
                issuer=config.issuer,
                leeway=config.leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            why = said.get(type(error), "its signature or its form is wrong")
        if why:
            raise refused(why)  # from outside of the handler: the error's frames hold the token
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        """Return whom verified claims are about. Raises HodeiError(authentication)."""
        config = self._config
        client, expires = claims.get("azp"), claims["exp"]
        if not isinstance(client, str) or client not in config.clients:
            raise refused("it was issued to another client (azp)")
        if claims.get("typ", "Bearer") != "Bearer":
            raise refused("it is another kind of token than one for access")
        if not isinstance(expires, (int, float)) or not math.isfinite(expires):
            raise refused("its time of expiry is no number")
        tenant = _at(claims, config.tenant_claim) if config.tenant_claim else None
        if not isinstance(tenant, str | None):
            raise refused("its tenant is no text")
        return Principal(
            self._subject(claims, client),
            Verified.OIDC,
            tenant or "",
            frozenset(role for path in config.roles_claims for role in _roles(claims, path)),
            until=expires + config.leeway,
        )

    def _subject(self, claims: Mapping[str, Any], client: str) -> str:
        """Name a service account by its client where the token says that it is one's, else the user."""
        name = self._config.service_account_claim
        if name and name in claims:
            if claims[name] != client:
                raise refused(f"it names two clients ({name} and azp)")
            return f"serviceaccount:{client}"
        user = claims.get(self._config.subject_claim)
        if not isinstance(user, str):
            raise refused(f"it has no text in {self._config.subject_claim}")
        return f"user:{user}"


def _roles(claims: Mapping[str, Any], path: str) -> Sequence[str]:
    """Return the roles of one claim; those whose name no rule could write cannot be given anything."""
    found = _at(claims, path)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise refused(f"{path} is no list of roles")
    return [one for one in found if NAME.fullmatch(one)]


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """Follow a path such as ``resource_access.my.client.roles``; of keys that have dots themselves the whole is tried first."""
    if path in claims:
        return claims[path]
    for place, letter in enumerate(path):
        inner = claims.get(path[:place]) if letter == "." else None
        if isinstance(inner, dict) and (found := _at(inner, path[place + 1 :])) is not None:
            return found
    return None


def refused(why: str) -> HodeiError:
    """Return the error for a token that proves nothing; ``why`` holds nothing of it."""
    return HodeiError(
        Kind.AUTHENTICATION,
        f"the token is refused: {why}",
        hint="Get a new one from the issuer that `identity` names; see docs/secrets/access.md.",
    )

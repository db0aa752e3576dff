# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that an issuer publishes (JWKS, RFC 7517): fetched within bounds, kept for a while, fetched again for a key that is new."""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from ...model.errors import HodeiError, Kind, missing_library
from ...model.identity import OidcConfig

MOST_BYTES = 256 << 10


def library() -> Any:
    """Return PyJWT. Raises HodeiError(configuration)."""
    try:
        import jwt
    except ImportError as error:
        raise missing_library("PyJWT") from error
    return jwt


class Keys:
    """The published keys of one issuer."""

    def __init__(self, config: OidcConfig) -> None:
        self._url, self._place = config.jwks_url, config.keys
        self._ca_file, self._timeout, self._keep = config.ca_file, config.timeout, config.keep_keys
        self._client: Any = None

    def get(self, key_id: str) -> Any:
        """Return a key. Raises HodeiError: authentication when the issuer has no such key, network, configuration."""
        jwt = library()
        if self._client is None:
            self._client = self._made(jwt)
        try:
            return self._client.get_signing_key(key_id)
        except jwt.PyJWKClientError as error:
            raise HodeiError(
                Kind.AUTHENTICATION,
                "the token is refused: its issuer has no key such as it is signed with",
                hint=f"Get a new token; {self._place} has the keys.",
            ) from error
        except jwt.PyJWTError as error:
            raise self._useless("has no key that could be used") from error

    def _made(self, jwt: Any) -> Any:
        """Return PyJWT's client, which keeps the keys and fetches them again for an unknown one, with a fetch of our own."""
        keys = self

        class Client(jwt.PyJWKClient):
            def fetch_data(self) -> Any:
                found = keys.fetch()
                self.jwk_set_cache.put(found)
                return found

        # It wants an address of the web, which it never asks itself.
        return Client(self._url or "https://localhost", lifespan=self._keep)

    def fetch(self) -> dict[str, Any]:
        """Return what is published now. Raises HodeiError: network, configuration."""
        try:
            found = json.loads(self._answer() if self._url else self._stored())
        except (OSError, HTTPException) as error:
            why = f"it answers {error.code}" if isinstance(error, HTTPError) else str(getattr(error, "reason", error))
            raise HodeiError(
                Kind.NETWORK,
                f"the keys of the issuer cannot be fetched from {self._url}: {why or type(error).__name__}",
                hint="Nobody is let in until it answers; check the address, the network and the certificates.",
            ) from error
        except (ValueError, RecursionError) as error:
            raise self._useless("is no JSON") from error
        if not isinstance(found, dict):
            raise self._useless("is no set of keys")
        return found

    def _stored(self) -> bytes:
        """Read the file. Raises HodeiError(configuration)."""
        try:
            with open(self._place, "rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise self._useless(f"cannot be read: {error.strerror}") from error
        if len(data) > MOST_BYTES:
            raise self._useless(f"is longer than {MOST_BYTES} bytes")
        return data

    def _answer(self) -> bytes:
        """Ask, following nobody elsewhere; all of it takes the timeout at most."""
        opener = urllib.request.build_opener(_Straight, urllib.request.HTTPSHandler(context=self._trust()))
        deadline = time.monotonic() + self._timeout
        data = b""
        with opener.open(self._url, timeout=self._timeout) as response:
            while chunk := response.read1(MOST_BYTES):
                data += chunk
                if len(data) > MOST_BYTES:
                    raise self._useless(f"is longer than {MOST_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not all of it came within {self._timeout:g} s")
        return data

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file or None)
        except OSError as error:
            why = error.strerror or type(error).__name__
            hint = "Write the path of a file of certificates in PEM as ca_file."
            raise HodeiError(Kind.CONFIGURATION, f"{self._ca_file} cannot be used: {why}", hint=hint) from error

    def _useless(self, why: str) -> HodeiError:
        return HodeiError(
            Kind.CONFIGURATION,
            f"what {self._url} answers {why}" if self._url else f"{self._place} {why}",
            hint="Write the address of the issuer's keys as jwks_url, or a file that has them as jwks_file.",
        )


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the document says where the keys are."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Refuse."""

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An issuer of tokens for tests: real keys, published by a real HTTP server of its own, which can be made to misbehave."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue

Answer = Callable[[BaseHTTPRequestHandler], None]


@cache
def rsa_key(_which: int) -> rsa.RSAPrivateKey:
    """Return a key; each takes a while to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(_which: int) -> ec.EllipticCurvePrivateKey:
    """Return a key."""
    return ec.generate_private_key(ec.SECP256R1())


def claims(**changed: Any) -> dict[str, Any]:
    """Return what a token of Keycloak for a user says, or another; None leaves a claim out."""
    now = time.time()
    said = {
        "iss": "https://sso.example/realms/ci",
        "aud": ["hodei", "account"],
        "sub": "8f14e45f-ceea-467f-a0e6-1d5a0f3e5c3b",
        "azp": "ci-portal",
        "typ": "Bearer",
        "iat": int(now) - 5,
        "exp": int(now) + 300,
        "preferred_username": "alice",
        "realm_access": {"roles": ["ci-app", "security_admin"]},
        "resource_access": {"hodei.app": {"roles": ["rotator"]}},
        "tenant": "acme",
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def service_account(client: str = "ci-app", **changed: Any) -> dict[str, Any]:
    """Return what a token of Keycloak for a service account says."""
    return claims(**{"azp": client, "client_id": client, "preferred_username": f"service-account-{client}", **changed})


def token(said: dict[str, Any] | None = None, key: Any = None, algorithm: str = "RS256", **header: Any) -> SecretValue:
    """Sign a token."""
    named = {name: value for name, value in {"kid": "rsa-0", "typ": "JWT", **header}.items() if value is not None}
    payload = json.dumps(said or claims()).encode()  # as it is: jwt.encode looks at what claims are
    return SecretValue(jwt.PyJWS().encode(payload, key or rsa_key(0), algorithm, {"typ": "", **named}).encode())


def forged(header: dict[str, Any], said: dict[str, Any], secret: bytes | None = None) -> SecretValue:
    """Write a token by hand, as no library would: without a signature, or with an HMAC of any secret."""
    return _by_hand(header, said, lambda data: b"" if secret is None else hmac.digest(secret, data, hashlib.sha256))


def signed(**header: Any) -> SecretValue:
    """Write a token by hand that is signed as it should be, with any header."""
    full = {"alg": "RS256", "typ": "JWT", "kid": "rsa-0", **header}
    return _by_hand(full, claims(), lambda data: rsa_key(0).sign(data, PKCS1v15(), SHA256()))


def _by_hand(header: dict[str, Any], said: dict[str, Any], sign: Callable[[bytes], bytes]) -> SecretValue:
    data = b".".join(_encoded(json.dumps(one).encode()) for one in (header, said))
    return SecretValue(data + b"." + _encoded(sign(data)))


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def public_pem() -> bytes:
    """Return the first public key as everybody can get it."""
    return rsa_key(0).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class Issuer:
    """Publishes keys at ``url``; ``asked`` counts how often it was asked, ``answer`` may replace its answer.

    With a ``certificate`` (its file and that of its key) it speaks TLS.
    """

    def __init__(self, certificate: tuple[str, str] | None = None) -> None:
        self.keys = [_jwk("rsa-0", rsa_key(0)), _jwk("ec-0", ec_key(0))]
        self.asked = 0
        self.answer: Answer = self.publish
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.answer(self)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the keys are."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/certs"

    def publish(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer as an issuer does."""
        send(handler, 200, json.dumps({"keys": self.keys}).encode())

    def rotate(self) -> None:
        """Publish another key only."""
        self.keys = [_jwk("rsa-1", rsa_key(1))]

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send an answer."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _jwk(kid: str, key: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": algorithm}

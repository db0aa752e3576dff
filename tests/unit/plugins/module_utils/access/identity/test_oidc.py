# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of OpenID Connect, against an issuer that signs with real keys and publishes them over HTTP."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.identity import jwks
from ansible_collections.hodei.workers.plugins.module_utils.access.identity.oidc import (
    MOST_BYTES,
    OidcVerifier,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.identity import read_oidc
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Principal, Verified
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.tests.support.issuer import (
    Issuer,
    claims,
    ec_key,
    forged,
    public_pem,
    rsa_key,
    send,
    service_account,
    signed,
    token,
)
from ansible_collections.hodei.workers.tests.testbed.certificates import Authority


@pytest.fixture(scope="module")
def server() -> Iterator[Issuer]:
    """One issuer for all tests that leave it as it is."""
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture
def moody(server: Issuer) -> Iterator[Issuer]:
    """The issuer for a test that changes it."""
    keys = server.keys
    server.asked = 0
    yield server
    server.keys, server.answer = keys, server.publish


def written(url: str, **changed: Any) -> dict[str, Any]:
    """Return a configuration as a document has it."""
    return {
        "issuer": "https://sso.example/realms/ci",
        "audience": "hodei",
        "clients": ["ci-portal", "ci-app"],
        "jwks_url": url,
        "service_account_claim": "client_id",
        "roles_claims": ["realm_access.roles", "resource_access.hodei.app.roles"],
        "tenant_claim": "tenant",
        "timeout": "2s",
        **changed,
    }


def verifier(issuer: Issuer, **changed: Any) -> OidcVerifier:
    """Return one that believes the issuer."""
    config, problems = read_oidc(written(issuer.url, **changed), Place("identity.oidc"))
    assert config is not None, problems
    assert not problems
    return OidcVerifier(config)


def refusal(verify: OidcVerifier, presented: SecretValue) -> HodeiError:
    """Return the error that a token ends in; nothing of it is in anything that a log could show."""
    with pytest.raises(HodeiError) as refused:
        verify.verify(presented)
    shown = "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())
    assert not any(len(part) > 9 and part in shown for part in presented.reveal().decode("latin-1").split("."))
    return refused.value


def said(verify: OidcVerifier, presented: SecretValue) -> str:
    """Return what is said of a token that proves nothing."""
    error = refusal(verify, presented)
    assert error.kind is Kind.AUTHENTICATION
    return str(error)


# ---- whom a token is about --------------------------------------------------------------------------------------


def test_a_user(server: Issuer) -> None:
    said_by_token = claims()
    assert verifier(server).verify(token(said_by_token)) == Principal(
        "user:8f14e45f-ceea-467f-a0e6-1d5a0f3e5c3b",
        Verified.OIDC,
        "acme",
        frozenset({"ci-app", "security_admin", "rotator"}),
        until=said_by_token["exp"] + 30.0,
    )


def test_a_token_from_a_file_ends_with_a_line_break(server: Issuer) -> None:
    assert verifier(server).verify(SecretValue(token().reveal() + b"\n"))


def test_a_service_account_is_called_by_its_client(server: Issuer) -> None:
    presented = token(service_account())
    assert verifier(server).verify(presented).subject == "serviceaccount:ci-app"
    assert verifier(server, service_account_claim="gty").verify(presented).subject.startswith("user:")


def test_a_user_is_never_a_service_account(server: Issuer) -> None:
    found = verifier(server).verify(token(claims(azp="ci-app", preferred_username="service-account-ci-app")))
    assert found.subject == "user:8f14e45f-ceea-467f-a0e6-1d5a0f3e5c3b"
    assert "two clients" in said(verifier(server), token(service_account("ci-app", client_id="ci-portal")))


def test_an_elliptic_curve(server: Issuer) -> None:
    assert verifier(server).verify(token(key=ec_key(0), algorithm="ES256", kid="ec-0"))


def test_another_claim_names_the_user(server: Issuer) -> None:
    named = verifier(server, subject_claim="preferred_username")
    assert named.verify(token()).subject == "user:alice"
    assert "no text in preferred_username" in said(named, token(claims(preferred_username=None)))


def test_a_token_for_access_by_its_header(server: Issuer) -> None:
    assert verifier(server).verify(token(claims(typ=None), typ="at+jwt"))


@pytest.mark.parametrize(
    ("changed", "roles"),
    [
        ({"realm_access": None, "resource_access": None}, set()),
        ({"realm_access": {}, "resource_access": {"other": {"roles": ["x"]}}}, set()),
        ({"realm_access": {"roles": ["a b", "\u0430dmin", "", "x" * 256, "ok"]}, "resource_access": None}, {"ok"}),
        ({"realm_access": "roles", "resource_access": ["hodei.app"]}, set()),
    ],
)
def test_roles(server: Issuer, changed: dict[str, Any], roles: set[str]) -> None:
    assert verifier(server).verify(token(claims(**changed))).roles == roles


@pytest.mark.parametrize("roles", ["admin", {"admin": True}, [["admin"]], [1], 7])
def test_roles_that_are_no_list_of_texts(server: Issuer, roles: Any) -> None:
    assert "is no list of roles" in said(verifier(server), token(claims(realm_access={"roles": roles})))


def test_without_a_tenant(server: Issuer) -> None:
    assert verifier(server).verify(token(claims(tenant=None))).tenant == ""


# ---- what proves nothing ----------------------------------------------------------------------------------------

NOW = int(time.time())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": NOW - 3600}, "it has expired"),
        ({"exp": NOW - 31}, "it has expired"),
        ({"exp": None}, "it lacks one of exp, iss, aud and sub"),
        ({"exp": "soon"}, "its signature or its form is wrong"),
        ({"exp": True}, "it has expired"),
        ({"exp": [NOW + 300]}, "its signature or its form is wrong"),
        ({"exp": str(NOW + 300)}, "its time of expiry is no number"),
        ({"exp": float("inf")}, "its signature or its form is wrong"),
        ({"exp": float("nan")}, "its signature or its form is wrong"),
        ({"nbf": NOW + 3600}, "it is not valid yet"),
        ({"iat": NOW + 3600}, "it is not valid yet"),
        ({"aud": "other"}, "it is for another audience"),
        ({"aud": ["hodei2"]}, "it is for another audience"),
        ({"aud": None}, "it lacks one of exp, iss, aud and sub"),
        ({"aud": []}, "it lacks one of exp, iss, aud and sub"),
        ({"aud": {"hodei": 1}}, "it is for another audience"),
        ({"iss": "https://sso.example/realms/other"}, "it is of another issuer"),
        ({"iss": "https://sso.example/realms/ci/"}, "it is of another issuer"),
        ({"iss": None}, "it lacks one of exp, iss, aud and sub"),
        ({"iss": ["https://sso.example/realms/ci"]}, "it is of another issuer"),
        ({"sub": None}, "it lacks one of exp, iss, aud and sub"),
        ({"sub": 7}, "its signature or its form is wrong"),
        ({"azp": "stranger"}, "it was issued to another client"),
        ({"azp": None}, "it was issued to another client"),
        ({"azp": ["ci-portal"]}, "it was issued to another client"),
        ({"typ": "ID"}, "it is another kind of token"),
        ({"typ": "Refresh"}, "it is another kind of token"),
        ({"tenant": ["acme"]}, "its tenant is no text"),
        ({"tenant": "../acme"}, "cannot be the name of a tenant"),
        ({"sub": "\u0430lice"}, "CYRILLIC SMALL LETTER A"),
        ({"sub": "alice\nuser:root"}, "cannot be the name of a subject"),
        ({"sub": ""}, "cannot be the name of a subject"),
    ],
)
def test_claims_that_prove_nothing(server: Issuer, changed: dict[str, Any], why: str) -> None:
    assert why in said(verifier(server), token(claims(**changed)))


def test_clocks_may_differ_by_the_leeway_and_no_more(server: Issuer) -> None:
    late = token(claims(exp=int(time.time()) - 60))
    assert "expired" in said(verifier(server), late)
    found = verifier(server, leeway="2m").verify(late)
    assert found.until is not None
    assert not found.expired(time.time())


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None])
def test_without_a_signature(server: Issuer, algorithm: Any) -> None:
    assert "not signed by RS256" in said(verifier(server), forged({"alg": algorithm, "kid": "rsa-0"}, claims()))


def test_with_the_public_key_as_a_shared_secret(server: Issuer) -> None:
    header = {"alg": "HS256", "kid": "rsa-0", "typ": "JWT"}
    for secret in (public_pem(), json.dumps(server.keys[0]).encode(), b""):
        assert "not signed by RS256" in said(verifier(server), forged(header, claims(), secret))
        lying = forged({**header, "alg": "RS256"}, claims(), secret)
        assert "its signature or its form is wrong" in said(verifier(server), lying)


def test_shared_secrets_cannot_even_be_configured() -> None:
    for algorithm in ("HS256", "none", "ES256K"):
        config, problems = read_oidc(written("https://sso.example/certs", algorithms=[algorithm]), Place("oidc"))
        assert config is None
        assert [one.path for one in problems] == ["oidc.algorithms[0]"]


def test_a_shared_secret_among_the_keys_signs_nothing(moody: Issuer) -> None:
    moody.keys = [{"kty": "oct", "kid": "rsa-0", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U", "use": "sig"}]
    secret = b"secretsecretsecretsecretsecretse"
    for algorithm in ("HS256", "RS256"):
        said(verifier(moody), forged({"alg": algorithm, "kid": "rsa-0", "typ": "JWT"}, claims(), secret))


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (1, {}),
        (0, {"algorithm": "RS512"}),
        (0, {"algorithm": "PS256"}),
        (0, {"kid": "ec-0"}),
        (0, {"kid": "rsa-9"}),
        (0, {"kid": ""}),
        (0, {"kid": "x" * 256}),
        (0, {"kid": None}),
        (0, {"typ": "logout+jwt"}),
        (0, {"typ": None}),
    ],
)
def test_headers_and_keys_that_prove_nothing(server: Issuer, key: int, header: dict[str, Any]) -> None:
    assert "the token is refused" in said(verifier(server), token(key=rsa_key(key), **header))


def test_a_header_that_has_to_be_understood(server: Issuer) -> None:
    assert verifier(server).verify(signed())
    unknown: list[dict[str, Any]] = [
        {"crit": ["b64"], "b64": True},
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": None},
    ]
    for header in unknown:
        assert "the token is refused" in said(verifier(server), signed(**header))


def test_a_token_does_not_say_where_its_keys_are(moody: Issuer) -> None:
    evil = Issuer()
    try:
        evil.rotate()
        header: dict[str, Any] = {"kid": "rsa-1", "jku": evil.url, "x5u": evil.url, "jwk": evil.keys[0]}
        said(verifier(moody), token(key=rsa_key(1), **header))
        assert evil.asked == 0
    finally:
        evil.close()


@pytest.mark.parametrize(
    "presented",
    [
        b"",
        b".",
        b"..",
        b"...",
        b"x",
        b"\xff\xfe",
        b"eyJhbGciOiJSUzI1NiJ9",
        b"e30.e30.",
        b"W10.e30.x",
        b"a" * (MOST_BYTES + 1),
    ],
)
def test_what_is_no_token_is_refused_before_any_key_is_fetched(moody: Issuer, presented: bytes) -> None:
    assert said(verifier(moody), SecretValue(presented))
    assert moody.asked == 0


def test_a_huge_token_is_not_even_looked_at(moody: Issuer) -> None:
    huge = token(claims(padding="x" * MOST_BYTES))
    assert f"it is longer than {MOST_BYTES} bytes" in said(verifier(moody), huge)
    assert moody.asked == 0


def test_a_changed_letter(server: Issuer) -> None:
    head, body, signature = token().reveal().split(b".")
    changed = body[:-2] + (b"A" if body[-2:-1] != b"A" else b"B") + body[-1:]
    assert said(verifier(server), SecretValue(b".".join((head, changed, signature))))
    assert said(verifier(server), SecretValue(b".".join((head, body, b""))))


# ---- the keys ---------------------------------------------------------------------------------------------------


def test_keys_are_fetched_once(moody: Issuer) -> None:
    one = verifier(moody)
    for _unused in range(5):
        one.verify(token())
    assert moody.asked == 1


def test_keys_are_fetched_again_when_they_are_old(moody: Issuer) -> None:
    one = verifier(moody, keep_keys="1ms")
    one.verify(token())
    deadline = time.monotonic() + 10
    while moody.asked == 1 and time.monotonic() < deadline:
        one.verify(token())
    assert moody.asked > 1


def test_rotated_keys(moody: Issuer) -> None:
    one = verifier(moody)
    one.verify(token())
    moody.rotate()
    assert one.verify(token(key=rsa_key(1), kid="rsa-1"))
    assert moody.asked == 2
    assert "no key such as it is signed with" in said(one, token())  # the former one is believed no more


def test_unknown_keys_do_not_make_us_ask_again_and_again(moody: Issuer) -> None:
    one = verifier(moody)
    for number in range(20):
        said(one, token(kid=f"unknown-{number}"))
    assert moody.asked <= 2
    assert one.verify(token())


def stalls(handler: BaseHTTPRequestHandler) -> None:
    """Begin an answer and never end it."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    handler.rfile.read(1)  # until the other side hangs up


def drips(handler: BaseHTTPRequestHandler) -> None:
    """Send an answer letter by letter, none of which is late."""
    handler.send_response(200)
    handler.end_headers()
    with suppress(OSError):  # until the other side hangs up
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.01)


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (lambda one: send(one, 503, b""), Kind.NETWORK, "it answers 503"),
        (lambda one: send(one, 404, b""), Kind.NETWORK, "it answers 404"),
        (lambda one: send(one, 302, b"", Location="/elsewhere"), Kind.NETWORK, "it answers 302"),
        (lambda one: send(one, 302, b"", Location="file:///etc/passwd"), Kind.NETWORK, "it answers 302"),
        (hangs_up, Kind.NETWORK, "cannot be fetched"),
        (stalls, Kind.NETWORK, "timed out"),
        (drips, Kind.NETWORK, "not all of it came within 0.2 s"),
        (lambda one: send(one, 200, b"<html>"), Kind.CONFIGURATION, "is no JSON"),
        (lambda one: send(one, 200, b"\xff"), Kind.CONFIGURATION, "is no JSON"),
        (lambda one: send(one, 200, b"[]"), Kind.CONFIGURATION, "is no set of keys"),
        (lambda one: send(one, 200, b"{}"), Kind.CONFIGURATION, "has no key that could be used"),
        (
            lambda one: send(one, 200, b'{"keys": [{"kty": "RSA"}]}'),
            Kind.CONFIGURATION,
            "has no key that could be used",
        ),
        (lambda one: send(one, 200, b'{"keys": 7}'), Kind.CONFIGURATION, "has no key that could be used"),
        (lambda one: send(one, 200, b" " * (jwks.MOST_BYTES + 1)), Kind.CONFIGURATION, "is longer than"),
        (lambda one: send(one, 200, b"[" * 100_000), Kind.CONFIGURATION, "is no JSON"),
    ],
)
def test_an_issuer_on_a_bad_day_lets_nobody_in(moody: Issuer, answer: Any, kind: Kind, why: str) -> None:
    one = verifier(moody, timeout="200ms" if answer in (stalls, drips) else "5s")
    moody.answer = answer
    error = refusal(one, token())
    assert (error.kind, why in str(error)) == (kind, True), error
    assert moody.asked == 1
    moody.answer = moody.publish
    assert one.verify(token())


def test_a_file_of_keys_that_is_too_long_is_not_read(server: Issuer, tmp_path: Path) -> None:
    """Keys and much else: all that lies behind the bound could be anything."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": server.keys}))
    oidc = {**written(""), "jwks_file": str(path)}
    del oidc["jwks_url"]
    config, _unused = read_oidc(oidc, Place("identity.oidc"))
    assert config is not None
    assert OidcVerifier(config).verify(token())
    path.write_text(path.read_text() + " " * jwks.MOST_BYTES)
    assert "is longer than" in str(refusal(OidcVerifier(config), token()))


def test_an_issuer_whose_certificate_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    """Neither by the machine's authorities nor by another one's file; by the one that the document names."""
    right, wrong = Authority(tmp_path / "right"), Authority(tmp_path / "wrong")
    issuer = Issuer(right.issue("sso"))
    try:
        for trusted in ({}, {"ca_file": wrong.ca}):
            error = refusal(verifier(issuer, **trusted), token())
            assert error.kind is Kind.NETWORK
            assert "certificate" in str(error)
        assert verifier(issuer, ca_file=right.ca).verify(token())
    finally:
        issuer.close()


def test_an_issuer_that_is_down() -> None:
    issuer = Issuer()
    one = verifier(issuer)
    issuer.close()
    error = refusal(one, token())
    assert error.kind is Kind.NETWORK
    assert error.retryable


def test_keys_that_are_there_outlast_a_bad_day(moody: Issuer) -> None:
    one = verifier(moody)
    one.verify(token())
    moody.answer = hangs_up
    assert one.verify(token())
    assert refusal(one, token(kid="unknown")).kind is Kind.NETWORK
    assert one.verify(token())


def test_certificates_that_cannot_be_read(server: Issuer, tmp_path: Path) -> None:
    for place in (tmp_path / "none.pem", tmp_path):
        error = refusal(verifier(server, ca_file=str(place)), token())
        assert error.kind is Kind.CONFIGURATION
        assert str(place) in str(error)


# ---- the configuration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"jwks_url": "http://sso.example/certs"}, "oidc.jwks_url: keys that come unprotected"),
        ({"jwks_url": "http://127.0.0.1.example/certs"}, "oidc.jwks_url: keys that come unprotected"),
        ({"jwks_url": "https://me:secret@sso.example/certs"}, "oidc.jwks_url: an address is shown"),
        ({"jwks_url": "file:///etc/passwd"}, "oidc.jwks_url: keys that come unprotected"),
        ({"leeway": "1h"}, "oidc.leeway: a token would be good long after"),
        ({"clients": []}, "oidc.clients: the list is empty"),
        ({"algorithms": []}, "oidc.algorithms: the list is empty"),
        ({"audience": ""}, "oidc.audience: '' is not"),
    ],
)
def test_configurations_that_are_refused(changed: dict[str, Any], problem: str) -> None:
    _unused, problems = read_oidc(written("https://sso.example/certs", **changed), Place("oidc"))
    assert [str(one).startswith(problem) for one in problems] == [True], problems


def test_an_address_that_is_elsewhere() -> None:
    _unused, problems = read_oidc(written("http://localhost@sso.example/certs"), Place("oidc"))
    assert [one.message.partition(" ")[0] for one in problems] == ["keys", "an"]


def test_what_has_to_be_written() -> None:
    _unused, problems = read_oidc({}, Place("oidc"))
    assert [str(one).partition(";")[0] for one in problems] == [
        *(f"oidc: '{name}' is missing" for name in ("issuer", "audience", "clients")),
        "oidc: jwks_url or jwks_file is missing",
    ]


def test_without_the_library(server: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "jwt", None)
    error = refusal(verifier(server), SecretValue(b"x.y.z"))
    assert error.kind is Kind.CONFIGURATION
    assert "pip install PyJWT" in str(error)

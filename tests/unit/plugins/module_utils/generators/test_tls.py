# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is generated for TLS is what openssl reads, verifies and says of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.tests.support.generated_values import NOW, made
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed


@pytest.fixture(autouse=True)
def _openssl(shared_testbed: Testbed) -> None:
    shared_testbed.need("openssl")


FULL = {
    "type": "tls",
    "subject": {"common_name": "api", "organization": "Éxample", "organizational_unit": "CI"}
    | {"locality": "Bilbao", "state": "Bizkaia", "country": "ES"},
    "dns": ["api.example.org", "*.api.example.org"],
    "ip": ["10.0.0.1", "::1"],
    "email": ["ops@example.org"],
    "uri": ["spiffe://example.org/api"],
    "days": 30,
    "extended_key_usage": ["server_auth", "client_auth"],
}
SIGNATURES = {
    "ecdsa-p256": "ecdsa-with-SHA256",
    "ecdsa-p384": "ecdsa-with-SHA384",
    "ecdsa-p521": "ecdsa-with-SHA512",
    "ed25519": "ED25519",
    "rsa-2048": "sha256WithRSAEncryption",
}


def openssl(*words: object) -> str:
    done = subprocess.run(["openssl", *map(str, words)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def written(value: SecretValue, folder: Path) -> dict[str, Path]:
    """Write each field into a file."""
    found = {}
    for name, field in value.fields().items():
        found[name] = folder / name
        found[name].write_bytes(field.reveal())
    return found


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize("key", SIGNATURES)
def test_openssl_verifies_the_certificate_and_its_key(key: str, tmp_path: Path) -> None:
    files = written(made({**FULL, "key": key}), tmp_path)
    certificate = files["certificate"]
    at = ("-attime", int(NOW), "-CAfile", certificate)
    assert openssl("verify", "-verify_hostname", "x.api.example.org", *at, certificate).endswith(": OK\n")
    assert openssl("verify", "-verify_ip", "10.0.0.1", "-purpose", "sslserver", *at, certificate).endswith(": OK\n")
    shown = openssl("x509", "-in", certificate, "-noout", "-text")
    assert f"Signature Algorithm: {SIGNATURES[key]}" in shown
    assert openssl("x509", "-in", certificate, "-noout", "-pubkey") == openssl(
        "pkey", "-in", files["private_key"], "-pubout"
    )


def test_the_certificate_says_what_was_asked_for(tmp_path: Path) -> None:
    files = written(made(FULL), tmp_path)
    text = openssl("x509", "-in", files["certificate"], "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb")
    found = lines(text)
    assert "Subject: CN=api,OU=CI,O=Éxample,L=Bilbao,ST=Bizkaia,C=ES" in found
    assert "Issuer: CN=api,OU=CI,O=Éxample,L=Bilbao,ST=Bizkaia,C=ES" in found
    assert "Version: 3 (0x2)" in found
    assert found[found.index("X509v3 Basic Constraints: critical") + 1] == "CA:FALSE"
    assert found[found.index("X509v3 Key Usage: critical") + 1] == "Digital Signature"
    usage = "TLS Web Client Authentication, TLS Web Server Authentication"
    assert found[found.index("X509v3 Extended Key Usage:") + 1] == usage
    names = found[found.index("X509v3 Subject Alternative Name:") + 1]
    assert set(names.split(", ")) == {
        "DNS:*.api.example.org",
        "DNS:api.example.org",
        "IP Address:10.0.0.1",
        "IP Address:0:0:0:0:0:0:0:1",
        "email:ops@example.org",
        "URI:spiffe://example.org/api",
    }
    dates = openssl("x509", "-in", files["certificate"], "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601")
    assert lines(dates) == ["notBefore=2027-01-15 07:00:00Z", "notAfter=2027-02-14 08:00:00Z"]
    assert files["not_after"].read_text() == "2027-02-14T08:00:00Z"
    shown = openssl("x509", "-in", files["certificate"], "-noout", "-fingerprint", "-sha256")
    assert shown.strip().partition("=")[2] == files["fingerprint"].read_text()


def test_each_certificate_has_a_serial_of_its_own(tmp_path: Path) -> None:
    serials = set()
    for _unused in range(3):
        serials.add(openssl("x509", "-noout", "-serial", "-in", written(made(FULL), tmp_path)["certificate"]))
    assert len(serials) == 3


def test_openssl_verifies_the_request(tmp_path: Path) -> None:
    spec = {name: value for name, value in FULL.items() if name != "days"}
    files = written(made({**spec, "output": "csr"}), tmp_path)
    assert files.keys() == {"private_key", "csr"}
    shown = openssl("req", "-in", files["csr"], "-noout", "-verify", "-text", "-nameopt", "RFC2253,utf8,-esc_msb")
    assert "verify OK" in shown
    assert "DNS:api.example.org" in shown
    assert "CA:FALSE" in shown
    assert openssl("req", "-in", files["csr"], "-noout", "-pubkey") == openssl(
        "pkey", "-in", files["private_key"], "-pubout"
    )


def test_an_authority_may_sign_the_request_of_another(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    authority = written(made({"type": "tls", "ca": True, "subject": {"common_name": "CA"}}), tmp_path / "ca")
    request = written(made({"type": "tls", "dns": ["a.example.org"], "output": "csr"}), tmp_path)
    signed = tmp_path / "signed"
    keys = ("-CA", authority["certificate"], "-CAkey", authority["private_key"])
    openssl("x509", "-req", "-in", request["csr"], *keys, "-copy_extensions", "copy", "-days", 30000, "-out", signed)
    checked = ("-x509_strict", "-attime", int(NOW), "-purpose", "sslserver")
    assert openssl("verify", "-CAfile", authority["certificate"], *checked, signed).endswith(": OK\n")


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ({"dns": ["a"]}, ["X509v3 Subject Alternative Name: critical"]),
        ({"dns": ["a"], "key": "rsa-2048"}, ["Digital Signature, Key Encipherment"]),
        ({"dns": ["a"], "key_usage": ["key_agreement"]}, ["Key Agreement"]),
        ({"ca": True, "subject": {"common_name": "CA"}}, ["CA:TRUE", "Digital Signature, Certificate Sign, CRL Sign"]),
    ],
)
def test_what_was_left_out_is_what_the_documentation_says(
    spec: dict[str, Any], there: list[str], tmp_path: Path
) -> None:
    certificate = written(made({"type": "tls", **spec}), tmp_path)["certificate"]
    found = lines(openssl("x509", "-in", certificate, "-noout", "-text"))
    assert all(line in found for line in there), found
    assert ("X509v3 Extended Key Usage:" in found) is not spec.get("ca", False)


def test_no_usage_at_all(tmp_path: Path) -> None:
    spec = {"type": "tls", "dns": ["a"], "key_usage": [], "extended_key_usage": []}
    shown = openssl("x509", "-in", written(made(spec), tmp_path)["certificate"], "-noout", "-text")
    assert "Usage" not in shown

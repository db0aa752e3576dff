# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys for TLS, with a certificate that they signed themselves or a request for one (RFC 5280, RFC 2986)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..model.secret_value import SecretValue
from .keys import PrivateKey, new_key

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

SLACK = timedelta(hours=1)
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def generate(spec: Mapping[str, Any], now: float) -> SecretValue:
    """Return the fields private_key (PKCS #8) and csr, or private_key, certificate, fingerprint and not_after."""
    key = new_key(spec["key"])
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.hashes import SHA256

    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    fields = {"private_key": private.decode()}
    if spec["output"] == "csr":
        fields["csr"] = _request(spec, key).public_bytes(form.Encoding.PEM).decode()
    else:
        made = _certificate(spec, key, now)
        fields["certificate"] = made.public_bytes(form.Encoding.PEM).decode()
        fields["fingerprint"] = made.fingerprint(SHA256()).hex(":").upper()
        fields["not_after"] = made.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return SecretValue.of_fields(fields)


def _certificate(spec: Mapping[str, Any], key: PrivateKey, now: float) -> x509.Certificate:
    from cryptography import x509

    subject, begin = _subject(spec), datetime.fromtimestamp(int(now), UTC)
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin - SLACK,
        not_valid_after=begin + timedelta(days=spec["days"]),
    )
    for extension, critical in _extensions(spec, key):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, _hash(key))


def _request(spec: Mapping[str, Any], key: PrivateKey) -> x509.CertificateSigningRequest:
    from cryptography import x509

    builder = x509.CertificateSigningRequestBuilder(_subject(spec))
    for extension, critical in _extensions(spec, key):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, _hash(key))


def _hash(key: PrivateKey) -> SHA256 | SHA384 | SHA512 | None:
    """Return what is signed with; Ed25519 brings its own."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if isinstance(key, Ed25519PrivateKey):
        return None
    return hashes.SHA384() if key.key_size == 384 else hashes.SHA512() if key.key_size == 521 else hashes.SHA256()


def _subject(spec: Mapping[str, Any]) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    names = {
        "country": NameOID.COUNTRY_NAME,
        "state": NameOID.STATE_OR_PROVINCE_NAME,
        "locality": NameOID.LOCALITY_NAME,
        "organization": NameOID.ORGANIZATION_NAME,
        "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "common_name": NameOID.COMMON_NAME,
    }
    given = spec["subject"]
    return x509.Name([x509.NameAttribute(oid, given[name]) for name, oid in names.items() if name in given])


def _extensions(spec: Mapping[str, Any], key: PrivateKey) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield each extension and whether it is critical."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    yield x509.BasicConstraints(ca=spec["ca"], path_length=None), True
    usages = spec.get("key_usage", _usual_usages(spec))
    if usages:
        used = {name: name in usages for name in _USAGES}
        yield x509.KeyUsage(**used, encipher_only=False, decipher_only=False), True
    purposes = spec.get("extended_key_usage", [] if spec["ca"] else ["server_auth"])
    if purposes:
        yield x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, name.upper()) for name in purposes]), False
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    names = [
        *map(x509.DNSName, spec["dns"]),
        *(x509.IPAddress(ipaddress.ip_address(one)) for one in spec["ip"]),
        *map(x509.RFC822Name, spec["email"]),
        *map(x509.UniformResourceIdentifier, spec["uri"]),
    ]
    if names:
        yield x509.SubjectAlternativeName(names), not spec["subject"]  # RFC 5280, 4.2.1.6


def _usual_usages(spec: Mapping[str, Any]) -> set[str]:
    signing = {"key_cert_sign", "crl_sign"} if spec["ca"] else set()
    return {"digital_signature"} | signing | ({"key_encipherment"} if spec["key"].startswith("rsa") else set())

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for a test: an authority, and what it signs."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates for 127.0.0.1; all files lie in ``place``, its own is ``ca``."""

    def __init__(self, place: Path, name: str = "ca") -> None:
        self.place, self.name = place, name
        place.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _subject(name)
        self.ca = self._write(name, self._key, self._sign(self._subject, self._key, authority=True))

    def issue(self, name: str) -> tuple[str, str]:
        """Return the paths of a certificate and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(name, key, self._sign(_subject(name), key)), str(self.place / f"{name}-key.pem")

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> str:
        pem = serialization.Encoding.PEM
        plain = serialization.NoEncryption()
        path = self.place / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(pem))
        written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        (self.place / f"{name}-key.pem").write_bytes(written)
        return str(path)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

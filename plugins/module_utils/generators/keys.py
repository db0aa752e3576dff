# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys by the names that documents have for them: `ed25519`, `rsa-3072`, `ecdsa-p256`..."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ..model.errors import missing_library

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

PrivateKey: TypeAlias = "Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey"


def new_key(name: str) -> PrivateKey:
    """Make a private key. Raises HodeiError(configuration) without the library."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    except ImportError as error:
        raise missing_library("cryptography") from error
    family, _unused, size = name.partition("-")
    if family == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[size])

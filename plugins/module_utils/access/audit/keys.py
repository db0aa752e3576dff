# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that sign an audit chain: ``keys/<id>.key`` (0600) and ``keys/<id>.pub`` beside the chain, both as PEM.

Whoever has the private key can write another history up to the last anchor; so a key that was handed over is destroyed. The public
keys are for verification elsewhere: where the chain can be changed, so can they.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...durable.draft import sync_directory
from ...durable.private import create_private, read_private, unusable
from ...model.errors import HodeiError, Kind, missing_library
from ...model.secret_value import SecretValue

_NAME = "the audit key"
_MOST = 4096


@dataclass(frozen=True)
class AuditKey:
    """A private key. ``id`` is a digest of its public half."""

    id: str
    _private: Any = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature."""
        return bytes(self._private.sign(data))


def key_id(public: bytes) -> str:
    """Return the id of a public key, given as its 32 bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def needs_key(directory: Path) -> bool:
    """Tell whether nothing was made yet. Raises HodeiError(configuration) when there is a chain whose key was lost."""
    if stored_keys(directory):
        return False
    if next(directory.glob("*.jsonl"), None) is not None:
        raise missing_key(directory)
    return True


def create_audit_key(directory: Path) -> str:
    """Make the key of the chain that will be in ``directory``; return its id. Durable when this returns.

    Raises HodeiError: already_exists when there is a key, configuration when there is a chain whose key was lost.
    """
    if not needs_key(directory):
        raise HodeiError(Kind.ALREADY_EXISTS, f"there is an audit key in {directory} already", hint="It is kept.")
    return make_key(directory)[0]


def make_key(directory: Path) -> tuple[str, bytes]:
    """Make a pair of files; return the id and the public key."""
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    raw = public.public_bytes_raw()
    name = key_id(raw)
    keys = directory / "keys"
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    create_private(keys / f"{name}.pub", "the public audit key", pem)
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    create_private(keys / f"{name}.key", _NAME, secret)
    return name, raw


def load_key(directory: Path, name: str) -> AuditKey:
    """Read a private key. Raises HodeiError(configuration) when it is missing, damaged, or others can reach it."""
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = directory / "keys" / f"{name}.key"
    try:
        data = SecretValue(read_private(path, _NAME, _MOST))
    except FileNotFoundError:
        raise missing_key(directory) from None
    try:
        private = load_pem_private_key(data.reveal(), None)
    except (ValueError, TypeError):  # its text may quote the key
        private = None
    if not isinstance(private, Ed25519PrivateKey) or key_id(private.public_key().public_bytes_raw()) != name:
        raise unusable(path, _NAME, "it is not the key that its name says", "Restore it from your backup.")
    return AuditKey(name, private)


def stored_keys(directory: Path) -> list[str]:
    """Return the ids of the private keys that are there."""
    return sorted(path.stem for path in (directory / "keys").glob("*.key"))


def destroy_key(directory: Path, name: str) -> None:
    """Remove a private key that nothing is signed with any more. Its public half stays."""
    (directory / "keys" / f"{name}.key").unlink(missing_ok=True)
    sync_directory(directory / "keys")


def public_keys(paths: list[Path]) -> Mapping[str, bytes]:
    """Read public keys (PEM files); return their 32 bytes by id. Raises HodeiError(configuration)."""
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    found: dict[str, bytes] = {}
    for path in paths:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            why = getattr(error, "strerror", None) or "it is no public key"
            raise unusable(path, "the public audit key", why, "Give the .pub file of the chain's key.") from None
        if not isinstance(key, Ed25519PublicKey):
            raise unusable(
                path, "the public audit key", "it is no Ed25519 key", "Give the .pub file of the chain's key."
            )
        raw = key.public_bytes_raw()
        found[key_id(raw)] = raw
    return found


def confirms(public: bytes, data: bytes, signature: bytes) -> bool:
    """Tell whether a signature over data was made by the private half of a public key (32 bytes)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def missing_key(directory: Path) -> HodeiError:
    """Return the error for an audit directory without its key."""
    if next(directory.glob("*.jsonl"), None) is not None:
        return HodeiError(
            Kind.CONFIGURATION,
            f"there is an audit chain in {directory}, but its key is missing",
            hint="Restore the files in keys/ from your backup. If they are lost, move the directory to where it is kept and run the "
            "playbook hodei.workers.init with -e hodei_accept=audit: a new chain begins, and the old one can still be verified.",
        )
    return HodeiError(
        Kind.CONFIGURATION,
        f"there is no audit key in {directory}",
        hint="Run the playbook hodei.workers.init once: it makes the key.",
    )


def _require() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise missing_library("cryptography") from error

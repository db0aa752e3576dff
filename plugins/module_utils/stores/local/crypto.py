# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cryptography of the embedded store, and nothing else of it: AES-256-GCM envelopes, HMAC-SHA-256, HKDF.

A value is encrypted with a data key of its own; the data key is wrapped by the key-encryption key (KEK). From a KEK come three
things that do not tell of each other: what wraps, what authenticates rows, and the id that the file may show.

Keys and values travel as SecretValue and are revealed in the innermost calls only: a traceback that shows local variables shows none.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass

from ...model.errors import missing_library
from ...model.secret_value import SecretValue

SCHEMA = 1
DATA_KEY_BYTES, NONCE_BYTES = 32, 12
_INFO = b"hodei.workers local store"


@dataclass(frozen=True)
class Kek:
    """A key-encryption key of one store."""

    id: str
    wrapping: SecretValue
    authentication: SecretValue

    def authenticate(self, purpose: str, text: bytes) -> bytes:
        """Return the code (32 bytes) that only who has the key can make."""
        return hmac.digest(self.authentication.reveal(), purpose.encode() + b"\0" + text, "sha256")

    def confirms(self, code: bytes, purpose: str, text: bytes) -> bool:
        """Tell whether a code is the one of this text."""
        return hmac.compare_digest(code, self.authenticate(purpose, text))


@dataclass(frozen=True)
class Binding:
    """What every envelope is bound to: the same bytes elsewhere do not open."""

    store: str
    path: str
    number: int


def derive(secret: SecretValue, store: str) -> Kek:
    """Return the KEK of a store (``store`` is its id) from 32 secret bytes. Raises HodeiError(configuration) without the library."""
    try:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise missing_library("cryptography") from error
    made = HKDF(SHA256(), length=72, salt=store.encode(), info=_INFO).derive(secret.reveal())
    return Kek(made[64:].hex(), SecretValue(made[:32]), SecretValue(made[32:64]))


def new_data_key() -> SecretValue:
    """Return a data key for one version."""
    return SecretValue(os.urandom(DATA_KEY_BYTES))


def encrypt(data_key: SecretValue, value: SecretValue, binding: Binding) -> bytes:
    """Return nonce, ciphertext and tag of a value."""
    return _seal(data_key, value, _bound("value", binding))


def decrypt(data_key: SecretValue, box: bytes, binding: Binding) -> SecretValue | None:
    """Return the value; None when the box is not what was made for this binding."""
    return _open(data_key, box, _bound("value", binding))


def wrap(kek: Kek, data_key: SecretValue, binding: Binding) -> bytes:
    """Return nonce, ciphertext and tag of a data key."""
    return _seal(kek.wrapping, data_key, _bound("key", binding, kek.id))


def unwrap(kek: Kek, box: bytes, binding: Binding) -> SecretValue | None:
    """Return the data key; None when the box is not what was made for this binding and key."""
    return _open(kek.wrapping, box, _bound("key", binding, kek.id))


def _bound(purpose: str, binding: Binding, *more: str) -> bytes:
    """Return what is authenticated with a box: a JSON list, so that no two lists are one text."""
    return json.dumps(
        [SCHEMA, purpose, binding.store, binding.path, binding.number, *more], separators=(",", ":")
    ).encode()


def _seal(key: SecretValue, text: SecretValue, bound: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key.reveal()).encrypt(nonce, text.reveal(), bound)


def _open(key: SecretValue, box: bytes, bound: bytes) -> SecretValue | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return SecretValue(AESGCM(key.reveal()).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound))
    except (InvalidTag, ValueError):  # ValueError: too short to be one
        return None

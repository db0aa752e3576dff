# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the key-encryption key is made of: a credential (model/credential.py) that is the key, or a passphrase.

A key is 32 random bytes, written everywhere as base64 (``openssl rand -base64 32``), so that it can move between these places. A
passphrase is stretched by Argon2id; salt and costs stand in the store (docs/stores/local.md).
"""

from __future__ import annotations

import base64
import os
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ...durable.private import create_private
from ...durable.sources import outside
from ...model.credential import Credential
from ...model.errors import HodeiError, Kind, missing_library
from ...model.secret_value import SecretValue
from ...model.store import Fault, StoreError

KEY_BYTES, SALT_BYTES = 32, 16
_NAME = "the store's key"
_SHORTEST = 12
_HOW = (
    "A key is 32 random bytes as base64: openssl rand -base64 32. For a passphrase, write passphrase: above its place."
)


class Stretch(NamedTuple):
    """How a passphrase becomes a key: Argon2id. ``memory`` is in KiB; the defaults are those of the reference, about 0.2 s."""

    salt: bytes
    memory: int = 64 << 10
    time: int = 3
    parallelism: int = 4

    def sane(self) -> bool:
        """Whether nobody has written costs into the file that would keep a machine busy, or none."""
        return (
            SALT_BYTES <= len(self.salt) <= 4 * SALT_BYTES
            and 8 * self.parallelism <= self.memory <= 1 << 20
            and 1 <= self.time <= 20
            and 1 <= self.parallelism <= 64
        )


@dataclass(frozen=True)
class KeySource:
    """A place to get the key from; ``load`` reads it each time. ``named`` is how messages call it."""

    named: str
    load: Callable[[], SecretValue] = field(repr=False)
    passphrase: bool = False

    def secret(self, stretch: Stretch | None) -> SecretValue:
        """Return the 32 bytes. ``stretch`` is for a passphrase. Raises StoreError(sealed), HodeiError(configuration)."""
        try:
            found = self.load()
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            raise _sealed(error.message) from None
        if not self.passphrase:
            key = _decoded(found)
            if key is None:
                raise HodeiError(Kind.CONFIGURATION, f"what {self.named} holds is no key", hint=_HOW)
            return key
        text = _typed(found)
        if text is None or stretch is None:
            why = f"{self.named} is no UTF-8 text of {_SHORTEST} characters or more"
            raise HodeiError(Kind.CONFIGURATION, why, hint="Use several words.")
        return _stretched(text, stretch)


def key_source(written: Credential | Mapping[str, Any]) -> KeySource:
    """Return the source that a ``key`` of a store's configuration is: a credential, or ``passphrase`` above one.

    One that is not looked up in a store may stand there as it is written. Raises HodeiError(configuration).
    """
    if isinstance(written, Credential):
        return KeySource(str(written), written.load)
    if written.keys() == {"passphrase"} and isinstance(written["passphrase"], (Credential, Mapping)):
        inner = key_source(written["passphrase"])
        if not inner.passphrase:
            return KeySource(f"the passphrase in {inner.named}", inner.load, passphrase=True)
    return key_source(outside(written))


def create_key_file(path: Path) -> None:
    """Make a new key, for its owner only; durable when this returns. Raises already_exists when there is one: it is kept."""
    create_private(path, _NAME, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")


def _decoded(found: SecretValue) -> SecretValue | None:
    try:
        key = SecretValue(base64.b64decode(found.reveal().strip(), validate=True))
    except ValueError:
        return None
    return key if len(key.reveal()) == KEY_BYTES else None


def _typed(found: SecretValue) -> SecretValue | None:
    """Return a passphrase as it is used: the same however a keyboard or an editor wrote it."""
    try:
        text = unicodedata.normalize("NFC", found.reveal().decode()).rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    return SecretValue.of_text(text) if len(text) >= _SHORTEST else None


def _stretched(text: SecretValue, stretch: Stretch) -> SecretValue:
    try:
        from argon2.low_level import Type, hash_secret_raw
    except ImportError as error:
        raise missing_library("argon2-cffi") from error
    costs = (stretch.time, stretch.memory, stretch.parallelism)
    return SecretValue(hash_secret_raw(text.reveal(), stretch.salt, *costs, KEY_BYTES, Type.ID))


def _sealed(why: str) -> StoreError:
    return StoreError(
        Fault.SEALED,
        f"the store cannot be opened without its key: {why}",
        hint="Give it the key that it was made with; without that, nobody can read it.",
    )

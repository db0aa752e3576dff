# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the key-encryption key comes from: a file, an environment variable, the keyring of the desktop, or a passphrase from one of these.

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

from ...durable.private import create_private, read_private
from ...model.errors import HodeiError, Kind, missing_library
from ...model.secret_value import SecretValue
from ...model.store import Fault, StoreError

KEY_BYTES, SALT_BYTES = 32, 16
_NAME = "the store's key"
_MOST_BYTES = 4096
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
        found = self.load()
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


def key_source(config: Mapping[str, Any]) -> KeySource:
    """Return the source that a ``key`` of a store's configuration names.

    One of ``{file: PATH}``, ``{env: NAME}``, ``{keyring: SERVICE/NAME}``, or ``{passphrase: <one of these>}``.
    Raises HodeiError(configuration).
    """
    if len(config) == 1:
        kind, place = next(iter(config.items()))
        if kind == "passphrase" and isinstance(place, Mapping) and "passphrase" not in place:
            inner = key_source(place)
            return KeySource(f"the passphrase in {inner.named}", inner.load, passphrase=True)
        if isinstance(place, str) and place:
            if kind == "file":
                return KeySource(place, lambda: _from_file(Path(place).expanduser()))
            if kind == "env":
                return KeySource(f"${place}", lambda: _from_environment(place))
            if kind == "keyring" and "/" in place:
                return KeySource(f"keyring {place}", lambda: _from_keyring(place))
    raise HodeiError(
        Kind.CONFIGURATION,
        "the key of a store names no place that it could come from",
        hint="Write one of file: PATH, env: NAME, keyring: SERVICE/NAME, or one of these below passphrase:.",
    )


def create_key_file(path: Path) -> None:
    """Make a new key, for its owner only; durable when this returns. Raises already_exists when there is one: it is kept."""
    create_private(path, _NAME, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")


def _from_file(path: Path) -> SecretValue:
    try:
        return SecretValue(read_private(path, _NAME, _MOST_BYTES))
    except FileNotFoundError:
        raise _sealed(f"{path} does not exist") from None


def _from_environment(name: str) -> SecretValue:
    if not os.environ.get(name):
        raise _sealed(f"the environment variable {name} is not set")
    return SecretValue(os.fsencode(os.environ[name]))


def _from_keyring(place: str) -> SecretValue:
    try:
        import keyring
    except ImportError as error:
        raise missing_library("keyring") from error
    service, _unused, name = place.rpartition("/")
    try:
        found = keyring.get_password(service, name)
    except Exception as error:  # noqa: BLE001 - each back end has its own errors, and they may quote what they found
        raise _sealed(f"the keyring did not answer ({type(error).__name__})") from None
    if not found:
        raise _sealed(f"the keyring has no {name} of {service}")
    return SecretValue.of_text(str(found))


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

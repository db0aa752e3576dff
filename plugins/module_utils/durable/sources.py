# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that lie outside of stores: in a file, an environment variable, a file descriptor, the keyring of the desktop."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..model.credential import Credential
from ..model.errors import HodeiError, Kind, missing_library
from ..model.secret_value import SecretValue
from .private import read_private

MOST_BYTES = 64 << 10
_NAME = "the credential"


def outside(written: Mapping[str, Any], playbook: int = 0) -> Credential:
    """Return what ``file``, ``env``, ``fd`` or ``keyring`` names. ``playbook`` is the process whose descriptors are meant.

    Looking it up raises HodeiError: not_found, configuration. Raises HodeiError(configuration) for anything else.
    """
    if len(written) == 1:
        ((kind, place),) = written.items()
        if kind == "fd" and isinstance(place, int):
            return Credential(f"descriptor {place}", lambda: _from_descriptor(playbook, place))
        if isinstance(place, str) and place:
            if kind == "file":
                path = Path(place).expanduser()
                return Credential(str(path), lambda: _from_file(path), file=str(path))
            if kind == "env":
                return Credential(f"${place}", lambda: _from_environment(place))
            if kind == "keyring" and "/" in place:
                return Credential(f"keyring {place}", lambda: _from_keyring(place))
    raise HodeiError(
        Kind.CONFIGURATION,
        "what is written there names no place that a credential could come from",
        hint="Write one of file: PATH, env: NAME, fd: NUMBER, or keyring: SERVICE/NAME.",
    )


def _from_file(path: Path) -> SecretValue:
    try:
        return _whole(read_private(path, _NAME, MOST_BYTES), str(path))
    except FileNotFoundError:
        raise _missing(f"{path} does not exist") from None


def _from_environment(name: str) -> SecretValue:
    if not os.environ.get(name):
        raise _missing(f"the environment variable {name} is not set")
    return SecretValue(os.fsencode(os.environ[name]))


def _from_descriptor(playbook: int, number: int) -> SecretValue:
    from .descriptor import read_descriptor

    named = f"descriptor {number} of ansible-playbook"
    if not playbook:
        raise _missing(f"there is no {named} to be read from here: on its own machine only")
    try:
        return _whole(read_descriptor(playbook, number, MOST_BYTES), named)
    except FileNotFoundError:
        raise _missing(f"there is no {named}") from None
    except OSError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"{named} cannot be read: {error.strerror or error}",
            hint="Start ansible-playbook as the same user with 3< FILE or 3< <(COMMAND).",
        ) from error


def _from_keyring(place: str) -> SecretValue:
    try:
        import keyring
    except ImportError as error:
        raise missing_library("keyring") from error
    service, _unused, name = place.rpartition("/")
    try:
        found = keyring.get_password(service, name)
    except Exception as error:  # noqa: BLE001 - each back end has its own errors, and they may quote what they found
        raise _missing(f"the keyring did not answer ({type(error).__name__})") from None
    if not found:
        raise _missing(f"the keyring has no {name} of {service}")
    return SecretValue.of_text(str(found))


def _whole(data: bytes, named: str) -> SecretValue:
    if not data or len(data) > MOST_BYTES:
        why = "is empty" if not data else f"has more than {MOST_BYTES >> 10} KiB"
        raise HodeiError(Kind.CONFIGURATION, f"{named} {why}", hint="Does it name the right place?")
    return SecretValue(data)


def _missing(why: str) -> HodeiError:
    return HodeiError(Kind.NOT_FOUND, why, hint="Put the credential there, or name where it is.")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an owner's files lie, and the fleet's key among them.

``<base>/<owner>/`` (0700) holds ``state.db`` and ``fleet.key`` (32 random bytes, 0600). The key makes every digest that state,
labels and plans carry, so a fleet whose key is lost looks changed from end to end: it is made once and never replaced
silently.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...durable.private import create_private, read_private, unusable
from ...model.errors import HodeiError, Kind
from ...model.settings import Setting, state_directory

KEY_FILE, KEY_BYTES = "fleet.key", 32
_SHOWN = 5
_NAME = "the fleet's key"
_BACKUP = f"Restore {KEY_FILE} from your backup"


@dataclass(frozen=True)
class FleetKey:
    """The key of a fleet. ``id`` is a short digest of it that labels may carry; ``secret`` is never printed."""

    id: str
    secret: bytes = field(repr=False)


def owner_directory(
    owner: str, base: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None
) -> Path:
    """Return the directory of an owner, without touching it.

    The base is the argument, else $HODEI_STATE_DIR, else $XDG_STATE_HOME/hodei, else ~/.local/state/hodei (the default of the
    XDG base directory specification). Raises HodeiError(validation) for an owner that is no single file name.
    """
    if not owner or owner.startswith(".") or "/" in owner or "\0" in owner:
        raise HodeiError(Kind.VALIDATION, f"'{owner}' cannot be an owner", hint="Use letters, digits, '-' and '_'.")
    environ = os.environ if environ is None else environ
    given = Setting(base or environ.get("HODEI_STATE_DIR"), "")
    chosen = state_directory(given, environ, os.path.expanduser("~"))
    return Path(os.path.abspath(os.path.expanduser(chosen))) / owner


def stores_directory(directory: Path) -> Path:
    """Return where the stores of an owner keep what they have on this machine, each in a directory of its name."""
    return directory / "stores"


def has_key(directory: Path) -> bool:
    """Tell whether a key lies in the directory, good or not."""
    return os.path.lexists(directory / KEY_FILE)


def load_key(directory: Path) -> FleetKey:
    """Read the key; raise HodeiError(configuration) when it is missing, cut short, or anybody else can reach it."""
    path = directory / KEY_FILE
    try:
        secret = read_private(path, _NAME, KEY_BYTES)
    except FileNotFoundError:
        raise _missing(directory) from None
    if len(secret) != KEY_BYTES:
        raise unusable(path, _NAME, f"it is not {KEY_BYTES} bytes long", f"{_BACKUP}.")
    return _fleet_key(secret)


def create_key(directory: Path, secret: bytes | None = None) -> FleetKey:
    """Make the key of a new fleet, and its directory, or put a known one back; durable when this returns.

    Raises already_exists when there is one.
    """
    path = directory / KEY_FILE
    secret = secret or os.urandom(KEY_BYTES)
    create_private(path, _NAME, secret)
    return _fleet_key(secret)


def _fleet_key(secret: bytes) -> FleetKey:
    return FleetKey(hashlib.sha256(b"hodei fleet key id\0" + secret).hexdigest()[:12], secret)


def _missing(directory: Path) -> HodeiError:
    if (directory / "state.db").exists():
        return HodeiError(
            Kind.CONFIGURATION,
            f"there is state in {directory}, but its key {KEY_FILE} is missing",
            hint=f"{_BACKUP}: every digest in state and labels was made with it, and with another key every worker would "
            "look changed.",
        )
    return HodeiError(
        Kind.CONFIGURATION,
        f"owner '{directory.name}' was never initialised here: {directory / KEY_FILE} does not exist",
        hint=how_to_begin(directory),
    )


def how_to_begin(directory: Path) -> str:
    """Say what to do where an owner has nothing; its neighbours are named, because one of them may be who was meant."""
    others = sorted(path.parent.name for path in directory.parent.glob(f"*/{KEY_FILE}"))
    more = ", ..." if len(others) > _SHOWN else "."
    there = f" Owners in {directory.parent}: {', '.join(others[:_SHOWN])}{more}" if others else ""
    return (
        "Run the playbook hodei.workers.init once, or set HODEI_STATE_DIR (or backend.path) to where the fleet's files are."
        + there
    )

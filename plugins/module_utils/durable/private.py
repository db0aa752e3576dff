# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that nobody but their owner may read: keys. Made once, durable, never replaced; refused as soon as others can reach them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..model.errors import HodeiError, Kind
from .draft import draft_of, sync_directory, write_durably


def read_private(path: Path, name: str, most: int) -> bytes:
    """Return what the file holds, or its first ``most`` + 1 bytes when it is longer; ``name`` is what messages call it.

    Raises FileNotFoundError, and HodeiError(configuration) when it belongs to somebody else, or others can read or write it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = "Run the task as the user who owns it."
        raise unusable(path, name, error.strerror or str(error), hint) from error
    with os.fdopen(descriptor, "rb") as file:
        _refuse_reachable(path, name, os.fstat(descriptor))
        return file.read(most + 1)


def create_private(path: Path, name: str, data: bytes) -> None:
    """Make the file, and its directory; durable when this returns. Raises HodeiError: already_exists, configuration."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft_of(path) as draft:
            write_durably(draft, data)
            if os.path.lexists(path):
                raise FileExistsError
            os.replace(draft, path)
        for changed in (path.parent, path.parent.parent):
            sync_directory(changed)
    except FileExistsError as error:
        raise HodeiError(Kind.ALREADY_EXISTS, f"{path} exists already", hint="It is kept as it is.") from error
    except OSError as error:
        hint = "Choose a directory that this user can write."
        raise unusable(path, name, error.strerror or str(error), hint) from error


def unusable(path: Path, name: str, why: str, hint: str) -> HodeiError:
    """Return the error for a private file that is there and cannot serve."""
    return HodeiError(Kind.CONFIGURATION, f"{name} {path} cannot be used: {why}", hint=hint)


def _refuse_reachable(path: Path, name: str, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise unusable(
            path,
            name,
            f"it belongs to user {found.st_uid}, and this task runs as user {os.geteuid()}",
            "Run the task as the user who owns it.",
        )
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(found.st_mode)
        raise unusable(
            path, name, f"others can read or write it (mode {mode:04o})", f"chmod 600 {path}; who had read it?"
        )

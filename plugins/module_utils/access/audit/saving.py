# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit chain in a backup, and back: segments and public keys, and the private keys where the user asks for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ...durable.draft import draft_of, sync_directory, write_durably
from ...durable.failpoints import hit
from ...durable.private import create_private
from ...model.errors import HodeiError, Kind
from .segments import locked, segments

_KEYS = "keys/"


def saved_chain(directory: Path, *, keys: bool) -> dict[str, bytes]:
    """Return the files of a chain by their names; none where there is no chain. Raises HodeiError."""
    if not directory.is_dir():
        return {}
    wanted = ("*.pub", "*.key") if keys else ("*.pub",)
    try:
        with locked(directory, shared=True):
            paths = [
                *segments(directory),
                *(path for glob in wanted for path in sorted((directory / "keys").glob(glob))),
            ]
            return {str(path.relative_to(directory)): path.read_bytes() for path in paths}
    except OSError as error:
        raise _unusable(directory, error) from error


def put_back_chain(directory: Path, files: Mapping[str, bytes], *, look_only: bool) -> bool:
    """Put a chain in its place where it is missing, or was cut off; tells whether that is a change. One that has got further is kept.

    Raises HodeiError(conflict) where there is another one.
    """
    saved = {name: data for name, data in files.items() if not name.startswith(_KEYS)}
    present = {path.name: path.read_bytes() for path in segments(directory)} if directory.is_dir() else {}
    if present and _continues(present, saved):
        return False
    if not _continues(saved, present):
        raise HodeiError(
            Kind.CONFLICT,
            f"the audit chain in {directory} is another one than that of the backup",
            hint="Move it to where it is kept, and restore again; both can be verified.",
        )
    if look_only:
        return True
    try:
        for name in sorted(
            files, key=lambda one: (not one.startswith(_KEYS), one)
        ):  # who finds a segment finds its key
            _put(directory / name, files[name])
    except OSError as error:
        raise _unusable(directory, error) from error
    return True


def _continues(longer: Mapping[str, bytes], shorter: Mapping[str, bytes]) -> bool:
    """Tell whether one chain has all that another one has, as far as both keep it: only the last segment may go on."""
    known = [name for name in sorted(shorter) if not longer or name >= min(longer)]
    if shorter and not known:
        return False
    last = known[-1] if known else ""
    return all(longer.get(name, b"").startswith(shorter[name]) for name in known) and all(
        longer[name] == shorter[name] for name in known if name != last
    )


def _put(path: Path, data: bytes) -> None:
    if path.suffix == ".key" or path.suffix == ".pub":
        if not path.exists():
            create_private(path, "the audit key", data)
        return
    with draft_of(path) as draft:
        write_durably(draft, data)
        os.replace(draft, path)
    hit("restore.segment")
    sync_directory(path.parent)


def _unusable(directory: Path, error: OSError) -> HodeiError:
    return HodeiError(
        Kind.CONFIGURATION,
        f"the audit chain in {directory} cannot be used: {error.strerror or error}",
        hint="Check that the directory belongs to the user that runs the task.",
    )

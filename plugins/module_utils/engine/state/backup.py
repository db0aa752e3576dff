# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State and key of a fleet in one file, and back; with its stores and its audit chain.

The file is a JSON text: what it is about, its parts in base64, and a SHA-256 over all of that. It holds the fleet's key, so it is for
its owner only (0600). State is copied by SQLite's own online backup, so a run may go on meanwhile.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...durable.copying import copy_of, replace_with
from ...durable.draft import draft_of, sync_directory, write_durably
from ...model.errors import HodeiError, Kind
from .codec import STATE
from .keys import create_key, has_key, load_key
from .sqlite import SqliteState

FORMAT = 2  # 1 has no files
STATE_FILE = "state.db"
_HOLDER = "restore"


@dataclass(frozen=True)
class Backup:
    """A backup whose checksum was found good; ``made_at`` is Unix seconds."""

    owner: str
    lineage: str
    serial: int
    made_at: float
    state: bytes
    key: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


def make_backup(directory: Path, path: Path, now: float, files: Callable[[], Mapping[str, bytes]] = dict) -> Backup:
    """Write state, key and more files of a directory to a file, atomically; what was there is replaced. ``files`` is called when the
    state is copied: what that remembers of them is not newer than they are. Raises HodeiError.
    """
    key = load_key(directory)
    try:
        _refuse_unwritable(path.parent)
        data = copy_of(directory / STATE_FILE)
        with draft_of(directory / STATE_FILE) as copy:
            write_durably(copy, data)
            state = SqliteState(copy, read_only=True).read()
        made = Backup(state.owner, state.lineage, state.serial, now, data, key.secret, files())
        with draft_of(path) as draft:
            write_durably(draft, encode(made))
            os.replace(draft, path)
        sync_directory(path.parent)
    except OSError as error:
        raise HodeiError(Kind.CONFIGURATION, f"the backup cannot be written to {path}: {error.strerror}") from error
    return made


def encode(backup: Backup) -> bytes:
    """Return the text of a backup file."""
    body = {
        "hodei_backup": FORMAT,
        "owner": backup.owner,
        "lineage": backup.lineage,
        "serial": backup.serial,
        "made_at": backup.made_at,
        "state": base64.b64encode(backup.state).decode(),
        "key": base64.b64encode(backup.key).decode(),
        "files": {name: base64.b64encode(data).decode() for name, data in backup.files.items()},
    }
    return json.dumps({**body, "sha256": _checksum(body)}, indent=1).encode() + b"\n"


def decode(data: bytes, path: Path) -> Backup:
    """Read a backup file. Raises HodeiError: validation when it is none, or damaged; compatibility for another format."""
    try:
        body = json.loads(data)
        checksum = body.pop("sha256")
        form = body["hodei_backup"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HodeiError(
            Kind.VALIDATION, f"{path} is no backup of a fleet", hint="hodei.workers.backup makes one."
        ) from None
    if checksum != _checksum(body):
        raise HodeiError(Kind.VALIDATION, f"{path} is damaged: its checksum is wrong", hint="Use another backup.")
    if form not in (1, FORMAT):
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"{path} has format {form}, this version reads up to {FORMAT}",
            hint="Restore it with the version that made it, or a newer one.",
        )
    return Backup(
        body["owner"],
        body["lineage"],
        body["serial"],
        body["made_at"],
        base64.b64decode(body["state"]),
        base64.b64decode(body["key"]),
        {name: base64.b64decode(data) for name, data in body.get("files", {}).items()},
    )


def refuse(backup: Backup, directory: Path, owner: str, lineage: str | None, *, force: bool) -> bool:
    """Raise HodeiError(conflict) when a backup may not be restored here; returns whether there is anything to do."""
    if backup.owner != owner:
        raise _conflict(f"the backup is of owner '{backup.owner}', not of '{owner}'", "Restore it under its own owner.")
    if lineage and backup.lineage != str(lineage).lower():
        raise _conflict(
            f"the backup is of lineage {backup.lineage}, and the document of {lineage}",
            "That is another fleet of this owner: use its document.",
        )
    if has_key(directory) and load_key(directory).secret != backup.key:
        raise _conflict(
            f"the key in {directory} is not the one of the backup",
            "Everything that ran since was labelled with it. If that may be lost, move it away first.",
        )
    store = SqliteState(directory / STATE_FILE, read_only=True)
    if not store.exists():
        return True
    present = store.read()
    if present.lineage != backup.lineage:
        raise _conflict(
            f"the state in {directory} is of lineage {present.lineage}, not {backup.lineage}", "Move it away first."
        )
    if present.serial > backup.serial and not force:
        raise _conflict(
            f"the state in {directory} is newer: its serial is {present.serial}, that of the backup {backup.serial}",
            "If it is to be thrown away all the same, set force: true (the playbook takes -e hodei_force=true).",
        )
    return present.serial != backup.serial or not has_key(directory)


def restore(backup: Backup, directory: Path, holder: str, now: float) -> None:
    """Put a backup in the place of what is there, while nobody else can write. Raises HodeiError(conflict) for a live lease."""
    path = directory / STATE_FILE
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft_of(path) as draft:
            write_durably(draft, backup.state)
            _release_all(draft, now)
            with closing(SqliteState(path)) as present:
                if present.exists():
                    # Whoever writes, writes to the file that it has opened, and finds out that this is not the one any more.
                    lease = present.acquire(holder, 30.0, now)
                    present.close()
                    if not replace_with(path, draft, STATE):
                        present.release(lease)
                        raise _conflict(f"somebody reads the state in {directory}", "Try again when that is over.")
                else:
                    replace_with(path, draft, STATE)
    except OSError as error:
        raise HodeiError(
            Kind.CONFIGURATION, f"cannot restore to {directory}: {error.strerror}", hint="Is there room?"
        ) from error
    if not has_key(directory):
        create_key(directory, backup.key)


def _release_all(path: Path, now: float) -> None:
    """Take the lease out of a copy that was made while a run held it, and see that the copy can be believed."""
    store = SqliteState(path)
    store.read()
    store.release(store.acquire(_HOLDER, 1.0, now, break_lease=True))
    store.close()


def _refuse_unwritable(directory: Path) -> None:
    if not os.access(directory, os.W_OK | os.X_OK):
        raise HodeiError(
            Kind.CONFIGURATION, f"{directory} cannot be written to", hint="Choose a directory that exists and is yours."
        )


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _conflict(message: str, hint: str) -> HodeiError:
    return HodeiError(Kind.CONFLICT, message, hint=hint)

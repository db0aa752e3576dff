# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of type local in a backup, and back: its file, which is encrypted, and its key where the user asks for that."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from ...durable.connect import explained, snapshot
from ...durable.copying import copy_of, replace_with
from ...durable.draft import draft_of, write_durably
from ...durable.private import create_private, read_private
from ...model.errors import HodeiError, Kind
from ...model.store import Fault, Seen, StoreError
from . import heads
from .config import key_file_of, place_of
from .file import SUBJECT

KEY = "store.key"
_MOST_KEY = 4096


def saved_local_store(config: Mapping[str, Any], home: Path, *, keys: bool) -> dict[str, bytes]:
    """Return the files of a store by their names; none where there is no store. A key that lies in no file is not among them.

    Raises HodeiError.
    """
    path = place_of(config, home)
    if not path.exists() or not path.stat().st_size:
        return {}
    with explained(path, SUBJECT):
        found = {path.name: copy_of(path)}
    key_file = key_file_of(config, home)
    if keys and key_file:
        found[KEY] = read_private(Path(key_file), "the store's key", _MOST_KEY)
    return found


def put_back_local_store(
    config: Mapping[str, Any],
    home: Path,
    files: Mapping[str, bytes],
    known: Seen | None,
    accept: bool,
    *,
    look_only: bool,
) -> bool:
    """Put the files of a backup in their places; tells whether that is a change. A key that is there is kept.

    ``known`` is how far the state knows it to have got. Raises StoreError(rolled_back) where a newer store, or another one, would get an
    older one in its place, unless ``accept``.
    """
    path, key_file = place_of(config, home), key_file_of(config, home)
    wanted = _seen_in(files[path.name], path)
    present = _seen(path) if path.exists() and path.stat().st_size else None
    lacks_key = KEY in files and bool(key_file) and not Path(key_file).exists()
    for seen in (present, known):
        older = seen is not None and (seen.store_id != wanted.store_id or seen.generation > wanted.generation)
        if seen is not None and older and not accept:
            raise _rolled_back(path, seen, wanted)
    if present == wanted or look_only:
        changed = lacks_key or present != wanted
    else:
        _put(path, files[path.name])
        changed = True
    if lacks_key and not look_only:
        create_private(Path(key_file), "the store's key", files[KEY])
    return changed


def _put(path: Path, data: bytes) -> None:
    with explained(path, SUBJECT):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft_of(path) as draft:
            write_durably(draft, data)
            if not replace_with(path, draft, SUBJECT):
                raise HodeiError(Kind.CONFLICT, f"somebody reads the store {path}", hint="Try again when that is over.")


def _seen(path: Path) -> Seen:
    with explained(path, SUBJECT):
        return snapshot(path, _head)


def _seen_in(data: bytes, path: Path) -> Seen:
    with explained(path, SUBJECT), closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(data)
        return _head(connection)


def _head(connection: sqlite3.Connection) -> Seen:
    row = connection.execute("SELECT document, digests, code FROM head").fetchone()
    if row is None:
        raise heads.corrupt("its head is missing")
    head = heads.decode(*row)
    return Seen(head.store, head.generation)


def _rolled_back(path: Path, present: Seen, wanted: Seen) -> StoreError:
    said = f"the store {path} is newer: its generation is {present.generation}, that of the backup {wanted.generation}"
    if present.store_id != wanted.store_id:
        said = f"the store {path} is another one than that of the backup"
    return StoreError(
        Fault.ROLLED_BACK,
        said,
        hint="Secrets that were changed since would have their old values. If that is what you want, accept it by name: "
        "accept: [store.NAME] (the playbook takes -e hodei_accept=store.NAME).",
    )

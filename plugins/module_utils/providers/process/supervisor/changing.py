# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of a worker that goes on living: its files, what is kept of them and its record change together."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

from .delivery import File, Place, kept_name, pack, prepare, read_data, remove
from .dirs import Directories, open_directory, remove_file
from .drift import metadata, owner_of, who
from .exchange import Exchange
from .failpoint import reach
from .record import Record, whole
from .wire import FILES_SUFFIX


def unpacked(draft: Mapping[str, Any]) -> tuple[dict[str, Any], list[File]]:
    """Part a request from what its files hold, which no record keeps. Raises RefusedError when an owner is unknown."""
    spec = draft["spec"]
    if not spec or not spec.get("files"):
        return dict(draft), []
    files = []
    for item in spec["files"]:
        owner = owner_of(item["owner"], Place(-1, 0, 0)) if item["owner"] else None
        files.append(File(item["path"], item["mode"], owner, read_data(item)))
    known = [metadata(item, file) for item, file in zip(spec["files"], files, strict=True)]
    return {**draft, "spec": {**spec, "files": known}}, files


def keep(exchange: Exchange, token: str, files: Sequence[File], records: int) -> None:
    """Prepare what stands beside a worker's record. Raises OSError."""
    exchange.prepare(records, kept_name(token), pack(files), 0o600)


def change_files(
    record: Record,
    changed: Record,
    files: Sequence[File],
    drifted: Collection[str],
    directories: Directories,
    *,
    running: bool,
) -> None:
    """Make ``record`` what ``changed`` is, on the disk and in memory, and its files with it; all or, for want of room, nothing.

    The record comes last: killed before, the next run finds the worker as it was recorded and changes it again. Raises OSError.
    """
    before = {file["path"]: file for file in record.spec.get("files", ())}
    after = {file["path"]: file for file in changed.spec.get("files", ())}
    touched = {path for path, file in after.items() if before.get(path) != file or _has(drifted, path)}
    gone = [path for path in before if path not in after]
    with Exchange() as exchange:
        place = _place(changed, directories, exchange) if touched or gone else None
        if place is not None:
            prepare(exchange, place, [file for file in files if file.path in touched])
        if before != after:
            keep(exchange, record.token, files, directories.records)
        changed.stale = record.stale or (running and bool(touched or gone))
        exchange.prepare(directories.records, f"{record.id}.json", whole(changed), 0o600)
        reach("prepared")
        if place is not None:
            for path in gone:
                remove(place, path)
        exchange.commit()
        reach("exchanged")
    for one in fields(record):
        setattr(record, one.name, getattr(changed, one.name))


def clear_unfinished(records: int, tokens: Collection[str]) -> None:
    """Delete what a supervisor that was killed had prepared beside the records, for nobody or not yet in its place."""
    for name in os.listdir(records):
        if name.startswith(".") or (name.endswith(FILES_SUFFIX) and name.removesuffix(FILES_SUFFIX) not in tokens):
            remove_file(name, records)


def _place(record: Record, directories: Directories, exchange: Exchange) -> Place | None:
    """Return a worker's own directory; none before its first start, which makes it."""
    try:
        return Place(exchange.keep(open_directory(record.place, directories.workers)), *who(record))
    except FileNotFoundError:
        return None


def _has(drifted: Collection[str], path: str) -> bool:
    """Tell whether a file is among field paths, whose last part names what of it differs."""
    return any(one.rpartition(".")[0] == f"files.{path}" for one in drifted)

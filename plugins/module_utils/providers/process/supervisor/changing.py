# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One change of a worker that goes on living: its files, what is kept of them and its record change together."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from .delivery import File, Place, kept_name, pack, prepare, prepare_links, read_data, remove
from .dirs import Directories, open_directory, remove_file
from .drift import metadata, owner_of, who
from .exchange import Exchange
from .failpoint import reach
from .record import Record, whole
from .request_secrets import Given, at_home, read_given
from .secret_mounts import is_env
from .wire import FILES_SUFFIX
from .world import World


class Contents(NamedTuple):
    """What no record keeps: the files of a request, and the secrets; None where the worker keeps those that it has."""

    files: Sequence[File] = ()
    secrets: Sequence[Given] | None = None


def unpacked(draft: Mapping[str, Any]) -> tuple[dict[str, Any], Contents]:
    """Part a request from what its files hold, and its secrets. Raises RefusedError where one cannot be given so."""
    draft = dict(draft)
    given = draft.pop("given", None)
    secrets = None if given is None else read_given(given)
    spec = draft["spec"]
    if not spec or not spec.get("files"):
        return draft, Contents((), secrets)
    files = []
    for item in spec["files"]:
        owner = owner_of(item["owner"], Place(-1, 0, 0)) if item["owner"] else None
        files.append(File(item["path"], item["mode"], owner, read_data(item)))
    known = [metadata(item, file) for item, file in zip(spec["files"], files, strict=True)]
    return {**draft, "spec": {**spec, "files": known}}, Contents(files, secrets)


def keep(exchange: Exchange, token: str, files: Sequence[File], records: int) -> None:
    """Prepare what stands beside a worker's record. Raises OSError."""
    exchange.prepare(records, kept_name(token), pack(files), 0o600)


def change(
    record: Record, changed: Record, contents: Contents, drifted: Collection[str], world: World, *, running: bool
) -> None:
    """Make ``record`` what ``changed`` is, on the disk and in memory, with its files and secrets; all or, for want of room, nothing.

    The record comes last: killed before, the next run finds the worker as it was recorded and changes it again.
    Raises OSError, and RefusedError where it is about secrets.
    """
    directories = world.directories
    before = {file["path"]: file for file in record.spec.get("files", ())}
    after = {file["path"]: file for file in changed.spec.get("files", ())}
    touched = {path for path, file in after.items() if before.get(path) != file or _has(drifted, path)}
    gone = before.keys() - after.keys()
    with Exchange() as exchange:
        place = (
            _place(changed, directories, exchange) if touched or gone or contents.secrets or record.secrets else None
        )
        if place is not None:
            prepare(exchange, place, [file for file in contents.files if file.path in touched])
        if before != after:
            keep(exchange, record.token, contents.files, directories.records)
        told = bool(touched or gone)
        if contents.secrets is not None:
            told |= _give(exchange, record, changed, contents.secrets, world, running=running)
            gone = (gone | _link(exchange, record, changed, world, place)) - at_home(changed.secrets) - after.keys()
        changed.stale = record.stale or (running and told)
        exchange.prepare(directories.records, f"{record.id}.json", whole(changed), 0o600)
        reach("prepared")
        if place is not None:
            for path in gone:
                remove(place, path)
        exchange.commit()
        reach("exchanged")
    for one in fields(record):
        setattr(record, one.name, getattr(changed, one.name))


def _give(
    exchange: Exchange, record: Record, changed: Record, given: Sequence[Given], world: World, *, running: bool
) -> bool:
    """Prepare the secrets of a worker; returns whether it has to be told.

    Of those in its own directory it is, as of all files. The others are put in their places while it runs, so it is told if it has
    said how.
    """
    swapped = {key for key in world.mounts.prepare(exchange, record, changed, given, who(changed)) if not is_env(key)}
    before, after = ({key: held[0] for key, held in one.secrets.items() if is_env(key)} for one in (record, changed))
    if running and before != after and record.began_with is None:
        changed.began_with = before
    return bool(at_home(swapped) or (swapped and changed.spec.get("reload")))


def _link(exchange: Exchange, record: Record, changed: Record, world: World, place: Place | None) -> set[str]:
    """Prepare the links to secrets in a worker's own directory, and return those that it needs no more."""
    links = world.mounts.links(changed)
    if place is not None:
        prepare_links(exchange, place, links)
    return world.mounts.links(record).keys() - links.keys()


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

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a document gives to a worker: kept whole beside its record, and put into its own directory.

What they hold stands in one private file for each worker, not in the record, which is read and written too often for that.
From there they are put back when one is missing at a start. Whoever writes into a worker's directory walks there by
descriptors, never through a link, and never into a directory that is not the worker's: one that may move other people's
directories into its own gets nothing written there.
"""

from __future__ import annotations

import binascii
import errno
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .dirs import make_owned, open_directory
from .exchange import Exchange
from .wire import FILES_SUFFIX

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR)


class File(NamedTuple):
    """One file; ``owner`` is (uid, gid), None for the worker's own user."""

    path: str
    mode: int
    owner: tuple[int, int] | None
    data: bytes


class Place(NamedTuple):
    """A worker's own directory, by descriptor, and who the worker runs as."""

    own: int
    uid: int
    gid: int


class UnplacedError(OSError):
    """A file that could not be written; ``filename`` is its path in the document."""


def read_data(item: Mapping[str, Any]) -> bytes:
    """Return what a file of a request holds."""
    text: str | None = item.get("content")
    return text.encode() if text is not None else binascii.a2b_base64(item["content_base64"])


# ---- beside the record -----------------------------------------------------------------------------------------------


def kept_name(token: str) -> str:
    """Name the file beside a worker's record; it keeps that name when the worker gets another address."""
    return f"{token}{FILES_SUFFIX}"


def pack(files: Iterable[File]) -> bytes:
    """Write files as one: a line of JSON that tells of each, then what they hold."""
    files = list(files)
    head = [[file.path, file.mode, file.owner, len(file.data)] for file in files]
    return b"".join([json.dumps(head, separators=(",", ":")).encode(), b"\n", *(file.data for file in files)])


def read_kept(token: str, records: int) -> list[File]:
    """Read the files of a worker; none where nothing is kept. Raises OSError."""
    try:
        fd = os.open(kept_name(token), _READ, dir_fd=records)
    except FileNotFoundError:
        return []
    with open(fd, "rb") as stream:
        data = stream.read()
    head, _unused, rest = data.partition(b"\n")
    found = []
    for path, mode, owner, length in json.loads(head):
        found.append(File(path, mode, None if owner is None else (owner[0], owner[1]), rest[:length]))
        rest = rest[length:]
    return found


# ---- in the worker's directory ---------------------------------------------------------------------------------------


def prepare(exchange: Exchange, place: Place, files: Iterable[File]) -> None:
    """Write files under other names beside where they will be, with the directories that lead there. Raises UnplacedError."""
    parents: dict[str, int] = {}
    for file in files:
        parent, _unused, name = file.path.rpartition("/")
        try:
            if parent not in parents:
                parents[parent] = exchange.keep(_walk(parent, place, make=True))
            exchange.prepare(parents[parent], name, file.data, file.mode, file.owner or (place.uid, place.gid))
        except OSError as error:
            raise UnplacedError(error.errno, error.strerror, file.path) from error


def prepare_links(exchange: Exchange, place: Place, links: Mapping[str, str]) -> None:
    """Make links, by their paths, that take the places of what is there but directories. Raises UnplacedError."""
    for path, target in links.items():
        parent, _unused, name = path.rpartition("/")
        try:
            directory = exchange.keep(_walk(parent, place, make=True))
            if not _leads(name, target, directory):
                exchange.prepare_link(directory, name, target)
        except OSError as error:
            raise UnplacedError(error.errno, error.strerror, path) from error


def put_missing(place: Place, files: Sequence[File]) -> None:
    """Write the files that are not there; what lies in the place of one stays as it is. Raises OSError."""
    missing = [file for file in files if not _is_there(file.path, place)]
    if missing:
        with Exchange() as exchange:
            prepare(exchange, place, missing)
            exchange.commit()


def remove(place: Place, path: str) -> None:
    """Delete a file that the document has left out; what is not a file of ours any more stays. Raises UnplacedError."""
    parent, _unused, name = path.rpartition("/")
    try:
        directory = _walk(parent, place, make=False)
        try:
            os.unlink(name, dir_fd=directory)
        finally:
            os.close(directory)
    except OSError as error:
        if error.errno not in _GONE:
            raise UnplacedError(error.errno, error.strerror, path) from error


def look(path: str, place: Place) -> tuple[int, os.stat_result]:
    """Return the directory of a file, to be closed, and what lies there, which may be a link. Raises OSError."""
    parent, _unused, name = path.rpartition("/")
    directory = _walk(parent, place, make=False)
    try:
        return directory, os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        os.close(directory)
        raise


def _leads(name: str, target: str, directory: int) -> bool:
    try:
        return os.readlink(name, dir_fd=directory) == target
    except OSError:
        return False


def _is_there(path: str, place: Place) -> bool:
    try:
        directory, _unused = look(path, place)
    except FileNotFoundError:
        return False
    os.close(directory)
    return True


def _walk(path: str, place: Place, *, make: bool) -> int:
    """Open a directory below the worker's own, component by component. Raises OSError."""
    current = os.dup(place.own)
    for part in filter(None, path.split("/")):
        try:
            following = (
                make_owned(part, current, place.uid, place.gid, 0o755) if make else open_directory(part, current)
            )
        finally:
            os.close(current)
        current = following
        if os.fstat(current).st_uid != place.uid:
            os.close(current)
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), part)
    return current

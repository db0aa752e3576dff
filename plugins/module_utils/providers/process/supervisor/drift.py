# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files of workers are still as they were put: looked at when somebody asks, read only where a look differs.

A file whose inode, size and times are those of the last look has not changed since. What has is read and compared. One
listing looks for a bounded time; whoever it did not come to is first the next time.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from . import record as states
from .delivery import File, Place, look
from .dirs import open_directory
from .record import Record
from .users import identity
from .wire import RefusedError

#: Stands for what a changed file holds, as model/normal.py has it.
CHANGED = "hmac:changed"
_LOOK_SECONDS = 0.5
#: So many workers are looked at however long it takes.
_ALWAYS = 100
#: What was changed this recently (nanoseconds) may be changed again without looking different: times are coarse.
_SETTLED = 100_000_000
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Signature = tuple[int, int, int, int]


class Seen(NamedTuple):
    """The last look at a file: how it looked, which content was wanted, and whether it had that."""

    signature: Signature
    sha256: str
    same: bool


def metadata(item: Mapping[str, Any], file: File) -> dict[str, Any]:
    """Return what a record says of a file: everything but what it holds."""
    return {
        "path": file.path,
        "mode": file.mode,
        "owner": item["owner"],
        "size": len(file.data),
        "sha256": hashlib.sha256(file.data).hexdigest(),
    }


def who(record: Record) -> tuple[int, int]:
    """Return uid and gid of a worker. Raises RefusedError when its user is gone."""
    found = identity(record.spec["user"])
    return (found.uid, found.gid) if found else (os.geteuid(), os.getegid())


class Drift:
    """Remembers how files looked; ``look`` gives field path -> what is there now, for every worker that differs."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], Seen] = {}
        self._found: dict[str, dict[str, Any]] = {}
        self._next = ""

    def look(self, records: Iterable[Record], workers: int) -> Mapping[str, dict[str, Any]]:
        """Compare the files of workers; ``workers`` is the directory of their directories."""
        having = sorted((one for one in records if one.spec.get("files")), key=lambda one: one.id)
        self._forget({one.id for one in having})
        start = next((index for index, one in enumerate(having) if one.id >= self._next), 0)
        deadline = time.monotonic() + _LOOK_SECONDS
        for number, record in enumerate([*having[start:], *having[:start]]):
            if number >= _ALWAYS and time.monotonic() > deadline:
                self._next = record.id
                break
            self._found[record.id] = self._compare(record, workers)
        return self._found

    def refresh(self, records: Iterable[Record], workers: int) -> Mapping[str, dict[str, Any]]:
        """Compare the files of these workers at once, and leave the others as they were seen last."""
        for record in records:
            self._found[record.id] = self._compare(record, workers) if record.spec.get("files") else {}
        return self._found

    def _forget(self, living: set[str]) -> None:
        if any(worker not in living for worker in self._found):
            self._found = {worker: found for worker, found in self._found.items() if worker in living}
            self._seen = {key: seen for key, seen in self._seen.items() if key[0] in living}

    def _compare(self, record: Record, workers: int) -> dict[str, Any]:
        """Compare one worker's; before it was started for the first time it has no directory."""
        if record.started_at is None or record.state == states.CREATING:
            return {}
        try:
            own = open_directory(record.place, workers)
        except OSError:
            return {}
        try:
            place = Place(own, *who(record))
            found: dict[str, Any] = {}
            for file in record.spec["files"]:
                found.update(self._compare_file(record.id, file, place))
            return found
        except RefusedError:
            return {}
        finally:
            os.close(own)

    def _compare_file(self, worker: str, file: Mapping[str, Any], place: Place) -> dict[str, Any]:
        name = f"files.{file['path']}"
        try:
            directory, info = look(file["path"], place)
        except FileNotFoundError:
            return {f"{name}.content": None}
        except OSError:
            return {f"{name}.content": CHANGED}
        try:
            found = _attributes(name, file, info, place)
            if not self._is_same(worker, file, info, directory):
                found[f"{name}.content"] = CHANGED
            return found
        finally:
            os.close(directory)

    def _is_same(self, worker: str, file: Mapping[str, Any], info: os.stat_result, directory: int) -> bool:
        if not stat.S_ISREG(info.st_mode) or info.st_size != file["size"]:
            return False
        signature = (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        seen = self._seen.get((worker, file["path"]))
        if seen is None or (seen.signature, seen.sha256) != (signature, file["sha256"]):
            same = _sha256(file["path"].rpartition("/")[2], directory, file["size"]) == file["sha256"]
            seen = Seen(signature, file["sha256"], same)
            if time.time_ns() - info.st_ctime_ns > _SETTLED:
                self._seen[worker, file["path"]] = seen
        return seen.same


def _attributes(name: str, file: Mapping[str, Any], info: os.stat_result, place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if stat.S_ISREG(info.st_mode):
        mode = stat.S_IMODE(info.st_mode)
        if mode != file["mode"]:
            found[f"{name}.mode"] = f"{mode:04o}"
        if (info.st_uid, info.st_gid) != owner_of(file["owner"], place):
            found[f"{name}.owner"] = f"{info.st_uid}:{info.st_gid}"
    return found


def owner_of(owner: str, place: Place) -> tuple[int, int]:
    """Return whose a file is to be. Raises RefusedError when there is no such user."""
    found = identity(owner) if owner else None
    if found is not None:
        return found.uid, found.gid
    return (os.geteuid(), os.getegid()) if owner else (place.uid, place.gid)


def _sha256(name: str, directory: int, size: int) -> str:
    """Digest a file of a known size; what is no plain file of that size any more gives nothing."""
    try:
        fd = os.open(name, _READ, dir_fd=directory)
    except OSError:
        return ""
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size != size:
            return ""
        return hashlib.sha256(os.read(fd, size)).hexdigest()
    finally:
        os.close(fd)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one worker: all that is needed to find it, judge it and start it again.

A file has two parts. Its first page holds what changes while the worker lives, and is written over in place by one call:
a process that is killed leaves the old page or the new one. Behind it stands what a request has fixed. The page is
written last, so a file without one is of a worker that was never started. Whoever reads beside it reads until it finds the same
twice. Nothing is synced to the disk: a process does
not outlive a power cut either, so a record that one has torn is about nothing. Replacing files by rename, the usual way,
costs a hundred times as much on ext4. A record holds ``env`` in plain text and is for its owner only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

FORMAT = 1

#: The states of model/states.py that a process can be in.
CREATING = "creating"
STARTING = "starting"
RUNNING = "running"
DEGRADED = "degraded"
RECOVERING = "recovering"
PAUSED = "paused"
STOPPING = "stopping"
STOPPED = "stopped"
COMPLETED = "completed"
FAILED = "failed"

#: States in which the supervisor has to stay: something runs or is about to.
ENDED = frozenset((STOPPED, COMPLETED, FAILED))
#: Beside the verbs: what is to be done once a worker is idle whose time to live is over.
TTL = "ttl"


@dataclass(slots=True)
class Record:
    """What is known of one worker.

    ``spec`` is the wire form of providers/process/mapping.py; ``token`` marks all that belongs to the worker.
    ``started`` (clock ticks) and ``boot`` make ``pid`` unique. ``ttl_from`` is when the time to live began, on the clock
    of ``procfs.boottime``.
    ``edits`` counts what callers changed. ``groups`` maps a cgroup controller to the worker's directory.
    ``stale``: its files were changed since it started, and it has not been told.
    ``secrets`` are what it was given: by what names a mount, its version, mode and owner. ``began_with`` are the versions of those in
    its environment where others were given since it started, None where none were.
    ``failures`` counts the failed runs since the last good one: the back-off grows with it.
    ``drain_since`` is when it was first asked to finish its work, in Unix seconds; ``drain_told`` says that it has heard and takes
    no more; ``drain_then`` is the verb that is left to be done as soon as it is idle, or TTL.
    """

    id: str
    name: str
    key: int | None
    generation: int
    provider: str
    owner: str
    lineage: str
    digest: str
    key_id: str
    operation: str
    intent: str
    protected: bool
    spec: dict[str, Any]
    token: str
    boot: str
    created_at: float
    labels: dict[str, str] = field(default_factory=dict)
    on_remove: str = ""
    state: str = CREATING
    reason: str = ""
    exit_code: int | None = None
    pid: int = 0
    started: int = 0
    started_at: float | None = None
    restarts: int = 0
    failures: int = 0
    edits: int = 0
    ttl_from: float | None = None
    drain_since: float | None = None
    drain_told: bool = False
    drain_then: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    home: str = ""
    stale: bool = False
    secrets: dict[str, list[Any]] = field(default_factory=dict)
    began_with: dict[str, str] | None = None

    @property
    def address(self) -> str:
        """The address as users write it."""
        return f"worker.{self.name}" if self.key is None else f"worker.{self.name}[{self.key}]"

    @property
    def place(self) -> str:
        """What its own directory and its control groups are called. They keep that when the worker gets another address."""
        return os.path.basename(self.home) or self.id

    @property
    def etag(self) -> str:
        """Changes when a caller changes the object, or makes another in its place."""
        return f"{self.token}-{self.edits}"

    def forget_draining(self) -> None:
        """Begin anew: this run drains no more."""
        self.drain_since, self.drain_told, self.drain_then = None, False, ""

    def row(self, drift: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> list[Any]:
        """Return the observation in the order of ``wire.ROW``; ``drift`` is what of its files is not as it was put, ``secrets``
        which versions of them it has.
        """
        return [
            *(self.id, self.name, self.key, self.generation, self.lineage, self.state, self.digest, self.etag),
            *(self.operation, self.key_id, self.intent, self.protected, self.reason, self.exit_code, self.restarts),
            *(self.created_at, self.started_at, self.ports, self.pid, self.spec.get("drain"), self._draining()),
            *(drift or {}, self.stale, self.on_remove, secrets or {}, self.provider),
        ]

    def _draining(self) -> list[Any] | None:
        if self.drain_since is None or self.state in ENDED:
            return None
        return [self.drain_since, self.drain_told, self.drain_then]


_NAMES = frozenset(item.name for item in fields(Record))
#: What stands in the first page.
_CHANGING = (
    *(
        "state",
        "reason",
        "exit_code",
        "pid",
        "started",
        "boot",
        "started_at",
        "restarts",
        "failures",
        "edits",
        "intent",
    ),
    *("ttl_from", "groups", "drain_since", "drain_told", "drain_then", "stale"),
)
_FIXED = tuple(sorted(_NAMES.difference(_CHANGING)))
_PAGE = 4096
_LONGEST_REASON = 800
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotBegunError(ValueError):
    """A record whose worker was never started: whoever wrote it died before."""


def record_id(name: str, key: int | None, generation: int) -> str:
    """Name a worker's files: ``runner.1``, ``runner+2.1``; no two addresses share one."""
    return f"{name}.{generation}" if key is None else f"{name}+{key}.{generation}"


def read_id(worker: str) -> tuple[str, int | None, int]:
    """Return name, key and generation of what ``record_id`` has named."""
    slug, _unused, generation = worker.rpartition(".")
    name, _unused, key = slug.partition("+")
    return name, int(key) if key else None, int(generation)


def as_filed(record: Record, file: str) -> bool:
    """Give a record the address that its file is named after, which is the one that counts; False when it had that already.

    Whoever renamed the file died before its content was written.
    """
    worker = file.removesuffix(".json")
    if record.id == worker:
        return False
    record.id = worker
    record.name, record.key, record.generation = read_id(worker)
    return True


def save(record: Record, directory: int) -> None:
    """Write over what changes in a record that exists. Raises OSError; a full disk is no reason, the page has its place."""
    fd = os.open(f"{record.id}.json", _WRITE, dir_fd=directory)
    try:
        os.pwrite(fd, _page(record), 0)
    finally:
        os.close(fd)


def create(record: Record, directory: int) -> None:
    """Write a whole record. Raises OSError (disk full, read-only)."""
    _write_whole(record, f"{record.id}.json", directory)


def replace(record: Record, directory: int) -> None:
    """Write a whole record in the place of another, all or nothing. Raises OSError."""
    temporary = f".{record.id}.tmp"
    _write_whole(record, temporary, directory)
    os.rename(temporary, f"{record.id}.json", src_dir_fd=directory, dst_dir_fd=directory)


def whole(record: Record) -> bytes:
    """Return all that a record's file holds, for who puts it in the place of another."""
    return _page(record) + _text(record, _FIXED)


def _write_whole(record: Record, name: str, directory: int) -> None:
    fixed = _text(record, _FIXED)
    fd = os.open(name, _WRITE | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=directory)
    try:
        offset = _PAGE
        while offset < _PAGE + len(fixed):
            offset += os.pwrite(fd, fixed[offset - _PAGE :], offset)
        os.pwrite(fd, _page(record), 0)
    except OSError:
        os.unlink(name, dir_fd=directory)
        raise
    finally:
        os.close(fd)


def _text(record: Record, names: tuple[str, ...]) -> bytes:
    document = {"format": FORMAT, **{name: getattr(record, name) for name in names}}
    return json.dumps(document, separators=(",", ":")).encode()


def _page(record: Record) -> bytes:
    """Return the first page; a reason that is too long for it is cut."""
    record.reason = record.reason[:_LONGEST_REASON]
    text = _text(record, _CHANGING)
    while len(text) > _PAGE and record.reason:
        record.reason = record.reason[: len(record.reason) // 2]
        text = _text(record, _CHANGING)
    return text.ljust(_PAGE)


def load(name: str, directory: int) -> Record:
    """Read one record; ValueError when it is torn or foreign, OSError when it cannot be read."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    with open(fd, "rb", buffering=0) as file:
        before, data = b"", file.readall()
        while data != before:  # the page may be written at this moment, and is read in part old, in part new then
            file.seek(0)
            before, data = data, file.readall()
    if not data[:_PAGE].strip(b"\0"):
        raise NotBegunError(f"{name} is about a worker that was never started")
    document: dict[str, Any] = {}
    for part in (json.loads(data[_PAGE:]), json.loads(data[:_PAGE])):
        if not isinstance(part, dict) or part.get("format") != FORMAT:
            raise ValueError(f"{name} is no worker record of format {FORMAT}")
        document.update(part)
    try:
        return Record(**{key: value for key, value in document.items() if key in _NAMES})
    except TypeError as error:
        raise ValueError(f"{name} lacks fields: {error}") from error


def read_all(directory: int) -> Iterator[tuple[str, Record | Exception]]:
    """Read every record of a directory: its file name, and the record or why there is none."""
    for name in sorted(os.listdir(directory)):
        if name.startswith(".") or not name.endswith(".json"):
            continue
        try:
            yield name, load(name, directory)
        except FileNotFoundError:
            continue
        except (ValueError, OSError) as error:
            yield name, error

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a SQLite file for writing or for looking, and says in plain words what SQLite's errors mean."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote

from ..model.errors import HodeiError, Kind
from .wal import damaged_in_the_middle

T = TypeVar("T")

#: How long a statement waits for another process that is inside a transaction (these last milliseconds).
BUSY_SECONDS = 10.0
_SNAPSHOT_ATTEMPTS, _SNAPSHOT_PAUSE = 50, 0.01
_CHECKED_SIZE = 64 << 20
_Stamp: TypeAlias = "tuple[tuple[int, int, int] | None, ...]"


class Subject(NamedTuple):
    """What a file is to the user: its name in messages, the setting that says where it lies, the error for one that was damaged."""

    name: str
    setting: str
    damaged: Callable[[str], HodeiError]


def open_writer(path: Path, subject: Subject, *, create: bool = False) -> sqlite3.Connection:
    """Open for writing: each commit is on the disk when it returns, and a crash leaves the old or the new state.

    Raises what ``subject.damaged`` makes when the log was damaged, sqlite3.Error for what ``explained`` explains.
    """
    unclean = _size(_log(path)) > 0
    connection = _connect(path, "mode=rwc" if create else "mode=rw")
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise HodeiError(
                Kind.CONFIGURATION,
                f"{path} lies on a file system without the shared memory and locks that SQLite needs",
                hint=f"Put {subject.name} on a local disk: set {subject.setting}.",
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not reach the disk
        connection.execute("PRAGMA cell_size_check = ON")
        if unclean:
            _refuse_damaged_log(connection, path, subject)
        else:
            _refuse_cut_file(connection, path, subject)
        _refuse_damaged_structure(connection, path, subject)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """Commit at the end, or leave all as it was."""
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself after some errors (disk full, input/output), and at the next opening after all.
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def snapshot(path: Path, look: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``look`` on a consistent view of the database; creates and changes no file, on read-only media too.

    Without a log the file is read as it lies there (immutable), because even a read-only connection would create
    log files; with one, SQLite isolates us from the writer. A writer that opens or closes the file meanwhile is noticed, and
    the look repeated. Raises what ``open_writer`` raises.
    """
    for attempt in range(_SNAPSHOT_ATTEMPTS):
        time.sleep(_SNAPSHOT_PAUSE if attempt else 0.0)
        before = _stamp(path)
        logged, shared = _size(_log(path)) > 0, _size(_shared(path)) > 0
        try:
            answer = _look(path, look, logged, shared)
        except (sqlite3.DatabaseError, FileNotFoundError, ValueError, HodeiError) as error:
            final = attempt == _SNAPSHOT_ATTEMPTS - 1
            if final or (_stamp(path) == before and not _being_opened(error)):
                raise
        else:
            if (logged and shared) or _stamp(path) == before:
                return answer
    raise HodeiError(
        Kind.CONFLICT,
        f"{path} changed during each of {_SNAPSHOT_ATTEMPTS} looks at it",
        hint="Try again.",
        retryable=True,
    )


@contextmanager
def explained(path: Path, subject: Subject) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into HodeiError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path, subject) from error
    except ValueError as error:  # text that is no UTF-8, or no JSON where we wrote some
        raise subject.damaged(f"{path} has a record that cannot be read") from error
    except OSError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"{subject.name} at {path} cannot be used: {error.strerror or error}",
            hint=f"Give this user a writable directory on a local disk ({subject.setting}).",
        ) from error


def _look(path: Path, look: Callable[[sqlite3.Connection], T], logged: bool, shared: bool) -> T:
    if not logged:
        return _ask(_connect(path, "mode=ro&immutable=1"), look)
    if shared:
        # readonly_shm: SQLite isolates us from a writer, yet neither makes nor writes the log's index (3.22 and later).
        return _ask(_connect(path, "mode=ro&readonly_shm=1"), look)
    with tempfile.TemporaryDirectory(prefix="hodei-look-") as place:  # 0700; a log that came without its index
        copy = Path(place) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(_log(path), _log(copy))
        return _ask(_connect(copy, "mode=rw"), look)


def _being_opened(error: Exception) -> bool:
    """Whether the log or its index was not ready: a living writer is about to make or to remove them."""
    if isinstance(error, FileNotFoundError):
        return True
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL)


def _ask(connection: sqlite3.Connection, look: Callable[[sqlite3.Connection], T]) -> T:
    with closing(connection):
        connection.execute("BEGIN")
        return look(connection)


def _connect(path: Path, query: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?{query}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # transactions are explicit
        check_same_thread=False,  # whoever holds it serialises its threads
    )


def _refuse_damaged_log(connection: sqlite3.Connection, path: Path, subject: Subject) -> None:
    """Fail closed when SQLite dropped more of the log than a crash explains.

    Asked twice, because another process may be writing: then the two numbers differ and the log is fine.
    """
    accepted = _accepted_frames(connection)
    if accepted is None:
        return
    try:
        with _log(path).open("rb") as log:
            suspicious = damaged_in_the_middle(log, accepted)
    except FileNotFoundError:
        return
    if suspicious and _accepted_frames(connection) == accepted:
        raise subject.damaged(f"{_log(path).name} has a broken record in its middle")


def _refuse_cut_file(connection: sqlite3.Connection, path: Path, subject: Subject) -> None:
    """Fail closed when the file ends before its last page, which SQLite notices only when it needs that page."""
    pages, page = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if _size(path) < pages * page and _size(_log(path)) <= 0:  # else the rest of it stands in a log begun just now
        raise subject.damaged(f"{path} ends early")


def _refuse_damaged_structure(connection: sqlite3.Connection, path: Path, subject: Subject) -> None:
    """Fail closed before writing into a damaged file. Costs 1.3 ms per MB, so a file that somebody let grow huge is spared:
    there, the checksums of what is read have to do.
    """
    if _size(path) <= _CHECKED_SIZE:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise subject.damaged(f"{path}: {found}")


def _accepted_frames(connection: sqlite3.Connection) -> int | None:
    """Return how many frames of the log SQLite goes by; None while another process, which checked it, is folding it in."""
    busy, frames, _moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return None if busy or frames < 0 else int(frames)


def _explain(error: sqlite3.Error, path: Path, subject: Subject) -> HodeiError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _unwritable(path, subject, "the disk is full")
    if code == sqlite3.SQLITE_IOERR:
        return _unwritable(path, subject, "the disk refused (no space, quota, file size limit or input/output error)")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return subject.damaged(f"{path}: {error}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return HodeiError(
            Kind.CONFLICT,
            f"another process has been writing {path} for more than {BUSY_SECONDS:.0f} s",
            hint="See who has it open (fuser, lsof) and try again.",
            retryable=True,
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return HodeiError(
            Kind.CONFIGURATION,
            f"{subject.name} at {path} cannot be written or opened: {error}",
            hint=f"Check that {path.parent} exists, is not mounted read-only, and that it and its files belong to the user that runs "
            "the task and may be written by it (modes 0700 and 0600).",
        )
    return subject.damaged(f"{path}: {error}")


def _unwritable(path: Path, subject: Subject, why: str) -> HodeiError:
    return HodeiError(
        Kind.RESOURCE_EXHAUSTED,
        f"{subject.name} at {path} could not be written: {why}; it is as it was before",
        hint="Free space or raise the limit, then run again: what was in flight is settled by looking at the world.",
        retryable=False,
    )


def _stamp(path: Path) -> _Stamp:
    return tuple(_identity(file) for file in (path, _log(path)))


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _size(path: Path) -> int:
    identity = _identity(path)
    return -1 if identity is None else identity[1]


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _shared(path: Path) -> Path:
    return path.with_name(path.name + "-shm")

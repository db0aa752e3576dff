# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state backend for one machine: the StateStore port on one SQLite file.

Each write is one transaction that checks the lease against the head, does its work and replaces the head; it is on
the disk when the call returns. Looking (``exists``, and everything with ``read_only``) creates and changes no file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from ...durable.connect import explained, open_writer, snapshot, transaction
from ...durable.draft import sync_directory
from ...model.address import Address
from ...model.audit import AuditHead
from ...model.errors import HodeiError, Kind
from ...model.records import Event, Lease, Operation, OperationEnd, Resource, Run, State
from . import codec, memory, migrate, sql
from .head import Head, released, renewed, require, taken
from .history import read_events, read_runs, trim
from .holder import provably_dead

_SMALLEST = 512  # bytes of the smallest page that SQLite has
T = TypeVar("T")
Key = tuple[Address, int]


class _Transaction:
    """An open write transaction. ``head`` is what will be written when it commits."""

    def __init__(self, connection: sqlite3.Connection, head: Head) -> None:
        self.connection = connection
        self.head = head


class SqliteState:
    """The state of one owner in one file; may be shared by threads.

    ``is_dead`` decides about lease holders, ``steps`` are the format migrations. Every call raises HodeiError only.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        is_dead: Callable[[str], bool] = provably_dead,
        steps: Sequence[migrate.Step] = migrate.STEPS,
    ) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self._is_dead = is_dead
        self._steps = steps
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    # ---- life --------------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Tell whether this owner has been initialised; creates nothing."""
        with explained(self.path, codec.STATE):
            return self._has_content() and snapshot(self.path, migrate.format_of) > 0

    def initialise(self, owner: str, lineage: str, now: float) -> None:
        """Make the file (0600, in a directory 0700) with an empty state; already_exists when there is one."""
        self._refuse_read_only()
        with self._lock, explained(self.path, codec.STATE):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            self._has_content()
            with transaction(self._writer(create=True)) as connection:
                if migrate.format_of(connection) > 0:
                    raise HodeiError(
                        Kind.ALREADY_EXISTS,
                        f"there is a state at {self.path} already",
                        hint="It is kept as it is. To begin anew, move the file away first.",
                    )
                migrate.migrate(connection, self._steps)
                _save_head(connection, Head(owner, lineage), sql.ADD_HEAD)
            sync_directory(self.path.parent)

    def close(self) -> None:
        """Close the file; SQLite then folds its log into it. The store opens it again when it is used again."""
        with self._lock, explained(self.path, codec.STATE):
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    # ---- reading -----------------------------------------------------------------------------------------------

    def read(self) -> State:
        """Read everything in one consistent snapshot; not_found when not initialised, internal when damaged."""
        return self._look(_read_state)

    def lease(self) -> Lease | None:
        """Say who holds the lease, expired or not."""
        return self._look(lambda connection: _load_head(connection).held())

    def history(self, limit: int) -> list[Run]:
        """Return the latest runs, newest first."""
        return self._look(lambda connection: read_runs(connection, limit))

    def events(self, address: Address | None, limit: int) -> list[Event]:
        """Return what was done to an address (or to all, runs included), newest first."""
        return self._look(lambda connection: read_events(connection, address, limit))

    # ---- the lease ---------------------------------------------------------------------------------------------

    def acquire(self, holder: str, ttl: float, now: float, *, break_lease: bool = False) -> Lease:
        """Take the lease with a fence above every earlier one; conflict (retryable) when somebody alive holds it."""
        with self._write() as tx:
            tx.head = taken(tx.head, holder, ttl, now, is_dead=self._is_dead, break_lease=break_lease)
            return tx.head.lease()

    def renew(self, lease: Lease, now: float) -> Lease:
        """Extend a lease; conflict when it was lost."""
        with self._write() as tx:
            tx.head = renewed(tx.head, lease, now)
            return tx.head.lease()

    def release(self, lease: Lease) -> None:
        """Give a lease back; harmless when it was lost."""
        with self._write() as tx:
            tx.head = released(tx.head, lease)

    def give_to(self, lease: Lease, owner: str) -> None:
        """Let the state be another owner's; conflict when the fence is stale. The serial stays: no object has changed."""
        with self._write(lease) as tx:
            tx.head = tx.head._replace(owner=owner)

    # ---- the journal -------------------------------------------------------------------------------------------

    def begin(self, lease: Lease, operations: Sequence[Operation]) -> None:
        """Make intents durable in one transaction; conflict when the fence is stale or an id was used before."""
        rows = [codec.encode_operation(operation) for operation in operations]
        with self._write(lease) as tx:
            try:
                tx.connection.executemany(sql.ADD_OPERATION, [(*row, row[8]) for row in rows])
            except sqlite3.IntegrityError as error:
                raise HodeiError(
                    Kind.CONFLICT, f"an operation id was used before ({error}); nothing was written"
                ) from error
            tx.head = tx.head.with_content(added=sum(row[-1] for row in rows), removed=0)

    def end(self, lease: Lease, ends: Sequence[OperationEnd]) -> int:
        """Record outcomes and the resources they leave, in one durable transaction; returns the new serial."""
        with self._write(lease) as tx:
            removed = _end_operations(tx.connection, ends)
            added, replaced = _store_resources(tx.connection, ends)
            head = tx.head.with_content(added, removed + replaced)
            tx.head = head._replace(serial=head.serial + 1)
            return tx.head.serial

    def start_run(self, lease: Lease, run: Run) -> None:
        """Record that a run began."""
        with self._write(lease) as tx:
            try:
                tx.connection.execute(sql.ADD_RUN, codec.encode_run(run))
            except sqlite3.IntegrityError as error:
                raise HodeiError(Kind.CONFLICT, f"run {run.run_id} was recorded before; nothing was written") from error

    def finish_run(self, lease: Lease, run: Run) -> None:
        """Record how a run ended, and forget history beyond its bounds (see ``history.trim``).

        A run that found nothing to do need not have been started: it is recorded whole.
        """
        with self._write(lease) as tx:
            tx.connection.execute(sql.PUT_RUN, codec.encode_run(run))
            ended_at = run.started_at if run.ended_at is None else run.ended_at
            if run.kind == "converge":
                tx.head = tx.head._replace(last_converge=float(ended_at))
            trim(tx.connection, now=ended_at)

    # ---- what later runs hold things against, without a lease ----------------------------------------------------

    def anchor(self, head: AuditHead) -> None:
        """Remember how far an audit chain got; conflict when it was further, or elsewhere."""
        with self._write() as tx:
            memory.put_anchor(tx.connection, head)

    def anchors(self) -> Mapping[str, AuditHead]:
        """Return how far all audit chains had got, by their writers."""
        return self._look(memory.anchors)

    def forget_anchors(self) -> None:
        """Forget all audit chains."""
        with self._write() as tx:
            tx.connection.execute(sql.DROP_ANCHORS)

    def remember(self, things: Mapping[str, Any]) -> None:
        """Remember things by name, as JSON; forget those that are None."""
        with self._write() as tx:
            memory.put(tx.connection, things)

    def remembered(self) -> Mapping[str, Any]:
        """Return all that is remembered by name."""
        return self._look(memory.remembered)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _look(self, look: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, explained(self.path, codec.STATE):
            self._refuse_absent()
            if self.read_only:
                return snapshot(self.path, lambda connection: look(self._up_to_date(connection)))
            with transaction(self._writer(), "BEGIN") as connection:
                return look(connection)

    @contextmanager
    def _write(self, lease: Lease | None = None) -> Iterator[_Transaction]:
        self._refuse_read_only()
        with self._lock, explained(self.path, codec.STATE):
            self._refuse_absent()
            with transaction(self._writer()) as connection:  # pylint: disable=contextmanager-generator-missing-cleanup
                migrate.refuse_newer(migrate.format_of(connection), len(self._steps))
                tx = _Transaction(connection, _load_head(connection))
                if lease is not None:
                    require(tx.head, lease)
                before = tx.head
                yield tx
                if tx.head != before:
                    _save_head(connection, tx.head)

    def _writer(self, *, create: bool = False) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_writer(self.path, codec.STATE, create=create)
            try:
                migrate.upgrade(connection, self.path, self._steps)
            except BaseException:
                connection.close()
                raise
            self._connection, self._inode = connection, self.path.stat().st_ino
        elif self._inode != self.path.stat().st_ino:
            raise HodeiError(
                Kind.CONFLICT,
                f"{self.path} was replaced while it was in use; nothing was written to the new file",
                hint="Run again: it begins with the file that is there now.",
            )
        return self._connection

    def _up_to_date(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Return the connection, or for an older format a migrated copy in memory: looking may not change the file."""
        present = migrate.format_of(connection)
        migrate.refuse_newer(present, len(self._steps))
        if present in (0, len(self._steps)):
            return connection
        copy = sqlite3.connect(":memory:", isolation_level=None)
        connection.backup(copy)
        migrate.migrate(copy, self._steps)
        return copy

    def _has_content(self) -> bool:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return False
        if 0 < size < _SMALLEST:  # SQLite would take it for an empty one
            raise codec.damaged(f"{self.path} has only {size} bytes")
        return size > 0

    def _refuse_absent(self) -> None:
        if not self._has_content():
            raise _not_initialised(f"there is no state at {self.path}")

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise HodeiError(Kind.INTERNAL, f"the state at {self.path} was opened for reading only")


def _load_head(connection: sqlite3.Connection) -> Head:
    if migrate.format_of(connection) == 0:
        raise _not_initialised("the state file is empty")
    row = connection.execute(sql.HEAD).fetchone()
    if row is None:
        raise codec.damaged("its head is missing")
    return Head._make(codec.checked(row, "the state's head")[:-1])


def _save_head(connection: sqlite3.Connection, head: Head, statement: str = sql.SET_HEAD) -> None:
    connection.execute(statement, (*head, codec.checksum(head)))


def _read_state(connection: sqlite3.Connection) -> State:
    head = _load_head(connection)
    resources = connection.execute(sql.RESOURCES).fetchall()
    pending = connection.execute(sql.PENDING).fetchall()
    state = State(
        owner=head.owner,
        lineage=head.lineage,
        serial=head.serial,
        resources=codec.decode_resources(resources),
        pending=tuple(codec.decode_pending(row) for row in pending),
        last_converge=head.last_converge,
    )
    if sum(row[-1] for row in (*resources, *pending)) % 2**32 != head.content:
        raise codec.damaged("records are missing")
    return state


def _end_operations(connection: sqlite3.Connection, ends: Iterable[OperationEnd]) -> int:
    """Mark operations as ended; return the sum of their checksums."""
    removed = 0
    for end in ends:
        row = connection.execute(sql.PENDING_CRC, (end.op_id,)).fetchone()
        if row is None:
            raise HodeiError(Kind.CONFLICT, f"operation {end.op_id} is not in flight; nothing was written")
        connection.execute(sql.END_OPERATION, (end.ended_at, codec.encode_error(end.error), end.ended_at, end.op_id))
        removed += row[0]
    return removed


def _store_resources(connection: sqlite3.Connection, ends: Iterable[OperationEnd]) -> tuple[int, int]:
    """Write what the operations leave, the last word about each object; return the checksums (added, removed)."""
    left: dict[Key, Resource | None] = {}
    for end in ends:
        left.update(dict.fromkeys(end.drop))
        left.update({(item.address, item.generation): item for item in end.put})
    removed = 0
    for address, generation in left:
        key = (str(address), generation)
        row = connection.execute(sql.RESOURCE_CRC, key).fetchone()
        removed += row[0] if row else 0
    connection.executemany(
        sql.DROP_RESOURCE,
        [(str(address), generation) for (address, generation), item in left.items() if item is None],
    )
    # The deposed first: an object must have given up its address before another is recorded as the current one.
    kept = sorted((item for item in left.values() if item is not None), key=lambda item: not item.deposed)
    rows = [codec.encode_resource(item) for item in kept]
    try:
        connection.executemany(sql.PUT_RESOURCE, rows)
    except sqlite3.IntegrityError as error:
        raise HodeiError(
            Kind.INTERNAL, f"an address would have two current objects ({error}); nothing was written"
        ) from error
    return sum(row[-1] for row in rows), removed


def _not_initialised(message: str) -> HodeiError:
    return HodeiError(
        Kind.NOT_FOUND,
        message,
        hint="Run the playbook hodei.workers.init once. If there was a state and it is lost, run init with the lineage "
        "of your document: the next converge finds the workers by their labels.",
    )

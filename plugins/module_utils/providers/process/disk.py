# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen without a supervisor: records, events and logs are files of the owner's directory. Nothing is changed."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ...model.errors import HodeiError, Kind
from ...model.ports import Listing
from ...model.records import Event
from .mapping import observation
from .supervisor import procfs
from .supervisor import record as states
from .supervisor.record import NotBegunError, Record, as_filed, load, read_all
from .supervisor.wire import EVENTS_NAME, OLD_EVENTS_NAME, RECORDS_DIR, WORKERS_DIR

UNSEEN = "it ended while no supervisor watched; its exit code is unknown"
REBOOTED = "the machine was rebooted"


def listing(directory: str, provider: str) -> Listing:
    """Read the records and look whether their processes live. Raises HodeiError when the directory cannot be read."""
    path = os.path.join(directory, RECORDS_DIR)
    try:
        records = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return Listing((), revision=procfs.revision())
    except OSError as error:
        raise HodeiError(Kind.AUTHORIZATION, f"cannot read {path}: {error.strerror}", hint="Whose is it?") from error
    boot, revision = procfs.boot_id(), procfs.revision()
    seen: list[Record] = []
    broken = ""
    try:
        for name, found in read_all(records):
            if isinstance(found, Record):
                as_filed(found, name)
                if found.provider == provider:
                    seen.append(as_seen(found, boot))
            elif not isinstance(found, NotBegunError) and not _torn_by_a_crash(name, records):
                broken = os.path.join(path, name)
    finally:
        os.close(records)
    problem = None
    if broken:
        problem = HodeiError(
            Kind.INTERNAL, f"the worker record {broken} cannot be read", hint="End what it is about, and delete it."
        )
    drift, secrets = _drift(directory, seen), _secrets(directory, seen)
    rows = (one.row(drift.get(one.id), secrets.get(one.id)) for one in seen)
    return Listing(tuple(map(observation, rows)), complete=problem is None, problem=problem, revision=revision)


def _drift(directory: str, records: Sequence[Record]) -> Mapping[str, dict[str, Any]]:
    """Compare the files of workers with what was put there; without a supervisor each is read."""
    if not any(one.spec.get("files") for one in records):
        return {}
    from .supervisor.dirs import open_directory
    from .supervisor.drift import Drift

    try:
        workers = open_directory(os.path.join(directory, WORKERS_DIR))
    except OSError:
        return {}
    try:
        return Drift().look(records, workers)
    finally:
        os.close(workers)


def _secrets(directory: str, records: Sequence[Record]) -> Mapping[str, dict[str, str]]:
    """Look which secrets workers have."""
    if not any(one.secrets for one in records):
        return {}
    from .supervisor.dirs import open_directory
    from .supervisor.secret_mounts import Mounts

    owner = open_directory(directory)
    mounts = Mounts(directory, owner)
    try:
        return {one.id: mounts.seen(one) for one in records}
    finally:
        mounts.close()
        os.close(owner)


def readable(directory: str) -> list[Record]:
    """Return the workers on record, as far as records can be read, of whatever provider."""
    try:
        records = os.open(os.path.join(directory, RECORDS_DIR), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return []
    boot = procfs.boot_id()
    try:
        return [as_seen(one, boot) for _unused, one in read_all(records) if isinstance(one, Record)]
    finally:
        os.close(records)


def look_up(directory: str, worker: str) -> Record | None:
    """Read one worker's record and look whether its process lives; None when there is none. Raises HodeiError."""
    path = os.path.join(directory, RECORDS_DIR)
    try:
        records = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return as_seen(load(f"{worker}.json", records), procfs.boot_id())
        finally:
            os.close(records)
    except (FileNotFoundError, NotBegunError):
        return None
    except (OSError, ValueError) as error:
        raise HodeiError(Kind.INTERNAL, f"the record of {worker} in {path} cannot be read: {error}") from error


def _torn_by_a_crash(name: str, records: int) -> bool:
    """A record from before this boot is about a process that is gone, whatever it says."""
    try:
        return os.stat(name, dir_fd=records).st_mtime < time.time() - procfs.boottime()
    except FileNotFoundError:
        return True


def as_seen(record: Record, boot: str) -> Record:
    """Correct a record by what its process is now."""
    if record.state in states.ENDED:
        return record
    if record.boot != boot:
        record.state, record.reason, record.exit_code = states.FAILED, REBOOTED, None
    elif record.pid and not procfs.alive(record.pid, record.started):
        record.state, record.reason, record.exit_code = states.FAILED, UNSEEN, None
    return record


def events(directory: str, address: str, limit: int) -> list[Event]:
    """Return the latest ``limit`` events of an address, oldest first."""
    found: deque[Event] = deque(maxlen=limit)
    for name in (OLD_EVENTS_NAME, EVENTS_NAME):
        try:
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                lines = file.readlines()
        except OSError:
            continue
        mark = json.dumps(address)
        for line in lines:
            if mark in line and line.endswith("\n"):
                at, who, event, detail, run_id = json.loads(line)
                if who == address:
                    found.append(Event(at, who, event, detail, run_id))
    return list(found)

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""The platform: a directory for each object, and the processes that carry its name. Every OSError becomes a HodeiError here.

An object's directory holds `record.json`, `log`, `events`, `home/`, and for each run `run-N` (the pid, written by the process
itself: whoever comes second does not start) and `end-N` (the exit code).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Observation

from .mapping import Record, observation

MARK = "HODEI_SPOOL_OBJECT"
#: The shell stays, to write the exit code; it hears a signal only after the command has ended, and has nothing to say itself.
_RUN = """
run=$1 end=$2; shift 2
set -C; { echo $$ >"$run"; } 2>/dev/null || exit 0; set +C
trap : TERM INT HUP
exec 3>&2 2>/dev/null
( exec "$@" 2>&3 3>&- )
code=$?
echo $code >"$end.new" && mv "$end.new" "$end"
"""
_START_SECONDS = 30.0
_POLL = 0.02


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HodeiError(
            Kind.PROVIDER_SPECIFIC, f"{what}: {error.strerror}: {error.filename}", hint="Look at the spool directory."
        ) from error


class Spool:
    """All objects below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, name: str) -> Path:
        """Return an object's directory."""
        return self.root / name

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Have an object for oneself."""
        with _told("the spool cannot be written"):
            locks = self.root / ".locks"
            locks.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (locks / name).open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # ---- records -----------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Name all objects."""
        with _told("the spool cannot be read"):
            return sorted(os.listdir(self.root)) if self.root.exists() else []

    def read(self, name: str) -> Record | None:
        """Return a record; None when there is no such object. Raises HodeiError when it cannot be read."""
        if name.startswith("."):
            return None
        path = self.place(name) / "record.json"
        try:
            found: Record = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise HodeiError(
                Kind.PROVIDER_SPECIFIC, f"{path} cannot be read: {type(error).__name__}", hint="Look at that file."
            ) from error
        return found

    def write(self, name: str, record: Record) -> None:
        """Write a record, wholly or not at all. It holds the environment: nobody else may read it."""
        with _told("the record cannot be written"):
            place = self.place(name)
            (place / "home").mkdir(parents=True, exist_ok=True)
            place.chmod(0o700)
            temporary = place / "record.new"
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(record, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place / "record.json")

    def remove(self, name: str) -> None:
        """Forget an object in one step, then delete its files."""
        with _told("the object cannot be removed"):
            gone = self.place(f".gone-{name}-{time.time_ns()}")
            self.place(name).replace(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def note(self, name: str, event: str, detail: str = "") -> None:
        """Note what happened to an object."""
        with _told("the event cannot be written"), (self.place(name) / "events").open("a") as file:
            file.write(json.dumps([time.time(), event, detail]) + "\n")

    def follow(self, name: str, position: int, seconds: float, limit: int) -> bytes:
        """Return what is written to a log from a position on, then the log of whoever came after it, until there is enough."""
        until, found = time.monotonic() + seconds, b""
        with _told("the log cannot be read"):
            log = (self.place(name) / "log").open("rb")
        try:
            log.seek(position)
            while len(found) < limit and time.monotonic() < until:
                gone = (
                    self.read(name) is None
                )  # asked before the log is read to its end: nothing is written to it any more
                fresh = log.read(limit - len(found))
                found += fresh
                following = self._successor(name) if gone and not fresh else None
                if following is not None:
                    log.close()
                    name, log = following, (self.place(following) / "log").open("rb")
                elif not fresh:
                    time.sleep(_POLL)
        finally:
            log.close()
        return found

    def _successor(self, name: str) -> str | None:
        """Name the next generation that has a log: an object is there a moment before its log."""
        family = name.rpartition(".")[0] + "."
        later = [one for one in self.names() if one.startswith(family) and _generation(one) > _generation(name)]
        return min((one for one in later if (self.place(one) / "log").exists()), key=_generation, default=None)

    # ---- processes ---------------------------------------------------------------------------------------------

    def environment(self, name: str, record: Record) -> dict[str, str]:
        """Return what a worker finds in its environment."""
        key = record["key"]
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.place(name) / "home"),
            "WORKER_ID": record["name"] if key is None else f"{record['name']}-{key}",
            "WORKER_NAME": record["name"],
            "WORKER_INDEX": "" if key is None else str(key),
            **record["env"],
            MARK: str(self.place(name)),
        }

    def directory(self, name: str, record: Record) -> Path:
        """Return where a worker's commands run."""
        return self.place(name) / "home" / str(record["cwd"])

    def start(self, name: str, record: Record) -> None:
        """Start a run of an object; a run that somebody else started already is left alone."""
        place, run = self.place(name), record["run"]
        command = ["/bin/sh", "-c", _RUN, "spool", str(place / f"run-{run}"), str(place / f"end-{run}")]
        with _told("the worker cannot be started"), (place / "log").open("ab") as log:
            subprocess.Popen(
                [*command, *record["command"]],
                env=self.environment(name, record),
                cwd=self.directory(name, record),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while not _number(place / f"run-{run}"):
            if time.monotonic() > until:
                raise HodeiError(
                    Kind.TIMEOUT, f"{name} has not begun after {_START_SECONDS:g} s", hint="Look at its log."
                )
            time.sleep(_POLL)

    def see(self, name: str, record: Record) -> Observation:
        """Look at an object."""
        place, run = self.place(name), record["run"]
        alive = self.alive(name, record)
        code = None if alive else _number(place / f"end-{run}")
        started = (place / f"run-{run}").stat().st_mtime if self.begun(name, record) else None
        return observation(record, alive, code, started)

    def begun(self, name: str, record: Record) -> bool:
        """Whether an object's present run was ever a process; false when whoever wanted to start it was killed before."""
        return (self.place(name) / f"run-{record['run']}").exists()

    def alive(self, name: str, record: Record) -> bool:
        """Whether an object's present run is a process that lives."""
        pid = _number(self.place(name) / f"run-{record['run']}")
        return pid is not None and carries(pid, self.place(name))

    def signal(self, name: str, number: int) -> int:
        """Send a signal to every process of an object; returns how many there were."""
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if carries(pid, self.place(name))]
        for pid in found:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        return len(found)

    def stop(self, name: str, grace: float) -> None:
        """End every process of an object: ask, wait, kill."""
        until = time.monotonic() + grace
        self.signal(name, signal.SIGTERM)
        self.signal(name, signal.SIGCONT)  # what is paused hears nothing else
        while self.signal(name, 0):
            if time.monotonic() > until:
                self.signal(name, signal.SIGKILL)
            time.sleep(_POLL)


def _generation(name: str) -> int:
    return int(name.rpartition(".")[2])


def carries(pid: int, place: Path) -> bool:
    """Whether a process lives and belongs to an object. A pid may be somebody else's by now, so its environment tells."""
    try:
        mark = f"{MARK}={place}".encode()
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")  # empty for what has ended
    except OSError:
        return False


def find(program: str, environment: Mapping[str, str], directory: Path) -> bool:
    """Whether a program is there."""
    return (
        shutil.which(
            program if os.path.isabs(program) or "/" not in program else str(directory / program),
            path=environment["PATH"],
        )
        is not None
    )


def tail(path: Path, size: int) -> tuple[bytes, bool, int]:
    """Return the last bytes of a file, whether there was more, and where it ended."""
    with _told("the log cannot be read"), path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, length - size))
        return file.read(length - start), length > size, length


def missing(command: Sequence[str], environment: Mapping[str, str], directory: Path) -> HodeiError | None:
    """Say that a command's program is not there."""
    if command and find(command[0], environment, directory):
        return None
    what = command[0] if command else ""
    return HodeiError(
        Kind.NOT_FOUND, f"there is no program '{what}'", hint=f"PATH is {environment['PATH']}; write the whole path."
    )


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None

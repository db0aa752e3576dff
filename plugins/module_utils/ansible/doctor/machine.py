# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that the task runs on: interpreter, libraries, rights, places, disk space, clock."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ...durable.place import problem_of_place
from ...model.finding import Finding, ok, problem, warning
from ...model.quantities import rough_size, rough_time
from ..python_version import NEEDED

#: The versions of ansible-core that this collection is tested with: from, to below.
_TESTED = ((2, 17), (2, 20))
_SQLITE = (3, 22)  # looking at a state that is being written needs readonly_shm
_SPARE, _TIGHT = 256 << 20, 32 << 20
_FULL = 0.05
#: By how many seconds two clocks may differ before it is worth a word.
_SKEW = 2.0


def interpreter() -> Iterator[Finding]:
    """Which Python runs the modules here. An older one does not get as far as this."""
    yield ok(
        "interpreter",
        f"{sys.executable}, Python {platform.python_version()} (needed: {'.'.join(map(str, NEEDED))} or later), "
        f"{platform.system()} {platform.release()}",
    )


def libraries(ansible_version: str) -> Iterator[Finding]:
    """Which libraries are here, and what the missing ones are for."""
    yield _ansible(ansible_version)
    yield from _library("psutil", _psutil(), "the process provider's count of CPU and memory")
    yield from _library(
        "jsonschema", _jsonschema(), "all problems of an invalid document at once, not the first of each entry"
    )
    version = _yaml()
    here = f"PyYAML {version}" if version else "PyYAML is not here"
    yield ok("libraries", f"{here} (needed on the controller only, for documents in YAML)")
    import sqlite3

    if sqlite3.sqlite_version_info < _SQLITE:
        yield problem(
            "libraries", f"SQLite {sqlite3.sqlite_version} is too old", "Use a Python with SQLite 3.22 or later."
        )
    else:
        yield ok("libraries", f"SQLite {sqlite3.sqlite_version} (state)")


def _ansible(version: str) -> Finding:
    try:
        number = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        return warning("libraries", f"ansible-core of unknown version '{version}'")
    if _TESTED[0] <= number < _TESTED[1]:
        return ok("libraries", f"ansible-core {version}, on the controller")
    return warning(
        "libraries",
        f"ansible-core {version}, on the controller, is none that this collection is tested with",
        "Use 2.17, 2.18 or 2.19.",
    )


def _library(name: str, version: str, purpose: str) -> Iterator[Finding]:
    if version:
        yield ok("libraries", f"{name} {version} ({purpose})")
    else:
        yield warning(
            "libraries",
            f"{name} is missing for {sys.executable}; it is needed for {purpose}",
            f"Run: {sys.executable} -m pip install {name}; or install the system's package python3-{name}, where pip refuses because "
            "the system manages that Python. Everything else works without it.",
        )


def _psutil() -> str:
    try:
        import psutil
    except ImportError:
        return ""
    return str(psutil.__version__)


def _jsonschema() -> str:
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        return ""
    from importlib.metadata import version

    return version("jsonschema")


def _yaml() -> str:
    try:
        import yaml
    except ImportError:
        return ""
    return str(yaml.__version__)


def user() -> Iterator[Finding]:
    """Who runs this, and with which umask."""
    import pwd

    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "without a name"
    mask = _umask()
    yield ok("rights", f"user {name} (uid {uid}), umask {mask:04o}")
    if mask & 0o700:
        yield problem(
            "rights",
            f"the umask {mask:04o} takes rights from the owner of a file",
            "Run: umask 022, where the task's shell starts.",
        )


def _umask() -> int:
    """Read the umask where the kernel shows it, because asking for it means setting it (umask(2))."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def directory(path: Path, what: str, *, allow_ephemeral: bool) -> Iterator[Finding]:
    """Whether a directory is ours alone, can be written, and stays."""
    yield from _reachable(path, what)
    vanishing = problem_of_place(path)
    if vanishing is None:
        yield ok("place", f"{what} {path} stays")
    elif allow_ephemeral:
        yield warning(
            "place",
            vanishing.message.replace("the state ", f"{what} ", 1),
            "That is allowed here (backend.allow_ephemeral). Keep it only where losing the state is fine.",
        )
    else:
        yield problem("place", vanishing.message.replace("the state ", f"{what} ", 1), vanishing.hint)


def _reachable(path: Path, what: str) -> Iterator[Finding]:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        yield _can_be_made(path, what)
        return
    except OSError as error:
        yield problem(
            "rights",
            f"{what} {path} cannot be reached: {error.strerror}",
            "Run the task as the user who owns the fleet.",
        )
        return
    if not stat.S_ISDIR(found.st_mode):
        yield problem("rights", f"{what} {path} is no directory", "Move it away.")
    elif found.st_uid != os.geteuid():
        yield problem(
            "rights",
            f"{what} {path} belongs to uid {found.st_uid}, and this task runs as uid {os.geteuid()}",
            "Run the task as the user who owns the fleet.",
        )
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield problem(
            "rights",
            f"{what} {path} may be written by others (mode {found.st_mode & 0o7777:04o})",
            f"Run: chmod go-w {path}",
        )
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            "rights",
            f"{what} {path} cannot be written (mode {found.st_mode & 0o7777:04o}, or a read-only file system)",
            f"Run: chmod u+rwx {path}, or mount it for writing.",
        )
    else:
        yield ok("rights", f"{what} {path} is ours (mode {found.st_mode & 0o7777:04o})")


def _can_be_made(path: Path, what: str) -> Finding:
    above = _existing(path)
    if os.access(above, os.W_OK | os.X_OK):
        return ok("rights", f"{what} {path} is not there yet, and can be made")
    return problem(
        "rights",
        f"{what} {path} is not there, and {above} does not let this user make it",
        "Set backend.path or HODEI_STATE_DIR to a directory that this user can write.",
    )


def _existing(path: Path) -> Path:
    """Return the nearest directory above that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def disk(path: Path) -> Iterator[Finding]:
    """How much room there is."""
    place = _existing(path)
    usage, files = shutil.disk_usage(place), os.statvfs(place)
    said = f"{rough_size(usage.free)} free of {rough_size(usage.total)} for {path}"
    cure = "Free space: a full disk stops every change, and workers that write logs."
    if usage.free < _TIGHT:
        yield problem("disk", said, cure)
    elif usage.free < _SPARE or usage.free < _FULL * usage.total:
        yield warning("disk", said, cure)
    else:
        yield ok("disk", said)
    if files.f_files and files.f_favail < max(1000, files.f_files // 100):
        yield warning(
            "disk", f"only {files.f_favail} files more can be made where {path} is", "Delete files: the inodes run out."
        )


def clock(stamps: dict[str, float], now: float) -> Iterator[Finding]:
    """Whether something that was written down lies in the future: then the clock was set back since."""
    ahead = {what: at - now for what, at in stamps.items() if at > now + _SKEW}
    for what, seconds in ahead.items():
        yield warning(
            "clock",
            f"{what} lies {rough_time(seconds)} in the future: the clock was set back since",
            "Have the time kept (chrony, systemd-timesyncd). Leases and times to live go by it.",
        )
    if not ahead:
        yield ok(
            "clock",
            f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))} UTC, later than everything that was written down",
        )


def compared_clock(there: float, before: float, after: float) -> Finding:
    """Compare a host's time with the controller's: it was taken between two moments of the controller."""
    early, late = before - there, there - after
    apart = max(early, late)
    if apart <= _SKEW:
        return ok("clock", "the same time as on the controller")
    word = "behind" if early > late else "ahead of"
    return warning(
        "clock",
        f"the clock is at least {rough_time(apart)} {word} the controller's",
        "Have both keep the time (chrony, systemd-timesyncd).",
    )

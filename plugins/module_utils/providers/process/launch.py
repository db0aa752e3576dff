# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the supervisor: its code as one file in the owner's directory, under the service manager where one answers.

The code cannot run from where it is: the payload that Ansible ships is deleted when the task ends. So the sources are
packed into a zip application named after their digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...model.errors import HodeiError, Kind
from .client import GoneError
from .supervisor.failpoint import VARIABLE as FAILPOINT
from .supervisor.wire import SUPERVISOR_LOG, VERSION

if TYPE_CHECKING:
    # Named, and never imported here: Ansible ships to the target what import statements name.
    from .. import references  # noqa: F401
    from .supervisor import (  # noqa: F401
        beside,
        capabilities,
        cgroup,
        changing,
        child,
        delivery,
        dirs,
        drain,
        drift,
        events,
        exchange,
        failpoint,
        fleet,
        forker,
        health,
        home,
        launching,
        logs,
        main,
        memory,
        monitor,
        policy,
        ports,
        prctl,
        procfs,
        record,
        reload,
        removal,
        renaming,
        request_secrets,
        run,
        secret_mounts,
        server,
        service,
        spawn,
        tree,
        users,
        watchers,
        wire,
        worker,
        world,
    )

SOURCES = (
    "beside",
    "capabilities",
    "cgroup",
    "changing",
    "child",
    "delivery",
    "dirs",
    "drain",
    "drift",
    "events",
    "exchange",
    "failpoint",
    "fleet",
    "forker",
    "health",
    "home",
    "launching",
    "logs",
    "main",
    "memory",
    "monitor",
    "policy",
    "ports",
    "prctl",
    "procfs",
    "record",
    "reload",
    "removal",
    "renaming",
    "request_secrets",
    "run",
    "secret_mounts",
    "server",
    "service",
    "spawn",
    "tree",
    "users",
    "watchers",
    "wire",
    "worker",
    "world",
)
#: What it shares with other providers, one folder above.
SHARED = ("references",)
#: Packages as deep as here, so that a relative import means the same there.
_PACKAGES = ("hodei", "hodei/process", "hodei/process/supervisor")
_MAIN = "import sys\nfrom hodei.process.supervisor.main import main\nsys.exit(main())\n"
#: Where the zip application stands in the command line.
_PYZ = 4
_START_TIMEOUT = 20.0
#: What the supervisor itself gets of our environment: the address of the service manager, and a test's wish.
_PASSED_ON = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", FAILPOINT)


class Payload(NamedTuple):
    """The supervisor's code: path below its package -> source, and what identifies it."""

    sources: Mapping[str, bytes]
    digest: str


def payload() -> Payload:
    """Read the supervisor's sources from wherever this module was loaded from: a directory, or Ansible's zip."""
    here = os.path.dirname(__file__)
    places = {name: os.path.join(os.path.dirname(here), f"{name}.py") for name in SHARED}
    places |= {f"process/supervisor/{name}": os.path.join(here, "supervisor", f"{name}.py") for name in SOURCES}
    loader = globals()["__loader__"]
    sources = {f"{name}.py": loader.get_data(place) for name, place in places.items()}
    digest = hashlib.sha256(VERSION.encode())
    for name, source in sources.items():
        digest.update(name.encode() + b"\0" + source + b"\0")
    return Payload(sources, digest.hexdigest()[:16])


def zipapp(sources: Mapping[str, bytes]) -> bytes:
    """Pack sources into a zip application; the same sources give the same bytes."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        empty = {f"{package}/__init__.py": b"" for package in _PACKAGES}
        placed = {f"{_PACKAGES[0]}/{name}": source for name, source in sources.items()}
        for name, source in {"__main__.py": _MAIN.encode(), **empty, **placed}.items():
            archive.writestr(zipfile.ZipInfo(name), source)
    return buffer.getvalue()


def install(directory: str, code: Payload) -> str:
    """Put the zip application into the owner's directory, once; returns its path.

    Raises GoneError when a supervisor that leaves has just removed the directory, HodeiError when it cannot be written.
    """
    path = os.path.join(directory, f"supervisor-{VERSION}-{code.digest}.pyz")
    if os.path.exists(path):
        return path
    temporary = f"{path}.{secrets.token_hex(4)}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(zipapp(code.sources))
        os.rename(temporary, path)
    except FileNotFoundError as error:
        raise GoneError from error
    except OSError as error:
        raise _cannot_write(directory, error) from error
    return path


def make_directory(directory: str) -> None:
    """Make the owner's directory and those above it. Raises HodeiError."""
    passable = 0o711 if os.geteuid() == 0 else 0o700
    try:
        os.makedirs(os.path.dirname(directory), mode=0o755 if os.geteuid() == 0 else 0o700, exist_ok=True)
        os.mkdir(directory, passable)
    except FileExistsError:
        return
    except OSError as error:
        raise _cannot_write(directory, error) from error


def _cannot_write(directory: str, error: OSError) -> HodeiError:
    kind = Kind.AUTHORIZATION if isinstance(error, PermissionError) else Kind.RESOURCE_EXHAUSTED
    hint = "Make room there, or set `directory` in the provider to a place that this user can write."
    return HodeiError(kind, f"cannot write to {directory}: {error.strerror}", hint=hint)


def command(path: str, directory: str, owner: str, digest: str, superseded: Sequence[str], linger: float) -> list[str]:
    """Return the supervisor's command line: isolated from the user's Python settings, without site packages."""
    options = {
        "directory": directory,
        "owner": owner,
        "version": VERSION,
        "digest": digest,
        "superseded": list(superseded),
        "linger": linger,
    }
    return [sys.executable, "-I", "-S", "-B", path, json.dumps(options)]


def start(program: Sequence[str], directory: str, scope: Sequence[str]) -> None:
    """Start a supervisor in the background: in a scope of its own if the service manager makes one, else by a double fork.

    ``scope`` is the command that runs another in a scope, empty for none. Raises HodeiError when nothing starts, GoneError
    when a supervisor that leaves has removed what was to be started.
    """
    detached = [*program, "--detach"]
    if scope and _run([*scope, *detached], directory) == 0:
        return
    code = _run(detached, directory)
    if code != 0 and not os.path.exists(program[_PYZ]):
        raise GoneError
    if code != 0:
        last = _last_line(os.path.join(directory, SUPERVISOR_LOG))
        raise HodeiError(
            Kind.INTERNAL, f"the supervisor does not start (exit code {code}): {last}", hint=f"Look into {directory}."
        )


def _run(arguments: Sequence[str], directory: str) -> int:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    environment.update((name, os.environ[name]) for name in _PASSED_ON if name in os.environ)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        log = os.open(os.path.join(directory, SUPERVISOR_LOG), flags, 0o600)
    except FileNotFoundError as error:
        raise GoneError from error
    except OSError as error:
        raise _cannot_write(directory, error) from error
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
            timeout=_START_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124
    finally:
        os.close(log)
    return done.returncode


def _last_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return (file.read().strip().splitlines() or ["no message"])[-1]
    except OSError:
        return "no message"

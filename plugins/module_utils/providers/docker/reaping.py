# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the reaper: its code as one file in a directory of the owner's.

The code cannot run from where it is: the payload that Ansible ships is deleted when the task ends. So the reaper's module and all
that it imports are packed into a zip application.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from ...model.errors import HodeiError, Kind
from .engine import Engine
from .mapping import Settings
from .reaper import LOCK, LOG, TAKEN

_PACKAGE, _CODE = "hodei", "reaper.pyz"
_START = ("providers", "docker", "reaper")
_MAIN = f"import sys\nfrom {_PACKAGE}.{'.'.join(_START)} import main\nsys.exit(main(sys.argv[1:]))\n"
#: What it gets of our environment: how ssh finds its agent and Python its packages.
_PASSED_ON = ("PATH", "HOME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "PYTHONPATH", "VIRTUAL_ENV")
_TIMEOUT, _POLL = 30.0, 0.02
#: What looks like an import of ours: how far up, which module, what of it. Parsing takes fifty times as long.
_IMPORT = re.compile(rb"^ *from (\.+)([\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def place(config: Mapping[str, Any], settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the directory of a reaper."""
    base = config.get("directory") or environ.get("HODEI_STATE_DIR")
    if not base:
        base = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        base = os.path.join(base, "hodei")
    return os.path.join(os.path.abspath(os.path.expanduser(str(base))), settings.owner, "docker", settings.provider)


class Reaper:
    """The reaper of one provider of one owner, as who wants it to run sees it."""

    def __init__(self, directory: str, engine: Engine, settings: Settings) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        tls = engine.endpoint.tls
        self._options = {
            "directory": directory,
            "provider": settings.provider,
            "owner": settings.owner,
            "config": {
                "url": engine.endpoint.url,
                "timeout": engine.timeout,
                **({"tls": tls._asdict()} if tls is not None else {}),
                "reaper": False,
            },
        }

    @cached_property
    def _sources(self) -> Mapping[tuple[str, ...], bytes]:
        return sources()

    @cached_property
    def _stamp(self) -> str:
        """What differs with each version of the code, and with the Engine and the way there."""
        digest = hashlib.sha256(json.dumps(self._options, sort_keys=True).encode())
        for names, source in sorted(self._sources.items()):
            digest.update(b"/".join([*map(str.encode, names), source]))
        return digest.hexdigest()[:16]

    def runs(self) -> bool:
        """Tell whether one runs that does as we would: of this version, and for this Engine."""
        return self._is_held() and self._holder()[1] == self._stamp

    def _holder(self) -> tuple[int, str]:
        """Return the pid of the one that runs, and its stamp; 0 of one that has just begun or left."""
        try:
            with open(os.path.join(self._directory, LOCK), encoding="ascii") as file:
                pid, _unused, stamp = file.read().partition(" ")
        except FileNotFoundError:
            return 0, ""
        return int(pid or 0), stamp

    def _is_held(self) -> bool:
        try:
            lock = os.open(os.path.join(self._directory, LOCK), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(lock)

    def leave(self) -> None:
        """Stop the one that runs, and delete what it has. Raises HodeiError."""
        self._end()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end(self, spared: str = "") -> None:
        """Stop the one that runs, unless that is its stamp. Raises HodeiError."""
        until = time.monotonic() + _TIMEOUT
        while self._is_held():
            pid, stamp = self._holder()
            if pid and stamp == spared:
                return
            if time.monotonic() > until:
                path = os.path.join(self._directory, LOCK)
                raise HodeiError(Kind.TIMEOUT, "the reaper does not leave", hint=f"Its pid stands in {path}.")
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(_POLL)

    def ensure(self) -> None:
        """Have one run, and none of another version or for another Engine. Raises HodeiError."""
        with self._lock:
            if not self.runs():
                self._end(spared=self._stamp)
                self._begin()

    def _begin(self) -> None:
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            path = os.path.join(self._directory, _CODE)
            with open(f"{path}.{os.getpid()}", "wb") as file:
                file.write(packed(self._sources))
            os.rename(file.name, path)
            log = os.open(
                os.path.join(self._directory, LOG), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise HodeiError(
                Kind.CONFIGURATION,
                f"cannot write to {self._directory}: {error.strerror}",
                hint="The reaper needs a place: set `directory` in the provider, or `reaper: false`.",
            ) from error
        with open(log, "ab") as file:
            code = self._start(path, file)
        if code not in (0, TAKEN):
            raise HodeiError(
                Kind.INTERNAL, f"the reaper does not start (exit code {code})", hint=f"See {self._directory}/{LOG}."
            )

    def _start(self, path: str, log: Any) -> int:
        options = json.dumps({**self._options, "stamp": self._stamp})
        try:
            return subprocess.run(
                [sys.executable, "-B", path, options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                start_new_session=True,
                timeout=_TIMEOUT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return 124


def packed(code: Mapping[tuple[str, ...], bytes]) -> bytes:
    """Return a zip application of the reaper."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", _MAIN)
        folders: set[tuple[str, ...]] = {_START[:depth] for depth in range(len(_START))}
        for names, source in code.items():
            folders.update(names[:depth] for depth in range(len(names)))
            archive.writestr("/".join((_PACKAGE, *names)) + ".py", source)
        for names in folders:
            archive.writestr("/".join((_PACKAGE, *names, "__init__.py")), b"")
    return buffer.getvalue()


def sources() -> Mapping[tuple[str, ...], bytes]:
    """Read the reaper's module and all of ours that it imports, wherever an import stands: from a directory, or Ansible's zip."""
    loader = globals()["__loader__"]
    top = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))

    def read(names: tuple[str, ...]) -> bytes | None:
        try:
            found: bytes = loader.get_data(os.path.join(top, *names) + ".py")
        except OSError:
            return None
        return found

    found: dict[tuple[str, ...], bytes] = {}
    wanted: set[tuple[str, ...]] = {_START}
    while wanted:
        names = wanted.pop()
        source = read(names) if names not in found else None
        if source is not None:
            found[names] = source
            wanted.update(imported(source, names))
    return found


def imported(source: bytes, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Name what a module may import of ours: of ``from .a import b`` both a and a.b."""
    for dots, module, what in _IMPORT.findall(source):
        base = (*names[: -len(dots)], *filter(None, module.decode().split(".")))
        yield base
        for name in re.findall(rb"\w+", what):
            yield (*base, name.decode())

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine that disturbs nobody and leaves nothing, however its user ends.

It runs below a first process of its own PID and mount namespace, which lives as long as a pipe from its user is open. When
that ends, the kernel ends all that is there, the containers too, and their mounts are gone. Its network is that of whoever
starts it (network.py). What stays after a SIGKILL is a directory, which the next Engine removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.tests.testbed.bed import Unavailable
from ansible_collections.hodei.workers.tests.testbed.certificates import Authority
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

_PREFIX = "hodei-dockerd-"
_SHELL = "/bin/sh"
_CGROUPS = Path("/sys/fs/cgroup")
#: The API of Engine 20.10, so that any Engine will do.
_API = "1.41"
#: The first process: its children need nobody to wait for them, and it ends with its standard input.
_FIRST = "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(flush=True); sys.stdin.read()"


class DockerEngine:
    """Where an Engine answers, and an image on it that has a shell and Python, and no need of the network."""

    def __init__(self, url: str, image: str) -> None:
        self.url = url
        self.image = image
        #: Where it answers by TLS, and who is let in there: keys of a provider's configuration. Empty where it does not.
        self.by_tls: dict[str, Any] = {}

    @cached_property
    def api(self) -> Any:
        """The SDK's client: other eyes than the provider's, and the same ones whichever docker command is installed."""
        import docker

        return docker.APIClient(base_url=self.url, version=_API)

    def kill(self, pid: int) -> None:
        """Kill a process of a container by the pid that the Engine knows it by."""
        os.kill(pid, signal.SIGKILL)


class OwnEngine(DockerEngine):
    """An Engine of ours, which can be stopped, killed, paused and started again; ``place`` has its socket, data and log.

    With ``disk`` its data is on a file system of so many bytes, which can be filled.
    """

    def __init__(self, server: str, place: Path, image: str, disk: int = 0) -> None:
        super().__init__(f"unix://{place}/docker.sock", image)
        self._server = server
        self._disk = disk
        self._place = place
        authority = Authority(place / "tls")
        (self._cert, self._key), (cert, key) = authority.issue("server"), authority.issue("client")
        tls = {"ca": authority.ca, "cert": cert, "key": key}
        self.by_tls = {"url": f"tcp://127.0.0.1:{_free_port()}", "tls": tls}
        self._first: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The Engine's pid; 0 when it does not run."""
        return self._find(self._server)

    def _find(self, *programs: str) -> int:
        if self._first is None:
            return 0
        paths = {os.path.realpath(one) for one in programs}
        return next((pid for pid in _children(_children(self._first.pid)[0]) if _program(pid) in paths), 0)

    def start(self) -> None:
        """Start it, again if need be. Raises Unavailable with its last words."""
        options = [
            f"--host={self.url}",
            f"--data-root={self._place}/data",
            f"--exec-root={self._place}/exec",
            f"--pidfile={self._place}/pid",
            f"--cgroup-parent=/{self._place.name}",
            f"--host={self.by_tls['url']}",
            "--tlsverify",
            f"--tlscacert={self.by_tls['tls']['ca']}",
            f"--tlscert={self._cert}",
            f"--tlskey={self._key}",
        ]
        (self._place / "pid").unlink(missing_ok=True)  # of one that was killed
        # Left to the first process, so that nobody between reacts to its signals.
        command = [_SHELL, "-c", 'exec "$@" &', "sh", self._server, *options]
        with open(self._place / "log", "ab") as log:
            subprocess.run([*self._inside(), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
        # It is a shell for a moment, before it is what that becomes.
        wait_for(lambda: self.answers() or not self._find(_SHELL, self._server), "the Docker Engine to answer")
        if not self.pid:
            last = (self._place / "log").read_text().strip().splitlines()[-1]
            raise Unavailable(f"the Docker Engine does not start: {last}", possible=True)

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return bool(self.api.ping())
        except OSError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP has it answer nobody, until SIGCONT."""
        os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, as its machine's service manager does, or by another signal; it can be started again."""
        self.send(number)
        wait_for(lambda: not self.pid, "the Docker Engine to end")

    def kill(self, pid: int) -> None:
        """Kill a process of a container by the pid that the Engine knows it by."""
        subprocess.run([*self._inside(), "kill", "-KILL", str(pid)], check=True)

    @property
    def data(self) -> Path:
        """Where it keeps all, as it is seen from here."""
        return Path(f"/proc/{self.pid}/root{self._place}/data")

    def fill(self, left: int = 0) -> None:
        """Leave so many bytes of its disk; what filled it before makes room first."""
        (self.data / "filler").unlink(missing_ok=True)
        with open(self.data / "filler", "wb") as file, contextlib.suppress(OSError):
            free = os.statvfs(self.data)
            file.write(bytes(free.f_bavail * free.f_frsize - left))

    def make_room(self) -> None:
        """Take away what fills its disk."""
        (self.data / "filler").unlink()

    def close(self) -> None:
        """End all that is there."""
        self.api.close()
        if self._first is not None and self._first.stdin is not None:
            self._first.stdin.close()
            self._first.wait(60)

    def _inside(self) -> list[str]:
        if self._first is None:
            command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "slave"]
            command += [sys.executable, "-I", "-S", "-c", _FIRST]
            self._first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if not self._first.stdout or not self._first.stdout.readline():
                raise Unavailable("this container may not make namespaces", possible=True)
            if self._disk:
                data = self._place / "data"
                data.mkdir()
                mount = ["mount", "-t", "tmpfs", "-o", f"size={self._disk}", "hodei-test", str(data)]
                subprocess.run([*self._inside(), *mount], check=True)
        return ["nsenter", f"--target={_children(self._first.pid)[0]}", "--mount", "--pid", "--"]


def serve_docker(server: str, image: Path, name: str, disk: int = 0) -> Iterator[OwnEngine]:
    """Run an Engine that has an image, made from a tar; see OwnEngine for ``disk``."""
    with open(image.with_name("docker.lock"), "w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        remove_left()
        place = Path(tempfile.mkdtemp(prefix=_PREFIX))
        held = _lock(place)
    engine = OwnEngine(server, place, name, disk)
    try:
        engine.start()
        engine.api.import_image_from_file(str(image), *name.split(":"), changes=["WORKDIR /work"])
        yield engine
    finally:
        engine.close()
        os.close(held)
        _remove(place)


def remove_left() -> None:
    """Remove what Engines have left whose users were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove(left)


def _lock(place: Path) -> int:
    """Mark a directory as somebody's, until the descriptor is closed or its process ends."""
    held = os.open(place / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _remove(place: Path) -> None:
    """Remove what an Engine has left that nobody has any more."""
    try:
        os.close(_lock(place))
    except OSError:
        return
    shutil.rmtree(place, ignore_errors=True)  # what a dying Engine holds is for the next time
    for root in (_CGROUPS, *_CGROUPS.glob("*")):
        for folder, _unused, _unused_too in os.walk(root / place.name, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _program(pid: int) -> str:
    """Return what a process runs; nothing when it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""

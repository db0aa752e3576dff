# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the test bed has. To add something, write a generator: find or start it, yield what a test needs of it, clean up."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.hodei.workers.tests.testbed.bed import Testbed, Unavailable, resource
from ansible_collections.hodei.workers.tests.testbed.dockerd import DockerEngine, OwnEngine, serve_docker
from ansible_collections.hodei.workers.tests.testbed.find import program
from ansible_collections.hodei.workers.tests.testbed.image import python_image
from ansible_collections.hodei.workers.tests.testbed.wait import PATIENCE, wait_for

SMALL_DISK = 2 * 1024 * 1024
DOCKER_DISK = 160 * 1024 * 1024


class HttpServer:
    """A service of another team on this machine: answers every path with ``status``, and counts."""

    def __init__(self) -> None:
        self.status, self.requests = 200, 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests += 1
                self.send_response(service.status)
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])

    def serve(self) -> Iterator[HttpServer]:
        """Serve until the test is over."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(5)


@resource
def http(testbed: Testbed) -> Iterator[HttpServer]:
    """An HTTP service in this process."""
    yield from HttpServer().serve()


@resource
def tmpfs(testbed: Testbed) -> Iterator[Path]:
    """A file system of SMALL_DISK bytes, to be filled up or made read-only."""
    if os.geteuid() != 0:
        raise Unavailable("only root can mount a file system", possible=False)
    place = Path(tempfile.mkdtemp(prefix="hodei-tmpfs-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=0755", "hodei-test", place],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        if mounted.returncode:
            raise Unavailable(f"this container may not mount: {mounted.stderr.strip()}", possible=False)
        yield place
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", place], check=True)
        place.rmdir()


@resource
def second_user(testbed: Testbed) -> Iterator[pwd.struct_passwd]:
    """A user without rights whom workers can run as."""
    if os.geteuid() != 0:
        raise Unavailable("only root can start a process as another user", possible=False)
    yield pwd.getpwnam("nobody")


@resource
def systemd(testbed: Testbed) -> Iterator[None]:
    """A service manager that answers."""
    if not Path("/run/systemd/system").is_dir():
        raise Unavailable("this machine was not booted with systemd, a container cannot be", possible=False)
    yield


@resource
def old_python(testbed: Testbed) -> Iterator[str]:
    """A Python that is too old for the collection but not for Ansible."""
    homes = sorted(Path.home().glob(".pyenv/versions/3.*/bin"))
    for version in ("3.10", "3.9", "3.8"):
        found = shutil.which(f"python{version}", path=os.pathsep.join([*map(str, homes), os.environ["PATH"]]))
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            yield found
            return
    raise Unavailable("there is no Python 3.8 to 3.10 on this machine", possible=False)


@resource
def bare_python(testbed: Testbed) -> Iterator[str]:
    """A Python that is new enough and has nothing but its standard library."""
    with tempfile.TemporaryDirectory(prefix="hodei-python-") as place:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        yield f"{place}/bin/python"


class SshHost(NamedTuple):
    """Where and how a host is reached, as the variables of an inventory."""

    variables: dict[str, Any]


@resource
def sshd(testbed: Testbed) -> Iterator[SshHost]:
    """A host that is reached over SSH: HODEI_TEST_SSHD=user@host[:port] by the user's own key, else a server of our own."""
    address = testbed.address("sshd")
    if address:
        user, _unused, rest = address.rpartition("@")
        host, _unused, port = rest.partition(":")
        yield SshHost({"ansible_host": host, "ansible_port": int(port or 22), "ansible_user": user})
        return
    server = program("sshd", apt="openssh-server", cache=testbed.cache)
    program("ssh", apt="openssh-client", cache=testbed.cache)
    with tempfile.TemporaryDirectory(prefix="hodei-sshd-") as folder:
        yield from _serve_ssh(server, Path(folder))


def _serve_ssh(server: str, place: Path) -> Iterator[SshHost]:
    """Run a server on a free port with keys of its own, for this user alone."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name], check=True)
    shutil.copy(place / "user.pub", place / "authorized")
    port = free_port()
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": place / "host",
        "AuthorizedKeysFile": place / "authorized",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "AcceptEnv": "DOCKER_HOST",
        "Subsystem": "sftp internal-sftp",
    }
    configuration = place / "sshd_config"
    configuration.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd refuses to start without it, and no service manager made it
    with open(place / "log", "wb") as log:
        process = subprocess.Popen([server, "-D", "-e", "-f", configuration], stdout=log, stderr=log)
    try:
        wait_for(lambda: process.poll() is not None or answers(port), "sshd to listen")
        if process.poll() is not None:
            raise Unavailable(f"sshd does not start: {(place / 'log').read_text().strip()[-200:]}", possible=True)
        trust = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        yield SshHost(
            {
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": pwd.getpwuid(os.geteuid()).pw_name,
                "ansible_ssh_private_key_file": str(place / "user"),
                "ansible_ssh_common_args": f"{trust} -o ControlMaster=no -o ControlPath=none",
            }
        )
    finally:
        process.terminate()
        process.wait(PATIENCE)


def free_ports(count: int) -> list[int]:
    """Find ports that nobody has, outside of the ranges that the kernel and the provider take from: they stay free for a while."""
    found: list[int] = []
    for number in random.SystemRandom().sample(range(10_000, 20_000), 10_000):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("", number))
                udp.bind(("", number))
            except OSError:
                continue
            found.append(number)
        if len(found) == count:
            break
    return found


@resource
def docker(testbed: Testbed) -> Iterator[DockerEngine]:
    """A Docker Engine: HODEI_TEST_DOCKER=unix:///path (which has the image ``hodei/test:1``), else one of our own."""
    image = "hodei/test:1"
    address = testbed.address("docker")
    if address:
        yield DockerEngine(address, image)
        return
    yield from _own_docker(testbed, image)


@resource
def small_docker(testbed: Testbed) -> Iterator[OwnEngine]:
    """A Docker Engine whose disk can be filled."""
    yield from _own_docker(testbed, "hodei/test:1", DOCKER_DISK)


def _own_docker(testbed: Testbed, image: str, disk: int = 0) -> Iterator[OwnEngine]:
    if os.geteuid() != 0:
        raise Unavailable("only root can start a Docker Engine", possible=False)
    server = program("dockerd", apt="docker.io", cache=testbed.cache)
    busybox = program("busybox", apt="busybox-static", cache=testbed.cache)
    yield from serve_docker(server, python_image(busybox, testbed.cache), image, disk)


@resource
def openssl(testbed: Testbed) -> Iterator[str]:
    """The program, which judges the keys and certificates that we make."""
    yield program("openssl", apt="openssl", cache=testbed.cache)


@resource
def ssh_keygen(testbed: Testbed) -> Iterator[str]:
    """The program, which judges the keys for SSH that we make."""
    yield program("ssh-keygen", apt="openssh-client", cache=testbed.cache)


def free_port() -> int:
    """Find one such port."""
    return free_ports(1)[0]


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0

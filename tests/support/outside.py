# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world outside of an Engine's network, in a network of its own: who is reached from a container, and who is not.

As a program it is that world: everybody says ``hi`` to whoever comes, by TCP and UDP; port 53 answers every name.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.hodei.workers.tests.testbed.network import Network

HERE, THERE, OTHER, METADATA = "198.51.100.1", "198.51.100.2", "198.51.100.3", "169.254.169.254"
PORTS = (7001, 7002, 80)
UDP_PORT = 7003
_FREE_BIND = 15  # an address may be bound before it is there; a name of it came with Python 3.13

#: Runs in a container: prints for each target (``tcp:address:port``) whether somebody answered, all at the same time.
PROBE = r"""
import socket, sys, threading
QUERY = b"\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06canary\x04test\x00\x00\x01\x00\x01"
found = {}
def ask(target, seconds):
    kind, host, port = target.split(":")
    try:
        with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as one:
            one.settimeout(seconds)
            one.connect((host, int(port)))
            if kind != "tcp":
                one.send(QUERY)
            said = one.recv(512)
            found[target] = b"hi" in said if kind != "dns" else said[3] & 15 == 0 and said[7] > 0
    except OSError:
        found[target] = False
threads = [threading.Thread(target=ask, args=(one, float(sys.argv[1]))) for one in sys.argv[2:]]
[one.start() for one in threads]
[one.join() for one in threads]
print(*(one for one in found if found[one]))
"""


@contextmanager
def outside() -> Iterator[None]:
    """Have a world outside of the network that this thread is in, and somebody in this one too, on every address."""
    command = [sys.executable, "-m", __name__]
    path = os.pathsep.join(filter(None, sys.path))
    environ = {**os.environ, "PYTHONPATH": path}
    with Network().entered():
        there = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        far = ["nsenter", f"--target={there.pid}", "--net"]
    here = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    try:
        for one in (there, here):
            assert one.stdout is not None
            assert one.stdout.readline() == b"ready\n"
        _run("ip", "link", "add", "world", "type", "veth", "peer", "name", "engine", "netns", str(there.pid))
        _run("ip", "address", "add", f"{HERE}/24", "dev", "world")
        _run("ip", "link", "set", "world", "up")
        _run("ip", "route", "add", "default", "via", THERE)
        for address in (THERE, OTHER):
            _run(*far, "ip", "address", "add", f"{address}/24", "dev", "engine")
        for address in {METADATA, *resolvers()}:
            _run(*far, "ip", "address", "add", f"{address}/32", "dev", "lo")
        _run(*far, "ip", "link", "set", "engine", "up")
        yield
    finally:
        for one in (there, here):
            one.communicate()
        subprocess.run(["ip", "link", "delete", "world"], check=False, capture_output=True)


def resolvers() -> list[str]:
    """Return whom an Engine of this machine asks for names."""
    with open("/etc/resolv.conf", encoding="utf-8") as file:
        words = [line.split() for line in file]
    return [
        one[1] for one in words if one[:1] == ["nameserver"] and not one[1].startswith("127.") and ":" not in one[1]
    ]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _greet(port: int) -> None:
    with socket.create_server(("", port)) as server:
        while True:
            client, _unused = server.accept()
            with client:
                client.sendall(b"hi")


def _echo(address: str, port: int) -> None:
    """Say hi to a datagram, or answer what it asks for names; from the address that was asked."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IP, _FREE_BIND, 1)
        server.bind((address, port))
        while True:
            said, sender = server.recvfrom(512)
            answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04"
            server.sendto(
                b"hi" if port != 53 else said[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + said[12:29] + answer,
                sender,
            )


def _serve() -> None:
    for port in PORTS:
        threading.Thread(target=_greet, args=(port,), daemon=True).start()
    for place in ((THERE, UDP_PORT), *((one, 53) for one in resolvers())):
        threading.Thread(target=_echo, args=place, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve()

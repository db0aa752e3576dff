# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""worker_forward: a local port that leads to a worker's, for some time."""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.conformance.providers.rigs import ECHO
from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.resources import free_port
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

CONNECTIONS = 100
BIG = 20 << 20


def worker(**more: Any) -> dict[str, Any]:
    """Return a server that sends back what it gets, and says bye to who has finished sending."""
    return {
        "name": "echo",
        "command": [sys.executable, "-c", ECHO, "$(HODEI_PORT_ECHO)"],
        "ports": [{"name": "echo"}],
        "health": {"tcp": {"port": "echo"}, "interval": "200ms"},
        **more,
    }


@pytest.fixture
def echo(site: Site) -> Site:
    """A fleet of that server."""
    site.set([worker()])
    site.tasks(task("fleet_init"), task("fleet"))
    return site


def forward(**options: Any) -> dict[str, Any]:
    """Write a task."""
    return task("worker_forward", address="echo", port="echo", **options)


def talk(port: int, text: bytes) -> bytes:
    """Send all, say so, and hear the answer to its end."""
    with socket.create_connection(("127.0.0.1", port), 60) as stream:
        sender = threading.Thread(target=send, args=(stream, text))
        sender.start()
        try:
            return b"".join(iter(lambda: stream.recv(1 << 16), b""))
        finally:
            sender.join()


def send(stream: socket.socket, text: bytes) -> None:
    """Send all and say so; who reads sees when it fails."""
    with contextlib.suppress(OSError):
        stream.sendall(text)
        stream.shutdown(socket.SHUT_WR)


def refused(port: int) -> bool:
    """Whether nobody listens any more."""
    with socket.socket() as stream:
        return stream.connect_ex(("127.0.0.1", port)) != 0


def test_present_again_and_absent(echo: Site) -> None:
    """The same forward with a new time; it is seen in worker_info; closing leaves nothing behind."""
    dry, first, again, info, closed, once_more = echo.tasks(
        forward(check=True),
        forward(ttl="10m"),
        forward(ttl="20m"),
        task("worker_info", events=0),
        forward(state="absent"),
        forward(state="absent"),
    )
    assert dry["changed"]
    assert "local_port" not in dry
    assert (first["changed"], again["changed"]) == (True, False)
    assert (first["local_port"], first["bind"]) == (again["local_port"], "127.0.0.1")
    assert 500 < again["expires_at"] - first["expires_at"] < 700
    (listed,) = info["workers"][0]["forwards"]
    assert listed == {name: again[name] for name in ("address", "port", "bind", "local_port", "expires_at")}
    assert (closed["changed"], once_more["changed"]) == (True, False)
    assert refused(first["local_port"])
    assert not (echo.home / "forwards").exists()


def test_what_it_carries(echo: Site) -> None:
    """A hundred connections at once, each closed in one direction first; and a big transfer."""
    port = echo.one("worker_forward", address="echo", port="echo")["local_port"]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        texts = [f"connection {number}".encode() for number in range(CONNECTIONS)]
        assert list(pool.map(lambda text: talk(port, text), texts)) == [text + b"bye" for text in texts]
    data = random.Random(8).randbytes(BIG)
    assert talk(port, data) == data + b"bye"
    echo.one("worker_forward", address="echo", port="echo", state="absent")


def test_packed_by_ansible(echo: Site) -> None:
    """Its process lives on although the code that Ansible packed is deleted with the task."""
    here = Path(sys.executable)  # by another name it is not known as Ansible's own
    echo.set(ansible_python_interpreter=str(here.with_name("python3" if here.name == "python" else "python")))
    port = echo.one("worker_forward", address="echo", port="echo")["local_port"]
    assert talk(port, b"hello") == b"hellobye"
    echo.set([worker(env={"CHANGED": "yes"})])
    echo.one("fleet")
    assert talk(port, b"hello") == b"hellobye", "it follows the address to the next generation"
    echo.one("worker_forward", address="echo", port="echo", state="absent")


def test_it_ends_by_itself(echo: Site) -> None:
    """When its time is over, and when its worker is gone; while the worker is only down, connections are reset."""
    short = echo.one("worker_forward", address="echo", port="echo", ttl="1s")["local_port"]
    wait_for(lambda: refused(short) and not (echo.home / "forwards").exists(), "the forward to end")
    port = echo.one("worker_forward", address="echo", port="echo")["local_port"]
    echo.one("worker", **worker(state="stopped"))
    # It may be reset before the connection counts as made here, or after.
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 60) as stream:
        stream.recv(1)
    echo.one("worker", **worker(state="started"))
    assert talk(port, b"back") == b"backbye"
    echo.one("worker", name="echo", state="absent")
    wait_for(lambda: refused(port) and not (echo.home / "forwards").exists(), "the forward to end")


def test_mistakes(echo: Site) -> None:
    """A port that it does not have, a time that is too long, a local port that is taken, a worker that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        port, ttl, used, nobody = echo.tasks(
            task("worker_forward", address="echo", port="grpc"),
            forward(ttl="2d"),
            forward(local_port=number),
            task("worker_forward", address="nobody", port="http"),
        )
    assert "worker.echo: it has no port grpc. Its ports: echo (" in port["msg"]
    assert "write at most 24h" in ttl["msg"]
    assert f"cannot listen on 127.0.0.1 port {number}" in used["msg"]
    assert "there is no such worker" in nobody["msg"]
    assert not (echo.home / "forwards").exists()


def test_another_local_port(echo: Site) -> None:
    """The one that is there gives way."""
    first = echo.one("worker_forward", address="echo", port="echo")["local_port"]
    free = free_port()
    moved = echo.one("worker_forward", address="echo", port="echo", local_port=free)
    assert (moved["changed"], moved["local_port"]) == (True, free)
    assert refused(first)
    assert talk(free, b"x") == b"xbye"
    echo.one("worker_forward", address="echo", port="echo", state="absent")

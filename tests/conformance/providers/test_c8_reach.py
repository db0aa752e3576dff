# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C8: logs that are followed over a restart and a replacement, and connections to a worker's port."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import LogRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs, wait_log
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

BIG = 20 * 1024 * 1024
CONNECTIONS = 100


def followed(fleet: Fleet, name: str, meanwhile: Callable[[], None], length: int) -> bytes:
    """Return the first bytes that come while a log is followed and something is done to its worker.

    Following ends with the last of them: a limit below what was there before leaves nothing of that.
    """
    found: list[bytes] = []
    thread = threading.Thread(
        target=lambda: found.append(
            fleet.rig.open().logs(LogRequest(fleet.target(name), follow=60.0, limit=length)).text
        )
    )
    thread.start()
    meanwhile()
    thread.join(90)
    assert found, "following did not end"
    return found[0]


def test_following_goes_on_over_a_restart(fleet: Fleet) -> None:
    """The same object starts again."""
    fleet.make("loud", fleet.rig.shell("cat /proc/sys/kernel/random/uuid; exec sleep 600"))
    before = wait_lines(fleet, "loud", 1)

    def restart() -> None:
        fleet.do(Verb.RESTART, "loud")

    heard = followed(fleet, "loud", restart, len(before))
    assert before + heard == wait_lines(fleet, "loud", 2), "each line once"


def test_a_long_line_is_one_line(fleet: Fleet) -> None:
    """Whatever pieces a provider keeps it in."""
    long = 100_000
    script = f"printf '%0{long}d\\n' 7; exec sleep 600"
    fleet.make("loud", fleet.rig.shell(script))
    wait_log(fleet, "loud", b"7\n")
    assert fleet.provider.logs(LogRequest(fleet.target("loud"))).text == b"0" * (long - 1) + b"7\n"


def wait_lines(fleet: Fleet, name: str, count: int) -> bytes:
    """Wait until a worker has written some lines, and return them."""

    def written() -> bytes:
        text = fleet.provider.logs(LogRequest(fleet.target(name))).text
        return text if text.count(b"\n") == count else b""

    return wait_for(written, f"{count} lines in the log of {name}")


def test_following_goes_on_with_the_next_generation(fleet: Fleet) -> None:
    """Another object takes its place: made before the old one goes, as converge does it."""
    fleet.make("loud", fleet.rig.shell("echo old; exec sleep 600"))
    wait_log(fleet, "loud", b"old\n")

    def replace() -> None:
        fleet.make("loud", fleet.rig.shell("echo new; exec sleep 600"), generation=2, digest="digest-2")
        fleet.do(Verb.DELETE, "loud")

    assert followed(fleet, "loud", replace, 4) == b"new\n"
    fleet.do(Verb.DELETE, "loud", generation=2)


def receive(stream: socket.socket) -> bytes:
    """Read to the end."""
    return b"".join(iter(lambda: stream.recv(1 << 16), b""))


@pytest.fixture
def echo(fleet: Fleet) -> Fleet:
    """A fleet with a server called ``echo``."""
    needs(fleet, "ports")
    fleet.make("echo", fleet.rig.echo())
    return fleet


def test_both_directions_and_a_half_close(echo: Fleet) -> None:
    """Who has finished sending still hears the answer."""
    with echo.provider.forward(echo.target("echo"), "echo") as stream:
        stream.sendall(b"hello")
        assert stream.recv(5, socket.MSG_WAITALL) == b"hello"
        stream.shutdown(socket.SHUT_WR)
        assert receive(stream) == b"bye"


def test_by_number(echo: Fleet) -> None:
    """A port may be named by the number that it is bound to."""
    seen = echo.see("echo")
    assert seen is not None
    with echo.provider.forward(echo.target("echo"), str(seen.ports["echo"])) as stream:
        stream.shutdown(socket.SHUT_WR)
        assert receive(stream) == b"bye"


def test_a_hundred_connections_at_once(echo: Fleet) -> None:
    """Each hears its own words, while all are open."""
    streams = [echo.provider.forward(echo.target("echo"), "echo") for _unused in range(CONNECTIONS)]

    def talk(numbered: tuple[int, socket.socket]) -> bool:
        number, stream = numbered
        text = f"connection {number}".encode()
        stream.sendall(text)
        stream.shutdown(socket.SHUT_WR)
        return receive(stream) == text + b"bye"

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        assert all(pool.map(talk, enumerate(streams)))
    for stream in streams:
        stream.close()


def test_a_big_transfer(echo: Fleet) -> None:
    """Nothing is lost or changed."""
    data = random.Random(8).randbytes(BIG)
    with echo.provider.forward(echo.target("echo"), "echo") as stream:

        def send() -> None:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        answer = receive(stream)
        sender.join()
    assert len(answer) == BIG + 3
    assert hashlib.sha256(answer[:-3]).digest() == hashlib.sha256(data).digest()


def test_a_peer_that_dies_ends_the_stream(echo: Fleet) -> None:
    """It ends or is reset, it does not hang; and the next connection is refused with its reason."""
    stream = echo.provider.forward(echo.target("echo"), "echo")
    stream.sendall(b"x")
    assert stream.recv(1) == b"x"
    echo.do(Verb.STOP, "echo")
    stream.settimeout(60)
    with contextlib.suppress(ConnectionError):
        assert receive(stream) in (b"", b"bye")
    stream.close()
    assert refused(echo) is Kind.CONFLICT
    echo.do(Verb.DELETE, "echo")
    assert refused(echo) is Kind.NOT_FOUND


def refused(fleet: Fleet, port: str = "echo") -> Kind:
    """Return why a connection is refused."""
    with pytest.raises(HodeiError) as caught:
        fleet.provider.forward(fleet.target("echo"), port)
    assert caught.value.where == "worker.echo"
    return caught.value.kind


def test_ports_that_are_not_there(fleet: Fleet) -> None:
    """A port that it does not have, and one on which nothing listens."""
    needs(fleet, "ports")
    fleet.make("echo", {**fleet.rig.shell("sleep 600"), "ports": [{"name": "echo"}]})
    assert refused(fleet, "grpc") is Kind.NOT_FOUND
    assert refused(fleet) is Kind.NETWORK


def test_a_worker_that_comes_back_is_reached_again(echo: Fleet) -> None:
    """By the same target."""
    echo.do(Verb.RESTART, "echo")
    echo.wait("echo", WorkerState.RUNNING)

    def reached() -> bool:
        with echo.provider.forward(echo.target("echo"), "echo") as stream:
            stream.shutdown(socket.SHUT_WR)
            return receive(stream) == b"bye"

    assert wait_for(reached, "the server to answer")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's side of the socket, against supervisors that are not well."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Listing
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.client import (
    Client,
    Greeting,
    Version,
    replaces,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import (
    PROTOCOL,
    decode,
    encode,
)


def running(version: str, digest: str, *superseded: str) -> Greeting:
    """Describe a supervisor that runs."""
    return Greeting(PROTOCOL, version, digest, superseded, 1, frozenset())


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (Version("1.0.0", "a"), running("1.0.0", "a"), False),
        (Version("1.1.0", "b"), running("1.0.0", "a"), True),
        (Version("1.0.0", "a"), running("1.1.0", "b"), False),
        (Version("1.10.0", "b"), running("1.9.0", "a"), True),
        (Version("1.0.0", "b"), running("1.0.0", "a"), True),
        (Version("1.0.0", "a"), running("1.0.0", "b", "a"), False),
        (Version("1.0.0-dev1", "c"), running("1.0.0", "b", "a"), True),
        (Version("2.0.0", "a"), running("1.0.0", "b", "a"), True),
        (Version("1.0.0", "a", "new"), running("1.0.0", "a")._replace(owner="old"), True),
        (Version("1.0.0", "a", "new"), running("1.0.0", "a")._replace(owner="new"), False),
        (Version("1.0.0", "a", "new"), running("1.1.0", "b")._replace(owner="old"), False),
        (Version("1.0.0", "a", "new"), running("1.0.0", "a"), False),
        (Version("1.0.0", "a"), running("1.0.0", "a")._replace(owner="new"), False),
    ],
)
def test_who_replaces_whom(ours: Version, theirs: Greeting, expected: bool) -> None:
    """Newer versions do; two builds of one version do not take turns for ever."""
    assert replaces(ours, theirs) is expected


GREETING = {"protocol": PROTOCOL, "version": "1.0.0", "digest": "a", "superseded": [], "pid": 1, "limits": ["memory"]}


class Stub:
    """A supervisor that says what it is told to, one script per connection."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.requests: list[Any] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(directory / "socket"))
        self._server.listen()

    def serve(self, *scripts: Sequence[dict[str, Any] | bytes]) -> threading.Thread:
        """Answer as many connections as there are scripts."""

        def run() -> None:
            for script in scripts:
                try:
                    connection, _unused = self._server.accept()
                except OSError:
                    return
                with suppress(BrokenPipeError), connection, connection.makefile("rb") as lines:
                    connection.sendall(encode(script[0]) if isinstance(script[0], dict) else script[0])
                    if len(script) > 1:
                        self.requests.append(decode(lines.readline()))
                    for line in script[1:]:
                        connection.sendall(encode(line) if isinstance(line, dict) else line)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Listen no more."""
        self._server.close()


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Stub]:
    """A stub of a supervisor."""
    made = Stub(tmp_path)
    yield made
    made.close()


def client(
    directory: Path,
    launch: Callable[[Sequence[str]], None] | None = None,
    digest: str = "a",
    patience: float = 20.0,
) -> Client:
    """Make a client."""

    def nothing(superseded: Sequence[str]) -> None:
        """Start nothing."""

    return Client(
        str(directory),
        patience,
        lambda: Version("1.0.0", digest),
        launch or nothing,
        lambda superseded: ["x", *superseded],
    )


def test_the_greeting(stub: Stub) -> None:
    """Who it is and what it can do."""
    stub.serve([GREETING])
    connection = client(stub.directory).connect()
    assert connection is not None
    with connection:
        assert connection.greeting == Greeting(PROTOCOL, "1.0.0", "a", (), 1, frozenset({"memory"}))


def test_nobody_there(tmp_path: Path) -> None:
    """No directory, no socket, and a socket that nobody listens on."""
    assert client(tmp_path / "gone").connect() is None
    assert client(tmp_path).connect() is None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "socket"))
    assert client(tmp_path).connect() is None


def test_one_that_leaves_while_it_greets(stub: Stub) -> None:
    """Is nobody."""
    stub.serve([b""])
    assert client(stub.directory).connect() is None


def test_one_that_has_a_queue_of_callers(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """To be the last of them is no error."""
    stub._server.listen(0)
    queue: list[socket.socket] = []
    with pytest.raises(BlockingIOError):  # noqa: PT012 - some fit
        while True:
            queue.append(socket.socket(socket.AF_UNIX))
            queue[-1].setblocking(False)
            queue[-1].connect(str(stub.directory / "socket"))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        if not pauses:
            stub.serve(*[(b"",)] * (len(queue) - 1), (GREETING,))
        pauses.append(seconds)

    monkeypatch.setattr(time, "sleep", pause)
    connection = client(stub.directory).connect()
    for one in queue:
        one.close()
    assert connection is not None
    connection.close()
    assert pauses


def test_one_that_is_silent(stub: Stub) -> None:
    """Is a timeout: neither there nor absent."""
    with pytest.raises(HodeiError) as caught:
        client(stub.directory, patience=0.3).connect()
    assert caught.value.kind is Kind.TIMEOUT
    assert "hodei-process" in caught.value.hint


def test_one_that_greets_and_answers_no_more(stub: Stub) -> None:
    """Each answer has its deadline."""
    thread = stub.serve([GREETING, b""])
    with pytest.raises(HodeiError) as caught:
        list(client(stub.directory, patience=0.3).ask({"op": "list"}))
    assert caught.value.kind in (Kind.NETWORK, Kind.TIMEOUT)
    thread.join(5)


def test_one_that_dies_is_asked_again(stub: Stub) -> None:
    """The request is the same, because every request is idempotent."""
    stub.serve([GREETING, b""], [GREETING, {"i": 0}, b""], [GREETING, {"i": 0}, {"end": True}])
    answers = list(client(stub.directory).ask({"op": "create", "items": []}))
    assert answers == [{"i": 0}, {"i": 0}, {"end": True}]
    assert len(stub.requests) == 3


def test_one_that_dies_again_and_again(stub: Stub) -> None:
    """Is given up, and the user is told where to look."""
    stub.serve([GREETING, b""], [GREETING, b""], [GREETING, b""], [GREETING, b""])
    with pytest.raises(HodeiError) as caught:
        list(client(stub.directory).ask({"op": "list"}))
    assert caught.value.kind is Kind.NETWORK
    assert "supervisor.log" in caught.value.hint


def test_one_that_dies_while_it_is_asked_for_a_list(tmp_path: Path) -> None:
    """The next one is asked, a few times."""
    provider = ProcessProvider("local", {"directory": str(tmp_path)}, "o")
    Path(provider.directory).mkdir(parents=True)
    stub = Stub(Path(provider.directory))
    stub.serve([GREETING, b""], [GREETING, {"rows": []}], [GREETING, b""], [GREETING, b""], [GREETING, b""])
    assert provider.list() == Listing(())
    with pytest.raises(HodeiError) as caught:
        provider.list()
    assert caught.value.kind is Kind.NETWORK
    stub.close()


def test_an_older_one_is_asked_to_hand_over(stub: Stub) -> None:
    """And the new one, when it is there, is asked."""
    newer = {**GREETING, "digest": "b", "superseded": ["a"]}
    stub.serve([GREETING, {"end": True}], [GREETING], [newer], [newer, {"rows": []}])
    assert list(client(stub.directory, digest="b").ask({"op": "list"})) == [{"rows": []}]
    assert stub.requests[0] == {"op": "handover", "command": ["x", "a"]}


def test_one_that_speaks_another_protocol(stub: Stub) -> None:
    """A newer one cannot be replaced, so it is an error with a way out."""
    stub.serve([{**GREETING, "protocol": 99, "version": "9.0.0"}])
    with pytest.raises(HodeiError) as caught:
        list(client(stub.directory).ask({"op": "list"}))
    assert caught.value.kind is Kind.COMPATIBILITY
    assert "9.0.0" in caught.value.message


def test_one_of_somebody_else(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said to it."""
    stub.serve([GREETING])
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(HodeiError) as caught:
        client(stub.directory).connect()
    assert caught.value.kind is Kind.AUTHENTICATION


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    """A link or a file in its place is refused."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(HodeiError) as caught:
            client(tmp_path / name).connect()
        assert caught.value.kind is Kind.AUTHORIZATION


def test_a_supervisor_that_never_comes(tmp_path: Path) -> None:
    """Is started again and again, for a while."""
    started: list[Sequence[str]] = []
    with pytest.raises(HodeiError) as caught:
        list(client(tmp_path, launch=started.append, patience=0.3).ask({"op": "list"}))
    assert caught.value.kind is Kind.TIMEOUT
    assert started


def test_a_path_longer_than_a_socket_may_have(tmp_path: Path) -> None:
    """It is reached through a descriptor."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    fd = os.open(deep, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{fd}/socket")
        server.listen()
        os.close(fd)

        def greet() -> None:
            connection, _unused = server.accept()
            with connection:
                connection.sendall(encode(GREETING))

        threading.Thread(target=greet, daemon=True).start()
        found = client(deep).connect()
        assert found is not None
        found.close()

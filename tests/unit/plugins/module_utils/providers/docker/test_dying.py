# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Engine that ends, or falls silent, in the middle of what it says: an error of ours, never half an answer taken for a whole one."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import LogRequest, Target
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.endpoint import Endpoint
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.engine import Engine
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.images import Images
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.logs import Log, read

TIMEOUT = 0.3
PATIENT = 30.0  # a busy machine is not silent
VERSION = json.dumps({"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}).encode()
LINE = b"2026-01-01T00:00:00.000000001Z one\n"
FRAME = b"\1\0\0\0" + len(LINE).to_bytes(4, "big") + LINE
PULLING = json.dumps({"id": "layer", "status": "Pulling fs layer"}).encode() + b"\n"
REQUEST = LogRequest(Target(Address("worker", "a"), 1))


def chunk(data: bytes) -> bytes:
    """Write a part of an answer whose length is not known yet."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class Dying:
    """Answers about itself; of all else it says ``first``, and then hangs up, or is ``silent``."""

    def __init__(self, first: bytes, *, silent: bool) -> None:
        self._first, self._silent = chunk(first), silent
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        address = "tcp://127.0.0.1:{}".format(*self._server.getsockname()[1:])
        self.engine = Engine(Endpoint(address), TIMEOUT if silent else PATIENT)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=(self._server.accept()[0],), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while path := client.recv(1 << 16).partition(b" ")[2].partition(b" ")[0]:
                if path.endswith(b"/version"):
                    head = (
                        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(VERSION)}\r\n\r\n"
                    )
                    client.sendall(head.encode() + VERSION)
                    continue
                if path.startswith(b"/v1.41/images/app"):
                    client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + self._first)
                if self._silent:
                    self._over.wait()
                return

    def close(self) -> None:
        """Leave."""
        self.engine.close()
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def dying(request: Any) -> Iterator[Engine]:
    """The Engine, as one that uses it sees it."""
    first, silent = request.param
    with contextlib.closing(Dying(first, silent=silent)) as made:
        yield made.engine


def each(first: bytes) -> Any:
    """Both ways to go."""
    return pytest.mark.parametrize(
        ("dying", "kind"),
        [((first, False), Kind.NETWORK), ((first, True), Kind.TIMEOUT)],
        ids=["hangs up", "silent"],
        indirect=["dying"],
    )


@each(FRAME)
def test_a_log_without_its_end_is_no_log(dying: Engine, kind: Kind) -> None:
    """The newest lines are those that would be missing."""
    with pytest.raises(HodeiError) as caught:
        read(Log(dying, "c"), lambda: None, REQUEST)
    assert caught.value.kind is kind


@pytest.mark.parametrize("dying", [(FRAME, True)], indirect=True)
def test_who_follows_a_log_ends_with_the_time(dying: Engine) -> None:
    """Nothing more has to come."""
    assert [entry.text for entry in Log(dying, "c").follow(b"", TIMEOUT)] == [b"one\n"]


@each(PULLING)
def test_a_pull_that_breaks_is_told(dying: Engine, kind: Kind) -> None:
    """As what cannot be had, so that nothing is stopped for it; and who asks again has it tried again."""
    images = Images(dying, {}, {})
    refused = images.prepare([("app:1", "missing")])
    assert refused["app:1", "missing"].kind is kind
    with pytest.raises(HodeiError) as caught:
        images.have("app:1", "missing")
    assert caught.value is not refused["app:1", "missing"]


def test_the_last_idle_connection_is_taken_by_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Just after it was seen: a new one is made."""

    class Taken(list[Any]):
        def __bool__(self) -> bool:
            return True

    with contextlib.closing(Dying(b"", silent=False)) as made:
        monkeypatch.setattr(made.engine, "_idle", Taken())
        assert made.engine.about["Version"] == "20.10.24"

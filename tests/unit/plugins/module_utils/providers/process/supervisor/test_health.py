# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes against real listeners, and what a row of answers means."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.health import (
    Judge,
    accepted,
    parse_status,
    probe,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import RefusedError

CHECK = {"interval": 1.0, "timeout": 0.5, "failures": 2, "successes": 2, "start_period": 5.0}


def verdicts(answers: list[tuple[bool, float]], healthy: bool | None = None, **more: Any) -> list[bool | None]:
    """Let a judge hear answers (good, age)."""
    judge = Judge({**CHECK, **more}, healthy)
    return [judge.hear(good, age) for good, age in answers]


@pytest.mark.parametrize(
    ("answers", "healthy", "expected"),
    [
        ([(True, 0.0), (True, 1.0), (True, 2.0)], None, [None, True, None]),
        ([(True, 0.0), (False, 6.0), (True, 7.0), (True, 8.0)], None, [None, None, None, True]),
        ([(False, 0.0), (False, 1.0), (False, 2.0)], None, [None, None, None]),
        ([(False, 5.0), (False, 6.0), (False, 7.0)], None, [None, False, None]),
        ([(False, 6.0), (False, 6.1), (False, 6.2)], None, [None, None, None]),
        ([(False, 0.0), (False, 1.0)], True, [None, False]),
        ([(False, 0.0), (True, 1.0), (False, 2.0), (False, 3.0)], True, [None, None, None, False]),
        ([(False, 0.0), (False, 1.0), (True, 2.0), (True, 3.0)], True, [None, False, None, True]),
    ],
    ids=[
        "well",
        "well late",
        "start period",
        "unwell after it",
        "hasty probes count once",
        "falls ill",
        "stays well",
        "recovers",
    ],
)
def test_judge(answers: list[tuple[bool, float]], healthy: bool | None, expected: list[bool | None]) -> None:
    """The verdict is told when it changes."""
    assert verdicts(answers, healthy) == expected


def ask(check: dict[str, Any], answer: bytes | None = None, run: Any = None) -> str:
    """Probe a server that gives one answer, or hangs for None."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            await reader.readline()
            writer.write(answer)
            writer.close()
        else:
            await asyncio.sleep(5)

    async def main() -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for kind in ("http", "tcp"):
            if kind in check:
                check[kind] = {"host": "127.0.0.1", "port": port, **check[kind]}
        try:
            return await probe({**CHECK, **check, "timeout": 0.5 if answer is None else 20.0}, run)
        finally:
            server.close()

    return asyncio.run(main())


HTTP = {"path": "/", "scheme": "http", "verify": True, "status": []}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 302 Found\r\n\r\n", ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "503"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"", "not HTTP"),
        (b"HTTP/1.1 abc\r\n", "not HTTP"),
        (None, "no answer within 0.5 s"),
    ],
)
def test_http(answer: bytes | None, problem: str) -> None:
    """Good, bad, foreign and none."""
    said = ask({"http": HTTP}, answer)
    assert problem in said
    assert bool(problem) == bool(said)


def test_http_wants_the_status_it_was_told() -> None:
    """And no other."""
    assert ask({"http": {**HTTP, "status": [204]}}, b"HTTP/1.1 204 No Content\r\n\r\n") == ""
    assert "200" in ask({"http": {**HTTP, "status": [204]}}, b"HTTP/1.1 200 OK\r\n\r\n")
    assert accepted(399, [])
    assert not accepted(400, [])


def test_https_against_plain_text() -> None:
    """What does not speak TLS is not healthy, verified or not."""
    for verify in (True, False):
        assert ask({"http": {**HTTP, "scheme": "https", "verify": verify}}, b"HTTP/1.1 200 OK\r\n\r\n")


def test_tcp() -> None:
    """A connection is enough; none is refused in words."""
    assert ask({"tcp": {}}, b"") == ""
    assert "onnect" in asyncio.run(probe({**CHECK, "tcp": {"host": "127.0.0.1", "port": 1}}, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "problem"), [(0, ""), (3, "code 3"), (None, "took over")])
def test_command(code: int | None, problem: str) -> None:
    """Its exit code tells; none means too long."""

    async def run(command: list[str], timeout: float) -> int | None:
        assert (command, timeout) == (["check"], 0.5)
        return code

    assert problem in asyncio.run(probe({**CHECK, "command": ["check"]}, run))


def test_a_command_that_cannot_be_started() -> None:
    """Its cause is the answer."""

    async def run(command: list[str], timeout: float) -> int | None:
        raise RefusedError("not_found", "program not found: check")

    assert "not found" in asyncio.run(probe({**CHECK, "command": ["check"]}, run))


def test_status_line() -> None:
    """Without a reason too."""
    assert parse_status(b"HTTP/1.1 200\r\n") == 200

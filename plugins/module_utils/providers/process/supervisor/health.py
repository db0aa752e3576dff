# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health probes: a command, an HTTP(S) request or a TCP connection, and what a row of their answers means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from .wire import RefusedError

_MOST_HEAD = 65536

T = TypeVar("T")


class NoAnswerError(Exception):
    """Nothing came back that could be read; the text says why."""


class Judge:
    """Counts answers: ``successes`` good ones in a row make a worker healthy, ``failures`` bad ones unhealthy.

    While a worker has not been healthy yet, bad answers within ``start_period`` seconds of its start do not count. Bad
    answers closer together than ``interval`` count as one: a starting worker is asked more often, to be ready sooner.
    """

    def __init__(self, health: Mapping[str, Any], healthy: bool | None = None) -> None:
        self._health = health
        self._good = 0
        self._bad = 0
        self._counted = float("-inf")
        self.healthy = healthy

    def hear(self, good: bool, age: float) -> bool | None:
        """Take one answer, ``age`` seconds after the start; return the new verdict if it changed, else None."""
        verdict = self._hear_good() if good else self._hear_bad(age)
        if verdict == self.healthy:
            return None
        self.healthy = verdict
        return verdict

    def _hear_good(self) -> bool | None:
        self._good, self._bad = self._good + 1, 0
        return True if self._good >= self._health["successes"] else self.healthy

    def _hear_bad(self, age: float) -> bool | None:
        self._good = 0
        waiting = self.healthy is None and age < self._health["start_period"]
        if not waiting and age - self._counted >= 0.9 * self._health["interval"]:
            self._bad, self._counted = self._bad + 1, age
        return False if self._bad >= self._health["failures"] else self.healthy


async def probe(health: Mapping[str, Any], run: Callable[[list[str], float], Awaitable[int | None]]) -> str:
    """Ask once; return nothing when the answer is good, else why it is not. Never longer than ``timeout``.

    ``run`` starts a command beside the worker, and returns its exit code or None when it took too long.
    """
    timeout = health["timeout"]
    if health.get("command"):
        return await _probe_command(health["command"], timeout, run)
    try:
        return await within(timeout, _probe_http(health["http"]) if health.get("http") else _probe_tcp(health["tcp"]))
    except NoAnswerError as error:
        return str(error)


async def within(timeout: float, asking: Awaitable[T]) -> T:
    """Return what a request gives; raises NoAnswerError that says why it gives nothing."""
    try:
        async with asyncio.timeout(timeout):
            return await asking
    except TimeoutError:
        raise NoAnswerError(f"no answer within {timeout:g} s") from None
    except OSError as error:
        raise NoAnswerError(error.strerror or str(error)) from None
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise NoAnswerError("the answer is not HTTP") from None


async def _probe_command(
    command: list[str], timeout: float, run: Callable[[list[str], float], Awaitable[int | None]]
) -> str:
    try:
        code = await run(command, timeout)
    except RefusedError as error:
        return error.message
    if code is None:
        return f"the command took over {timeout:g} s"
    return "" if code == 0 else f"the command exited with code {code}"


async def _probe_tcp(check: Mapping[str, Any]) -> str:
    _unused, writer = await asyncio.open_connection(check["host"], check["port"])
    await _hang_up(writer)
    return ""


async def _probe_http(check: Mapping[str, Any]) -> str:
    status = await status_of(check)
    return "" if accepted(status, check["status"]) else f"it answers with status {status}"


async def status_of(check: Mapping[str, Any], method: str = "GET") -> int:
    """Send a request and return the status of its answer. Raises OSError, ValueError."""
    host, port = check["host"], check["port"]
    context = _tls(check["verify"]) if check["scheme"] == "https" else None
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_MOST_HEAD)
    try:
        name = f"[{host}]" if ":" in host else host
        lines = [f"{method} {check['path']} HTTP/1.1", f"Host: {name}:{port}", "User-Agent: hodei", "Connection: close"]
        if method != "GET":
            lines.append("Content-Length: 0")
        writer.write("\r\n".join((*lines, "", "")).encode())
        return parse_status(await reader.readline())
    finally:
        await _hang_up(writer)


def parse_status(line: bytes) -> int:
    """Read ``HTTP/1.1 200 OK``; raises ValueError, also for a line that was cut short."""
    version, number, *_unused = line.split(None, 2)
    if not (version.startswith(b"HTTP/") and number.isdigit() and len(number) == 3 and line.endswith(b"\n")):
        raise ValueError("not HTTP")
    return int(number)


def accepted(status: int, wanted: list[int]) -> bool:
    """Whether a status is one of those wanted; any of 200-399 where none are named."""
    return status in wanted if wanted else 200 <= status < 400


def _tls(verify: bool) -> Any:
    import ssl

    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close without ceremony: what a peer makes of our leaving does not change its answer."""
    writer.transport.abort()
    await asyncio.sleep(0)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports for workers: given by the document or picked from a range, tested by binding, never two of ours the same."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .wire import RefusedError

Key = tuple[str, int]


def bindable(protocol: str, port: int) -> int:
    """Return 0 when a port could be bound on all addresses now, else the errno."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if protocol != "udp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


def _keys(spec: Sequence[Mapping[str, Any]], ports: Mapping[str, int]) -> list[Key]:
    return [(item["protocol"], ports[item["name"]]) for item in spec if item["name"] in ports]


class Ports:
    """All ports that this owner's workers hold, by (protocol, number)."""

    def __init__(self, test: Callable[[str, int], int] = bindable) -> None:
        self._test = test
        self._held: dict[Key, str] = {}

    def hold(self, worker: str, spec: Sequence[Mapping[str, Any]], ports: Mapping[str, int]) -> None:
        """Remember what a recorded worker has."""
        self._held.update((key, worker) for key in _keys(spec, ports))

    def release(self, spec: Sequence[Mapping[str, Any]], ports: Mapping[str, int]) -> None:
        """Forget what a worker had."""
        for key in _keys(spec, ports):
            self._held.pop(key, None)

    def allocate(self, worker: str, spec: Sequence[Mapping[str, Any]], span: tuple[int, int]) -> dict[str, int]:
        """Find a port for each entry; all or none. Raises RefusedError: conflict, or no port left in the range."""
        found: dict[Key, str] = {}
        result: dict[str, int] = {}
        for item in spec:
            protocol = item["protocol"]
            number = item["host"] or self._pick(protocol, span, found)
            if item["host"]:
                self._check(item["name"], protocol, number)
            found[protocol, number] = worker
            result[item["name"]] = number
        self._held.update(found)
        return result

    def _check(self, name: str, protocol: str, number: int) -> None:
        holder = self._held.get((protocol, number))
        if holder is not None:
            raise RefusedError("conflict", f"port {name}: {protocol} {number} is held by our worker {holder}")
        problem = self._test(protocol, number)
        if problem == errno.EACCES:
            raise RefusedError("authorization", f"port {name}: {number} is for root only", "Choose one above 1023.")
        if problem:
            raise RefusedError(
                "conflict",
                f"port {name}: {protocol} {number} is taken by another process",
                "Free it, or choose another.",
            )

    def _pick(self, protocol: str, span: tuple[int, int], taken: Mapping[Key, str]) -> int:
        """Take a free port, from a random place on so that two owners on one machine seldom try the same."""
        low, high = span
        start = random.randrange(high - low + 1)  # noqa: S311 - nothing depends on its being unpredictable
        for step in range(high - low + 1):
            number = low + (start + step) % (high - low + 1)
            key = (protocol, number)
            if key not in self._held and key not in taken and not self._test(protocol, number):
                return number
        raise RefusedError(
            "resource_exhausted", f"no {protocol} port is free between {low} and {high}", "Widen port_range."
        )

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports: those asked for, those picked, and never twice."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.ports import Ports, bindable
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import RefusedError


def port(name: str, host: int = 0, protocol: str = "tcp") -> dict[str, Any]:
    """Write an entry of the wire spec."""
    return {"name": name, "host": host, "protocol": protocol}


def always(protocol: str, number: int) -> int:
    """Every port is free."""
    return 0


def test_a_range_is_given_out_once() -> None:
    """Until it is used up; what is released can be had again."""
    ports = Ports(always)
    spec = [port("a"), port("b")]
    first = ports.allocate("one", spec, (5000, 5003))
    second = ports.allocate("two", spec, (5000, 5003))
    assert sorted([*first.values(), *second.values()]) == [5000, 5001, 5002, 5003]
    with pytest.raises(RefusedError) as caught:
        ports.allocate("three", [port("a")], (5000, 5003))
    assert caught.value.kind == "resource_exhausted"
    ports.release(spec, first)
    assert set(ports.allocate("three", spec, (5000, 5003)).values()) == set(first.values())


def test_what_others_hold_is_passed_over() -> None:
    """By binding."""
    ports = Ports(lambda protocol, number: errno.EADDRINUSE if number != 5002 else 0)
    assert ports.allocate("one", [port("a")], (5000, 5003)) == {"a": 5002}


def test_a_port_that_is_asked_for() -> None:
    """Held by us, by another, or for root only: three different words."""
    ports = Ports(always)
    ports.hold("other.1", [port("http", 8080)], {"http": 8080})
    with pytest.raises(RefusedError, match=r"other\.1"):
        ports.allocate("one", [port("a", 8080)], (5000, 5003))
    assert ports.allocate("one", [port("a", 8080, "udp")], (5000, 5003)) == {"a": 8080}
    with pytest.raises(RefusedError, match="another process"):
        Ports(lambda *_unused: errno.EADDRINUSE).allocate("one", [port("a", 8080)], (5000, 5003))
    with pytest.raises(RefusedError, match="root"):
        Ports(lambda *_unused: errno.EACCES).allocate("one", [port("a", 80)], (5000, 5003))


def test_all_or_none() -> None:
    """A request that fails keeps nothing."""
    ports = Ports(always)
    ports.hold("other.1", [port("x", 9)], {"x": 9})
    with pytest.raises(RefusedError):
        ports.allocate("one", [port("a", 7000), port("b", 9)], (5000, 5003))
    assert ports.allocate("two", [port("a", 7000)], (5000, 5003)) == {"a": 7000}


def test_binding_for_real() -> None:
    """A port with a listener cannot be bound."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        assert bindable("tcp", number) == errno.EADDRINUSE
        assert bindable("udp", number) == 0

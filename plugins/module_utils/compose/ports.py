# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of a service: short and long syntax, ranges and addresses of the host, and those that are only exposed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .blocks import Block, Spot
from .fields import Fields, Notes, fits, kind_of, text_of
from .reasons import PORT

_SHORT = re.compile(
    r"(?:(?:(?P<ip>\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(?P<host>\d*(?:-\d+)?):)?(?P<inside>\d+(?:-\d+)?)(?:/(?P<protocol>\w+))?"
)
_HINT = 'write "HOST:CONTAINER" in quotes, such as "8080:80"'


class Port(NamedTuple):
    """One port; ``host`` is empty where it is not published, `0` where the Engine may choose, else a number or a range."""

    inside: int
    protocol: str
    host: str = ""
    ip: str = ""


def ports(service: Fields) -> list[dict[str, Any]]:
    """Return the ports of a worker."""
    found: dict[Port, str] = {}
    for item, spot, path in service.items("ports"):
        for port, name in _written(item, spot, path, service.notes):
            if any(other._replace(host="", ip="") == port._replace(host="", ip="") for other in found if other != port):
                service.notes.left_out(
                    spot,
                    path,
                    f"port {port.inside} is published twice, a worker publishes each of its ports once",
                    "publish one of them",
                )
            else:
                found.setdefault(port, name)
    for item, spot, path in service.items("expose"):
        if isinstance(item, Block) or not re.fullmatch(r"\d+(-\d+)?(/\w+)?", text_of(item)):
            service.notes.wrong(spot, path, f"{kind_of(item)} is no port", 'write a number, such as "8080" or "53/udp"')
            continue
        for port, name in _written(item, spot, path, service.notes):
            exposed = port._replace(host="")
            if not any(other._replace(host="", ip="") == exposed for other in found):
                found[exposed] = name
    return [_ours(port, name) for port, name in _named(found)]


def _written(item: Any, spot: Spot | None, path: str, notes: Notes) -> Iterator[tuple[Port, str]]:
    """Read one entry, which may stand for several ports."""
    if isinstance(item, Block):
        fields = Fields(item, path, notes, spot)
        inside, host, ip = fields.text("target"), fields.text("published"), fields.text("host_ip")
        protocol, name = fields.text("protocol", "tcp"), fields.text("name")
        fields.end(PORT, "target published host_ip protocol name")
    else:
        match = _SHORT.fullmatch(text_of(item))
        if match is None:
            return notes.wrong(spot, path, f"{kind_of(item)} is no port", _HINT)
        inside, host, ip, protocol = (
            match["inside"],
            match["host"] or "",
            (match["ip"] or "").strip("[]"),
            match["protocol"] or "tcp",
        )
        name = ""
    inner, outer = _range(inside), _range(host) if host else None
    if inner is None or (host and outer is None):
        return notes.wrong(
            spot,
            path,
            f"{kind_of(inside if inner is None else host)} is no port",
            "write a number from 1 to 65535, or a range of them",
        )
    if protocol not in ("tcp", "udp"):
        return notes.left_out(
            spot, path, f"ports are tcp or udp, not {protocol}", "leave it out, or use network_mode: host"
        )
    if ip and not _is_address(ip):
        return notes.wrong(spot, path, f"'{ip}' is no address", "write an address of the host, such as 127.0.0.1")
    if outer is not None and len(inner) > 1 and len(outer) != len(inner):
        return notes.wrong(
            spot, path, f"{host} and {inside} are not equally many", "make both ranges of the same length"
        )
    for number, port in enumerate(inner):
        published = "0" if outer is None else host if len(inner) == 1 and len(outer) > 1 else str(outer[number])
        yield Port(port, protocol, published, "" if ip == "0.0.0.0" else ip), name if len(inner) == 1 else ""  # noqa: S104


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _range(text: str) -> range | None:
    first, _unused, last = text.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        return None
    found = range(int(first), int(last or first) + 1)
    return found if found and found[-1] < 65536 and (found[0] or text == "0") else None


def _named(found: dict[Port, str]) -> Iterator[tuple[Port, str]]:
    """Give each port a name of its own: what Compose calls it, or its protocol and number."""
    taken: set[str] = set()
    for port, name in found.items():
        usual = f"{port.protocol}-{port.inside}"
        chosen = name if name and name not in taken and fits("port_name", name) else usual
        taken.add(chosen)
        yield port, chosen


def _ours(port: Port, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "container": port.inside}
    if "-" in port.host:
        entry["host_range"] = port.host
    elif port.host:
        entry["host"] = int(port.host)
    if port.ip:
        entry["host_ip"] = port.ip
    if port.protocol != "tcp":
        entry["protocol"] = port.protocol
    return entry

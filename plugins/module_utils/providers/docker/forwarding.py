# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connecting to a port of a container."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...model.errors import HodeiError, Kind
from ...model.ports import Target
from .endpoint import Endpoint
from .records import Record
from .topology import ISOLATED

#: Published at every address.
_ALL = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def dial(
    endpoint: Endpoint, container: Mapping[str, Any], record: Record, target: Target, port: str, timeout: float
) -> socket.socket:
    """Connect where the port is published, else, on this machine, to the container itself. Raises HodeiError."""
    where = str(target.address)
    if container["State"]["Status"] != "running":
        raise HodeiError(
            Kind.CONFLICT, f"it is {container['State']['Status']}", hint="Only a running worker answers.", where=where
        )
    inside = _inside(container, record, port)
    if inside is None:
        names = ", ".join(sorted(record.ports)) or "none"
        raise HodeiError(Kind.NOT_FOUND, f"it has no port '{port}'", hint=f"It has: {names}.", where=where)
    place = _place(endpoint, container, inside)
    if place is None:
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"port {port} is not published, and its network cannot be reached from here",
            hint="Publish it: `host: 0` in the port; a network that is isolated cannot be reached, nor can isolation: complete.",
            where=where,
        )
    try:
        stream = socket.create_connection(place, timeout)
    except OSError as error:
        raise HodeiError(
            Kind.NETWORK, f"nothing answers at port {port}: {error.strerror or error}", hint="See its log.", where=where
        ) from error
    stream.settimeout(None)
    return stream


def _published(container: Mapping[str, Any], inside: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = ((container.get("NetworkSettings") or {}).get("Ports") or {}).get(inside) or []
    return found


def _inside(container: Mapping[str, Any], record: Record, port: str) -> str | None:
    if port in record.ports:
        return record.ports[port]
    for inside in record.ports.values():
        numbers = {inside.partition("/")[0], *(one["HostPort"] for one in _published(container, inside))}
        if port in numbers:
            return inside
    return None


def _place(endpoint: Endpoint, container: Mapping[str, Any], inside: str) -> tuple[str, int] | None:
    published = _published(container, inside)
    if published:
        at = published[0].get("HostIp")
        here = at if at and at not in _ALL else "127.0.0.1"
        return here if endpoint.local else urlsplit(endpoint.url).hostname or "", int(published[0]["HostPort"])
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    found = [one["IPAddress"] for name, one in networks.items() if one.get("IPAddress") and f"{ISOLATED}." not in name]
    address = "127.0.0.1" if "host" in networks else next(iter(found), "")
    return (address, int(inside.partition("/")[0])) if endpoint.local and address else None

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connecting to a worker's port: its record says where it listens, and the supervisor is not asked."""

from __future__ import annotations

import socket

from ...model.errors import HodeiError, Kind
from ...model.ports import Target
from .disk import look_up
from .mapping import observation
from .supervisor.record import Record, record_id

#: A process is on this machine; which of the two families it bound is its own affair.
_HOSTS = ("127.0.0.1", "::1")


def dial(directory: str, target: Target, port: str, timeout: float) -> socket.socket:
    """Connect to a port of a worker, by name or number. Raises HodeiError; see model/ports.py ``forward``."""
    where = str(target.address)
    record = look_up(directory, record_id(target.address.name, target.address.key, target.generation))
    if record is None:
        raise HodeiError(
            Kind.NOT_FOUND, "there is no such worker", hint="worker_info shows those that there are.", where=where
        )
    number = _number(record, port, where)
    state = observation(record.row()).state
    if not state.alive:
        raise HodeiError(
            Kind.CONFLICT, f"it is {state.value}", hint="A connection needs a running worker.", where=where
        )
    causes = []
    for host in _HOSTS:
        try:
            stream = socket.create_connection((host, number), timeout)
        except OSError as error:
            causes.append(f"{host}: {error.strerror or error}")
            continue
        stream.settimeout(None)
        return stream
    raise HodeiError(
        Kind.NETWORK,
        f"nothing accepts connections on its port {port} ({number} on this machine): {', '.join(causes)}",
        hint="It may not have come up yet, or listen elsewhere than on the port that it was given: worker_logs tells.",
        where=where,
    )


def _number(record: Record, port: str, where: str) -> int:
    """Return the bound port that a name or a number means."""
    protocols = {one["name"]: one["protocol"] for one in record.spec["ports"]}
    for name, number in record.ports.items():
        if port in (name, str(number)):
            if protocols.get(name) == "udp":
                raise HodeiError(
                    Kind.COMPATIBILITY, f"its port {name} is UDP", hint="Only TCP is forwarded.", where=where
                )
            return number
    names = ", ".join(f"{name} ({number})" for name, number in record.ports.items()) or "none"
    raise HodeiError(Kind.NOT_FOUND, f"it has no port {port}", hint=f"Its ports: {names}.", where=where)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a port of the host is that a container cannot have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...model.errors import HodeiError, Kind
from .engine import Engine

_TAKEN = re.compile(r"port is already allocated|address already in use|all ports are allocated")


def taken_port(engine: Engine, container: str, error: HodeiError) -> HodeiError:
    """Return what is to be said of a start that failed: of a port that is taken, which one and by whom; else the same."""
    if _TAKEN.search(error.message) is None:
        return error
    host = engine.get(f"/containers/{container}/json")["HostConfig"]
    published = {
        (one["PublicPort"], one["Type"]): other["Names"][0][1:]
        for other in engine.get("/containers/json")
        for one in other["Ports"]
        if one.get("PublicPort")
    }
    said = list(dict.fromkeys(_taken(host.get("PortBindings") or {}, published, error.message)))
    if not said:
        return error
    return HodeiError(Kind.CONFLICT, "; ".join(said), hint="Choose another host port, or stop what has it.")


def _taken(
    bindings: Mapping[str, list[dict[str, str]]], published: Mapping[tuple[int, str], str], message: str
) -> Iterator[str]:
    for port, places in bindings.items():
        protocol = port.partition("/")[2]
        for place in places:
            first, dash, last = place["HostPort"].partition("-")
            numbers = range(int(first or 0), int(last or first or 0) + 1)
            others = sorted({published[one, protocol] for one in numbers if (one, protocol) in published})
            if dash and "all ports are allocated" in message:
                whose = f" ({', '.join(others)})" if others else ""
                yield f"no port of {place['HostPort']}/{protocol} of the host is free{whose}"
            elif others and not dash:
                yield f"port {first}/{protocol} of the host is taken by container {', '.join(others)}"
            elif re.search(rf":{first}\b", message):
                yield f"port {first}/{protocol} of the host is taken, and by no container: a process of the Engine's machine"

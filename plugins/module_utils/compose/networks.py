# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of a project. A worker joins one network by name; where a service joins several, those become one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .blocks import Block
from .fields import Fields, fits, text_of
from .merging import by_name
from .reasons import NETWORK_OF_SERVICE

DEFAULT = "default"
_MADE = "networks are bridges that the provider makes"
_OPTIONS = dict.fromkeys(
    ("driver", "driver_opts", "attachable", "enable_ipv4", "enable_ipv6", "labels"),
    (_MADE, "make it by `docker network create`, and write external: true"),
)
_MODES = {"host": {"type": "public"}, "none": {"isolation": "complete"}, "bridge": {}}


class Networks:
    """The networks of the workers of one project; ``services`` maps names to what was read."""

    def __init__(self, top: Fields, services: Mapping[str, Any]) -> None:
        self._top = top.below("networks")
        self._one = _joined(services)
        self.configured: dict[str, dict[str, str]] = {}
        self._internal: set[str] = set()
        self._used: set[str] = set()
        for name in self._top.block:
            if not name.startswith("x-"):
                self._read(name)

    def _read(self, name: str) -> None:
        fields = self._top.below(name)
        outside, native = fields.external()
        ours = self._name(name)
        if outside:
            self.configured[ours] = {"external": native or name}
        elif native:
            fields.left_out(
                "name",
                f"the network is called OWNER.{ours}",
                "where others join it, make it yourself and write external: true",
            )
        if fields.flag("internal"):
            self._internal.add(ours)
        subnet = self._subnet(fields.below("ipam"))
        if subnet and "external" not in self.configured.get(ours, {}):
            self.configured[ours] = {"subnet": subnet}
        if fields.text("driver", "bridge") == "bridge":
            fields.take("driver")
        else:
            fields.left_out("driver", *_OPTIONS["driver"])
        fields.end(_OPTIONS, "name external internal ipam")

    def _subnet(self, ipam: Fields) -> str:
        found = ""
        for item, spot, path in ipam.items("config"):
            pool = Fields(item, path, ipam.notes, spot)
            subnet = pool.text("subnet")
            if found:
                ipam.notes.left_out(spot, path, "a network has one subnet", "leave it out")
            elif subnet and not fits("cidr", subnet):
                pool.wrong("subnet", f"'{subnet}' is no network", "write one such as 172.28.0.0/16")
            else:
                found = found or subnet
            pool.end(
                dict.fromkeys(pool.block, ("the Engine chooses addresses in the subnet", "leave it out")), "subnet"
            )
        ipam.end(dict.fromkeys(("driver", "options"), (_MADE, "leave it out")), "config")
        return found

    def _name(self, name: str) -> str:
        first = self._one.get(name, name)
        return re.sub(r"[^a-z0-9_-]+", "-", first.lower()).strip("-_") or DEFAULT

    def of(self, service: Fields, aliases: list[str]) -> dict[str, Any]:
        """Return the network of a worker, which is found there under ``aliases`` as well."""
        mode = service.text("network_mode")
        if mode:
            for key in ("networks",):
                if key in service:
                    service.wrong(key, "it stands beside network_mode", "remove one of them")
                    service.take(key)
            if mode not in _MODES:
                service.left_out(
                    "network_mode",
                    "a worker does not share the network of another container",
                    "put both into one network, and use the name",
                )
                return {"name": DEFAULT}
            return dict(_MODES[mode])
        written = service.take("networks")
        joined = self._of_service(service, written, aliases) if written is not None else [DEFAULT]
        ours = list(dict.fromkeys(map(self._name, joined or [DEFAULT])))
        if len(joined) > 1:
            message = f"a worker joins one network, so {', '.join(joined)} become one, {ours[0]}: who is on one of them reaches all"
            service.differs("networks", message, "keep workers apart by network.isolation: strict and network.allow")
        self._used.add(ours[0])
        found: dict[str, Any] = {"name": ours[0]}
        if ours[0] in self._internal and "external" not in self.configured.get(ours[0], {}):
            found["type"] = "isolated"
        return {**found, **({"aliases": list(dict.fromkeys(aliases))} if aliases else {})}

    def _of_service(self, service: Fields, written: Any, aliases: list[str]) -> list[str]:
        if not isinstance(written, (list, Block)):
            service.wrong("networks", "expected a list or a mapping", "write `- NETWORK` lines below it")
            return []
        block = by_name(written, "networks")
        for name, value in block.items():
            fields = Fields(value, f"{service.under('networks')}.{name}", service.notes, block.at[name])
            if name != DEFAULT and name not in self._top.block:
                service.notes.wrong(
                    block.at[name], fields.path, f"there is no network '{name}'", "add it to networks at the top"
                )
            for alias, spot, path in fields.items("aliases"):
                if fits("host", alias):
                    aliases.append(text_of(alias))
                else:
                    fields.notes.wrong(spot, path, f"'{alias}' is no host name", "use letters, digits, - and .")
            fields.end(NETWORK_OF_SERVICE, "aliases")
        return list(block)

    def unused(self) -> None:
        """Tell which networks no worker joins."""
        for name in self._top.block:
            if not name.startswith("x-") and self._name(name) not in self._used:
                self._top.left_out(name, "no service that is converted joins it", "leave it out")
                self.configured.pop(self._name(name), None)


def _joined(services: Mapping[str, Any]) -> dict[str, str]:
    """Say which network stands for each: those that one service joins become one."""
    stands: dict[str, str] = {}

    def first(name: str) -> str:
        while stands.get(name, name) != name:
            name = stands[name]
        return name

    for service in services.values():
        written = service.get("networks") if isinstance(service, Block) else None
        names = (
            list(map(text_of, written))
            if isinstance(written, list)
            else list(written or ())
            if isinstance(written, Block)
            else []
        )
        for name in names[1:]:
            stands[first(name)] = first(names[0])
    return {name: first(name) for name in stands}

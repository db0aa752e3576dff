# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks a worker asks for, and what of that cannot be. Pure: no Engine, no firewall.

What is joined follows from the document alone, so that two runs always mean the same network by the same name.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...model.ports import CreateRequest
from ...model.worker import Instance, Spec
from .mapping import is_published

#: On a container: which networks it is to be on.
NETWORKS = "hodei.networks"
#: Marks the name of a network that is internal, and that its machine is not on.
ISOLATED = ".isolated"
#: Asks nobody: an address of the container itself. Left to itself, an Engine asks the resolver of its machine, rules or not.
_NO_RESOLVER = "127.0.0.1"
#: Where an Engine puts a container that says nothing: Docker, Podman.
_DEFAULTS = (("bridge",), ("podman",))
#: The longest name of a network device has 15 characters.
_BRIDGE_DIGITS = 12
_DIGITS = 8
_DNS = 53

Configured = Mapping[str, Mapping[str, Any]]
Said = Iterator[tuple[str, str, str]]


class Network(NamedTuple):
    """A network of ours. ``policy`` is empty, or JSON with ``strict``, ``allow`` and ``block``; ``internal`` has no way out."""

    name: str
    internal: bool = False
    policy: str = ""
    subnet: str = ""

    @property
    def bridge(self) -> str:
        """Name its device: rules are about that, so they can stand before it does."""
        return f"hd-{_digest(self.name, _BRIDGE_DIGITS)}"


class Joined(NamedTuple):
    """How a container is connected: ``mode`` is the first of ``names``, empty where that is the Engine's own choice."""

    mode: str = ""
    names: tuple[str, ...] = ()
    network: Network | None = None
    aliases: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()


def joined(request: CreateRequest, owner: str, configured: Configured, *, rules: bool) -> Joined:
    """Return how the worker of a request is connected; without ``rules`` none can be set here."""
    spec = request.spec.get("network") or {}
    if not rules:
        spec = {name: value for name, value in spec.items() if not _runs_without(name, value, request.degrade)}
    isolation = spec.get("isolation", "default")
    if isolation == "complete":
        return Joined("none", ("none",))
    if spec.get("type") == "public":
        return Joined("host", ("host",))
    external = configured.get(spec.get("name", ""), {}).get("external", "")
    aliases = tuple(dict.fromkeys((request.address.name, request.address.slug, *spec.get("aliases", ()))))
    more = ("bridge",) if spec.get("type") == "hybrid" else ()
    if external:
        return Joined(external, (external, *more), None, aliases)
    policy = _policy(spec, isolation)
    if not (policy or more or any(spec.get(name) for name in ("type", "name", "aliases"))):
        return Joined()
    network = _network(spec, policy, owner, configured)
    dns = resolvers(spec) if isolation == "strict" else ()
    closed = network.internal or isolation == "strict"
    return Joined(network.name, (network.name, *more), network, aliases, dns or ((_NO_RESOLVER,) if closed else ()))


def has_rules(instance: Instance) -> bool:
    """Tell whether a worker needs rules, and may not run without."""
    network = instance.spec.get("network") or {}
    kept = {name for name, value in network.items() if not _runs_without(name, value, instance.degrade)}
    return ("isolation" in kept and network["isolation"] == "strict") or bool("block" in kept and network["block"])


def _runs_without(name: str, value: Any, degrade: tuple[str, ...]) -> bool:
    is_rule = name in ("allow", "block") or value == "strict"
    return is_rule and bool({"network", f"network.{name}"} & {*degrade})


def _network(spec: Mapping[str, Any], policy: str, owner: str, configured: Configured) -> Network:
    internal = spec.get("type") == "isolated"
    kind = spec.get("type") or ("strict" if spec.get("isolation") == "strict" else "private")
    base = spec.get("name") or ("private" if kind == "hybrid" else kind)
    base += ISOLATED if internal and base != "isolated" else ""
    special = f".{_digest(f'{internal} {policy}', _DIGITS)}" if internal or policy else ""
    subnet = str(configured.get(spec.get("name", ""), {}).get("subnet", ""))
    return Network(f"{owner}.{base}{special}", internal, policy, subnet)


def _policy(spec: Mapping[str, Any], isolation: str) -> str:
    """Write what is allowed as JSON that is the same for all who mean the same; empty where everything is."""
    strict = isolation == "strict"
    rules = {name: sorted(map(_rule, spec.get(name, ())), key=json.dumps) for name in ("allow", "block")}
    if not (strict or rules["block"]):
        return ""
    return json.dumps({"strict": strict, **rules}, separators=(",", ":"), sort_keys=True)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    ports = sorted(rule.get("ports", ()))
    protocol = rule.get("protocol") or ("tcp" if ports else "")
    return {"cidr": str(ipaddress.ip_network(rule["cidr"])), "ports": ports, "protocol": protocol}


def resolvers(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whom a strict worker may ask for names: single addresses that it is allowed to reach at port 53 by UDP."""
    found = [
        ipaddress.ip_network(rule["cidr"])
        for rule in spec.get("allow", ())
        if rule.get("protocol") == "udp" and _DNS in rule.get("ports", ())
    ]
    return tuple(str(one.network_address) for one in found if one.num_addresses == 1)


def networks_of(container: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the networks that a container is to be on, and those that it is on. Pure."""
    seen = tuple(sorted((container.get("NetworkSettings") or {}).get("Networks") or ()))
    label = (container["Config"].get("Labels") or {}).get(NETWORKS)
    if label:
        return tuple(sorted(label.split(","))), seen
    return (seen if seen in _DEFAULTS else _DEFAULTS[0]), seen


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


# ---- what cannot be ----------------------------------------------------------------------------------------------------


def problems(instance: Instance, configured: Configured) -> Said:
    """Yield (field, what is wrong, what to do) of what a container's network cannot be."""
    network = instance.spec.get("network") or {}
    yield from _rules(network)
    yield from _contradictions(network, network.get("isolation", "default"), configured)
    yield from _ports(instance.spec, network)


def _rules(network: Mapping[str, Any]) -> Said:
    for name in ("allow", "block"):
        for number, rule in enumerate(network.get(name, ())):
            place = f"network.{name}[{number}]"
            if "host" in rule:
                yield (
                    f"{place}.host",
                    "the rules of a firewall are about addresses, and a name may mean others any time",
                    "give the addresses: cidr",
                )
            elif name == "allow" and ipaddress.ip_network(rule["cidr"]).version != 4:
                yield f"{place}.cidr", "networks of this provider carry IPv4 only", "give an IPv4 network"


def _contradictions(network: Mapping[str, Any], isolation: str, configured: Configured) -> Said:
    kind, name = network.get("type"), network.get("name")
    external = name and configured.get(name, {}).get("external")
    if isolation == "complete" and any(network.get(one) for one in ("type", "name", "aliases", "block")):
        yield "network", "isolation complete means no network at all", "remove what else network says, or use strict"
    if kind == "public" and (isolation != "default" or network.get("block")):
        yield "network.type", "on the host's own network nothing can be kept from a worker", "use type: private"
    if kind == "public" and (name or network.get("aliases")):
        yield "network.type", "public is the host's own network, which has no names", "remove name and aliases"
    if kind == "hybrid" and (isolation != "default" or network.get("block")):
        yield "network.type", "hybrid joins a network beside ours, where no rule holds", "use type: private"
    if external and (isolation != "default" or network.get("block") or kind == "isolated"):
        yield "network.name", f"network {external} is not ours, so neither are its rules", "use one of ours"


def _ports(spec: Spec, network: Mapping[str, Any]) -> Said:
    """A port cannot be published from where nothing comes in."""
    closed = "isolation: complete" if network.get("isolation") == "complete" else "type: isolated"
    for port in spec.get("ports", ()):
        place = f"ports.{port['name']}"
        if is_published(port) and (network.get("type") == "isolated" or "complete" in closed):
            yield place, f"a port cannot be published with network.{closed}", "remove host, or choose another network"
        if network.get("type") == "public" and is_published(port) and port.get("host") != port.get("container"):
            yield place, "on the host's own network a port cannot be another one outside", "give the same as container"
        if network.get("type") == "public" and not port.get("container"):
            yield place, "on the host's own network each port needs a number of its own", "give container"

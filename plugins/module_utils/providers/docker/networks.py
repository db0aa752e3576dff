# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of ours: there before a container needs them, gone when none does, with their rules in force all the time between."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...model.errors import HodeiError, Kind, Problem
from ...model.ports import CreateRequest
from ...model.worker import Instance
from . import firewall
from .engine import Engine, segment
from .records import OWNER
from .sdk import told
from .topology import NETWORKS, Configured, Joined, Network, has_rules, joined, networks_of, problems

#: On a network: what its rules are.
POLICY = "hodei.policy"
_GUARD = "/run/hodei-network"


class Networks:
    """The networks of one owner on one Engine, as one run needs them."""

    def __init__(self, engine: Engine, owner: str, configured: Configured) -> None:
        """``configured`` are the provider's own ``networks``."""
        self._engine = engine
        self._owner = owner
        self._configured = configured
        self._lock = threading.Lock()
        self._held: dict[str, Network] = {}

    # ---- before anything -----------------------------------------------------------------------------------------

    def lacking(self) -> str:
        """Say why rules cannot be enforced on this Engine, as far as that is seen without asking it; empty when they can."""
        if not self._engine.endpoint.local:
            return "the rules of a network can be set on the Engine's own machine only: run the task there, with a local Engine"
        return firewall.lacking()

    def problems(self, instances: Sequence[Instance]) -> Iterator[Problem]:
        """Say what of the workers' networks cannot be here."""
        elsewhere: str | None = None
        for one in instances:
            name = f"worker.{one.address.name}"
            yield from (
                Problem(f"{name}.{field}", text, hint, one.source)
                for field, text, hint in problems(one, self._configured)
            )
            if has_rules(one) and not self.lacking():
                elsewhere = self._elsewhere() if elsewhere is None else elsewhere
                if elsewhere:
                    hint = "remove it, choose another provider, or accept running without it by degrade: [network]"
                    yield Problem(f"{name}.network", f"its rules cannot be enforced: {elsewhere}", hint, one.source)

    def _elsewhere(self) -> str:
        """Say why rules set here would not meet the Engine's packets."""
        try:
            default = self._engine.get("/networks/bridge")
            address = _gateway((default["IPAM"]["Config"] or [{}])[0])
        except HodeiError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            address = None
        if address and not _is_ours(address):
            return f"the Engine's network {address} is not one of this machine: run the task where the Engine is"
        return firewall.blind()

    # ---- before a container --------------------------------------------------------------------------------------

    def join(self, body: dict[str, Any], request: CreateRequest) -> Joined:
        """Have the networks of a worker, and write them into the body of its create. Raises HodeiError."""
        there = joined(request, self._owner, self._configured, rules=not self.lacking())
        if not there.mode:
            return there
        host = body["HostConfig"]
        host["NetworkMode"] = there.mode
        body["Labels"][NETWORKS] = ",".join(there.names)
        if there.aliases:
            body["NetworkingConfig"] = {"EndpointsConfig": {there.mode: {"Aliases": list(there.aliases)}}}
        if there.dns:
            host["Dns"] = list(there.dns)
        if there.network is None:
            return there
        self.hold(there.network)
        if there.network.policy:
            guard = {"Type": "bind", "Source": firewall.guard(there.network.bridge), "Target": _GUARD, "ReadOnly": True}
            host["Mounts"] = [*host["Mounts"], guard]
        return there

    def hold(self, network: Network) -> None:
        """Have a network, its rules first. Raises HodeiError."""
        with self._lock:
            if network.name in self._held:
                return
            if network.policy:
                why = self.lacking() or firewall.blind()
                if why:
                    raise HodeiError(Kind.COMPATIBILITY, f"the rules of network {network.name} cannot be set: {why}")
                firewall.enforce({network.bridge: network.policy}, self._owner)
            self._have(network)
            if network.policy and not _has_device(network.bridge):
                self._remove(network.name)
                firewall.lift(network.bridge)
                raise HodeiError(
                    Kind.COMPATIBILITY,
                    f"the rules of network {network.name} cannot be set: the Engine runs on another machine, or in another "
                    "network namespace, than this task",
                    hint="Run the task where the Engine is.",
                )
            self._held[network.name] = network

    def _have(self, network: Network) -> None:
        there = self._engine.get("/networks", filters={"name": [network.name]})
        found = next((one for one in there if one["Name"] == network.name), None)
        if found is None:
            with told(network.name):
                api = self._engine.api
                api._result(api._post_json(api._url("/networks/create"), data=create_body(network, self._owner)))
            return
        if (found.get("Labels") or {}).get(OWNER) != self._owner:
            raise HodeiError(
                Kind.CONFLICT,
                f"a network that is not ours has the name {network.name}",
                hint="Rename or remove it, choose another name, or join it: `networks` of the provider, `external`.",
            )
        subnet = (found["IPAM"]["Config"] or [{}])[0].get("Subnet")
        if network.subnet and subnet != network.subnet:
            raise HodeiError(
                Kind.CONFLICT,
                f"network {network.name} has the subnet {subnet}, and the provider's `networks` say {network.subnet}",
                hint="Delete its workers first, or give it another name.",
            )

    # ---- while containers live -----------------------------------------------------------------------------------

    def attend(self) -> None:
        """Put the rules of all our networks in force, and remove those that nobody needs. Raises HodeiError."""
        with self._lock:
            self._held.clear()
            ours = self._ours()
            self._enforce(ours)
        if ours:
            self.prune()

    def _enforce(self, ours: Mapping[str, Mapping[str, Any]]) -> None:
        if self.lacking():
            return  # documents with rules are refused then
        policies = {
            one["Options"]["com.docker.network.bridge.name"]: one["Labels"][POLICY]
            for one in ours.values()
            if one["Labels"].get(POLICY)
        }
        firewall.enforce(policies, self._owner)
        for bridge in firewall.guarded(self._owner):
            if bridge not in policies and not _has_device(bridge):  # its network was never made, or is gone
                firewall.lift(bridge)

    def prune(self) -> None:
        """Remove our networks that no container is to be on, but for those that this run holds for containers to come."""
        with self._lock:
            for name, one in self._ours().items():
                if name not in self._held and not self._users(name) and self._remove(one["Id"]):
                    bridge = one["Options"].get("com.docker.network.bridge.name")
                    if one["Labels"].get(POLICY) and bridge and not self.lacking():
                        firewall.lift(bridge)

    def put_right(self, container: Mapping[str, Any], request: CreateRequest) -> None:
        """Connect a container to the networks that it is to be on, and to no others. Raises HodeiError."""
        wanted, seen = networks_of(container)
        api = self._engine.api
        for name in set(seen) - set(wanted):
            with told(name):
                api.disconnect_container_from_network(container["Id"], name, force=True)
        there = joined(request, self._owner, self._configured, rules=not self.lacking())
        if there.network is not None:
            self.hold(there.network)
        for name in set(wanted) - set(seen):
            self.connect(container["Id"], name, there.aliases if name == there.mode else ())

    def connect(self, container: str, name: str, aliases: tuple[str, ...] = ()) -> None:
        """Connect a container to one network more. Raises HodeiError."""
        with told(name):
            self._engine.api.connect_container_to_network(container, name, aliases=list(aliases) or None)

    # ---- the Engine ----------------------------------------------------------------------------------------------

    def _ours(self) -> dict[str, Mapping[str, Any]]:
        found = self._engine.get("/networks", filters={"label": [f"{OWNER}={self._owner}"]})
        return {one["Name"]: one for one in found}

    def _users(self, name: str) -> bool:
        return bool(self._engine.get("/containers/json", all=1, limit=1, filters={"network": [name]}))

    def _remove(self, network: str) -> bool:
        """Remove a network; false when somebody is on it."""
        try:
            with told():
                self._engine.api.remove_network(segment(network))
        except HodeiError as error:
            if error.kind not in (Kind.AUTHORIZATION, Kind.CONFLICT, Kind.NOT_FOUND):
                raise
            return error.kind is Kind.NOT_FOUND
        return True


def create_body(network: Network, owner: str) -> dict[str, Any]:
    """Return what makes a network. Pure."""
    options = {}
    if network.policy:
        options = {"com.docker.network.bridge.name": network.bridge}
    if '"strict":true' in network.policy:
        options["com.docker.network.bridge.enable_icc"] = "false"
    if network.internal:
        options["com.docker.network.bridge.inhibit_ipv4"] = "true"  # else the host's own services can be reached
    labels = {OWNER: owner, **({POLICY: network.policy} if network.policy else {})}
    body = {
        "Name": network.name,
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Internal": network.internal,
        "EnableIPv6": False,
        "Labels": labels,
        "Options": options,
    }
    return {**body, "IPAM": {"Config": [{"Subnet": network.subnet}]}} if network.subnet else body


def _gateway(config: Mapping[str, str]) -> str | None:
    """Return the address of a network's bridge. An Engine that has just made its own does not tell it before its next start: it
    is the first of the subnet then.
    """
    from ipaddress import ip_network

    if "Gateway" in config or "Subnet" not in config:
        return config.get("Gateway")
    return str(next(ip_network(config["Subnet"]).hosts()))


def _is_ours(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _has_device(name: str) -> bool:
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for what comes out of a network of ours, in the kernel of the machine that the Engine runs on.

One chain for each bridge, jumped to from PREROUTING of the table mangle: it sees every packet that a container sends, to the
outside, to this machine and to its neighbours, as the container has addressed it, and neither Engine nor firewall services
write to that table. docs/decisions/0040 says what happens when, and why a guard is needed.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...model.errors import HodeiError, Kind

_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_BRIDGE_NF = "/proc/sys/net/bridge/bridge-nf-call-iptables"
_IPV6 = "/proc/net/if_inet6"
_IN_MEMORY = ("/run", "/dev/shm")  # noqa: S108
_WAIT = "5"
_SECONDS = 30


def lacking() -> str:
    """Say why rules cannot be set on this machine; empty when they can."""
    if os.geteuid() != 0:
        return "rules need root: run the task with become"
    if not (_program("iptables") and _program("iptables-restore")):
        return "rules need iptables on the Engine's machine"
    return ""


def blind() -> str:
    """Say why neighbours on a bridge would escape the rules; empty when they do not."""
    try:
        with open(_BRIDGE_NF, encoding="ascii") as file:
            if file.read().strip() == "1":
                return ""
    except OSError:
        return "the kernel module br_netfilter is not loaded: modprobe br_netfilter"
    return "iptables does not see bridges: sysctl -w net.bridge.bridge-nf-call-iptables=1"


def chain(bridge: str, policy: str) -> Iterator[str]:
    """Yield the rules of a bridge, as iptables-restore reads them. Pure. What is blocked wins over what is allowed."""
    rules = json.loads(policy)
    yield f":{bridge} - [0:0]"
    yield f"-A {bridge} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
    for rule in rules["block"]:
        yield from _lines(bridge, rule, "DROP")
    for rule in rules["allow"]:
        yield from _lines(bridge, rule, "RETURN")
    if rules["strict"]:
        yield f"-A {bridge} -j DROP"


def _lines(bridge: str, rule: Mapping[str, Any], verdict: str) -> Iterator[str]:
    network = ipaddress.ip_network(rule["cidr"])
    if network.version != 4:
        return  # a container has no IPv6 there, and what it sends of it all the same is dropped
    protocol = f" -p {rule['protocol']}" if rule["protocol"] in ("tcp", "udp") else ""
    for port in rule["ports"] or [None]:
        number = f" --dport {int(port)}" if port is not None else ""
        yield f"-A {bridge} -d {network}{protocol}{number} -j {verdict}"


def enforce(policies: Mapping[str, str], owner: str) -> None:
    """Put the rules of bridges in force, each in one step, whatever was there; then give their guards. Raises HodeiError."""
    if not policies:
        return
    _restore("iptables", policies, [line for one in policies.items() for line in chain(*one)])
    if os.path.exists(_IPV6):
        _restore("ip6tables", policies, [], "DROP")
    os.makedirs(_guards(), 0o755, exist_ok=True)
    if os.lstat(_guards()).st_uid != 0:
        raise HodeiError(Kind.CONFIGURATION, f"{_guards()} belongs to another user than root", hint="Remove it.")
    for bridge in policies:
        with open(guard(bridge), "w", encoding="utf-8") as file:
            file.write(f"{owner}\n")


def _restore(tool: str, bridges: Iterable[str], chains: list[str], verdict: str = "") -> None:
    """Write chains, and see that each bridge's packets go to its own, or to a verdict."""
    there = _jumps(tool)
    lines = [*chains, *(f"-I PREROUTING 1 -i {one} -j {verdict or one}" for one in bridges if one not in there)]
    if lines:
        _run(f"{tool}-restore", "--noflush", "-w", _WAIT, said="\n".join(["*mangle", *lines, "COMMIT", ""]))


def lift(bridge: str) -> None:
    """Take back the rules of a bridge that is gone, and its guard. Raises HodeiError."""
    if os.path.exists(guard(bridge)):
        os.remove(guard(bridge))
    lines = [f":{bridge} - [0:0]", f"-X {bridge}"]
    if bridge in _jumps("iptables"):
        lines.insert(1, f"-D PREROUTING -i {bridge} -j {bridge}")
    _run("iptables-restore", "--noflush", "-w", _WAIT, said="\n".join(["*mangle", *lines, "COMMIT", ""]))
    if os.path.exists(_IPV6) and bridge in _jumps("ip6tables"):
        _run("ip6tables", "-w", _WAIT, "-t", "mangle", "-D", "PREROUTING", "-i", bridge, "-j", "DROP")


def guard(bridge: str) -> str:
    """Return the file that stands for rules in force. A container that mounts it cannot start where they are not: it is kept in
    memory, so that it is gone after a boot, as they are.
    """
    return f"{_guards()}/{bridge}"


def guarded(owner: str) -> list[str]:
    """Return the bridges of an owner that have a guard."""
    found = []
    for bridge in sorted(os.listdir(_guards())) if os.path.isdir(_guards()) else ():
        with open(guard(bridge), encoding="utf-8") as file:
            if file.read().strip() == owner:
                found.append(bridge)
    return found


def _guards() -> str:
    with open("/proc/mounts", encoding="utf-8") as file:
        in_memory = {words[1] for words in map(str.split, file) if words[2] == "tmpfs"}
    for place in _IN_MEMORY:
        if place in in_memory:
            return f"{place}/hodei-networks"
    raise HodeiError(
        Kind.CONFIGURATION,
        "rules of networks need a directory that a boot empties, for a container must not start before they are set",
        hint="Mount a tmpfs at /run.",
    )


def _jumps(tool: str) -> set[str]:
    """Return the bridges whose packets are looked at."""
    words = [line.split() for line in _run(tool, "-w", _WAIT, "-t", "mangle", "-S", "PREROUTING").splitlines()]
    return {one[3] for one in words if one[:3] == ["-A", "PREROUTING", "-i"] and one[3].startswith("hd-")}


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_SBIN]))


def _run(name: str, *words: str, said: str = "") -> str:
    """Run a program of iptables. Raises HodeiError."""
    try:
        done = subprocess.run(
            [_program(name) or name, *words], input=said, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        problem = (done.stderr.strip() or f"exit {done.returncode}") if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"{name} cannot set the rules of a network: {problem}",
            hint="Nothing was started without them. Try `iptables -t mangle -S` as root.",
        )
    return done.stdout

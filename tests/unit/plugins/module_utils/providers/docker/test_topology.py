# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks a document asks for, what of that is refused, and what the Engine is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import CreateRequest, Labels
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Instance
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.networks import create_body
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.topology import (
    Joined,
    has_rules,
    joined,
    networks_of,
    problems,
)

CONFIGURED = {"backend": {"subnet": "10.9.0.0/24"}, "corp": {"external": "corp-net"}}
RULE = {"cidr": "10.2.0.0/16", "ports": [5432]}


def join(network: dict[str, Any], *, rules: bool = True, degrade: tuple[str, ...] = ()) -> Joined:
    """Ask how a worker is connected."""
    request = CreateRequest(
        Address("worker", "web", 0), 1, "op", {"network": network}, "digest", Labels("ci", "l", "k"), degrade=degrade
    )
    return joined(request, "ci", CONFIGURED, rules=rules)


def said(network: dict[str, Any], **more: Any) -> list[str]:
    """Ask what cannot be."""
    spec = {"network": network, **more}
    instance = Instance(Address("worker", "web"), "local", spec, spec, "digest")
    return [field for field, _unused, _unused_too in problems(instance, CONFIGURED)]


@pytest.mark.parametrize(
    ("network", "names"),
    [
        ({}, ()),
        ({"isolation": "default", "allow": [], "block": []}, ()),
        ({"type": "private"}, ("ci.private",)),
        ({"aliases": ["db"]}, ("ci.private",)),
        ({"type": "hybrid"}, ("ci.private", "bridge")),
        ({"type": "public"}, ("host",)),
        ({"isolation": "complete"}, ("none",)),
        ({"name": "backend"}, ("ci.backend",)),
        ({"name": "corp"}, ("corp-net",)),
    ],
)
def test_a_network_follows_from_the_document(network: dict[str, Any], names: tuple[str, ...]) -> None:
    """By the same name in each run."""
    assert join(network).names == names


def test_workers_of_the_same_rules_share_a_network_and_others_do_not() -> None:
    """However they are written."""
    one = join({"isolation": "strict", "allow": [RULE, {"cidr": "10.1.0.0/16", "ports": [2, 1]}]})
    same = join({"isolation": "strict", "allow": [{"cidr": "10.1.0.0/16", "ports": [1, 2], "protocol": "tcp"}, RULE]})
    assert one.network == same.network
    others: list[dict[str, Any]] = [
        {"isolation": "strict"},
        {"block": [RULE]},
        {"isolation": "strict", "name": "backend"},
        {"type": "isolated"},
    ]
    assert len({join(other).mode for other in others} | {one.mode}) == 5


def test_a_strict_worker_asks_no_resolver_but_one_that_it_may_reach() -> None:
    """Left alone, an Engine asks its machine's, whatever the rules."""
    assert join({"isolation": "strict", "allow": [RULE]}).dns == ("127.0.0.1",)
    assert join({"type": "isolated"}).dns == ("127.0.0.1",)
    allowed = [{"cidr": "10.0.0.2/32", "ports": [53], "protocol": "udp"}, {"cidr": "10.0.0.2/32", "ports": [53]}]
    assert join({"isolation": "strict", "allow": allowed}).dns == ("10.0.0.2",)
    assert join({"type": "private"}).dns == ()


def test_what_cannot_be_enforced_is_left_out_only_where_the_worker_says_so() -> None:
    """Without that it is asked for all the same, and fails."""
    strict = {"isolation": "strict", "block": [RULE]}
    assert join(strict, rules=False).network
    assert join(strict, rules=False, degrade=("network",)) == Joined()
    assert join(strict, rules=True, degrade=("network",)).network
    spec = {"network": strict}
    left = Instance(Address("worker", "web"), "p", spec, spec, "d", degrade=("network.isolation",))
    assert has_rules(left)  # what it blocks is not given up
    assert not has_rules(Instance(Address("worker", "web"), "p", spec, spec, "d", degrade=("network",)))


@pytest.mark.parametrize(
    ("network", "more", "fields"),
    [
        ({"isolation": "strict", "allow": [{"host": "db.example"}]}, {}, ["network.allow[0].host"]),
        ({"isolation": "strict", "allow": [{"cidr": "fd00::/8"}]}, {}, ["network.allow[0].cidr"]),
        ({"block": [{"cidr": "fd00::/8"}]}, {}, []),
        ({"isolation": "complete", "aliases": ["a"]}, {}, ["network"]),
        ({"type": "public", "isolation": "strict"}, {}, ["network.type"]),
        ({"type": "hybrid", "block": [RULE]}, {}, ["network.type"]),
        ({"type": "public", "name": "backend"}, {}, ["network.type"]),
        ({"name": "corp", "isolation": "strict"}, {}, ["network.name"]),
        ({"isolation": "complete"}, {"ports": [{"name": "http", "host": 0}]}, ["ports.http"]),
        ({"type": "isolated"}, {"ports": [{"name": "http", "host_range": "80-90"}]}, ["ports.http"]),
        ({"type": "isolated"}, {"ports": [{"name": "http"}]}, []),
        ({"type": "public"}, {"ports": [{"name": "http"}]}, ["ports.http"]),
        ({"type": "public"}, {"ports": [{"name": "http", "container": 80, "host": 81}]}, ["ports.http"]),
        ({"type": "public"}, {"ports": [{"name": "http", "container": 80, "host": 80}]}, []),
        ({"isolation": "strict", "allow": [RULE]}, {"ports": [{"name": "http", "host": 80}]}, []),
    ],
)
def test_what_cannot_be_is_said_before_anything(
    network: dict[str, Any], more: dict[str, Any], fields: list[str]
) -> None:
    """With the field that it is about."""
    assert said(network, **more) == fields


def test_a_network_is_made_with_all_that_the_engine_itself_enforces() -> None:
    """Neighbours apart where it is strict; no address of the host, and no way out, where it is isolated."""
    strict, isolated, named = (
        join(one).network for one in ({"isolation": "strict"}, {"type": "isolated"}, {"name": "backend"})
    )
    assert strict
    assert isolated
    assert named
    body = create_body(strict, "ci")
    assert body["Options"] == {
        "com.docker.network.bridge.name": strict.bridge,
        "com.docker.network.bridge.enable_icc": "false",
    }
    assert json.loads(body["Labels"]["hodei.policy"]) == {"strict": True, "allow": [], "block": []}
    assert len(strict.bridge) == 15
    body = create_body(isolated, "ci")
    assert body["Internal"]
    assert body["Options"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}
    body = create_body(named, "ci")
    assert body["IPAM"] == {"Config": [{"Subnet": "10.9.0.0/24"}]}
    assert body["Options"] == {}


def test_a_container_says_where_it_is_to_be() -> None:
    """One that the Engine connected by its own choice may be on a network of any name, but not beside another."""
    seen: dict[str, Any] = {"Networks": {"b": {}, "a": {}}}
    assert networks_of({"Config": {"Labels": {"hodei.networks": "b,a"}}, "NetworkSettings": seen})[0] == ("a", "b")
    alone = {"Config": {"Labels": None}, "NetworkSettings": {"Networks": {"podman": {}}}}
    assert networks_of(alone) == (("podman",), ("podman",))
    assert networks_of({"Config": {}, "NetworkSettings": seen}) == (("bridge",), ("a", "b"))

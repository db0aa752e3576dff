# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of containers on a real Engine: who can reach whom is asked by connecting, what must fail and what must not."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Instance
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig, Fleet
from ansible_collections.hodei.workers.tests.support.outside import (
    HERE,
    METADATA,
    OTHER,
    PROBE,
    THERE,
    UDP_PORT,
    outside,
    resolvers,
)
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.dockerd import OwnEngine
from ansible_collections.hodei.workers.tests.testbed.network import Network
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

pytestmark = pytest.mark.xdist_group("docker")

#: Says hi to its neighbours.
LISTEN = "nc -ll -p 9000 -e /bin/echo hi"
ALLOWED = [{"cidr": f"{THERE}/32", "ports": [7001]}]
COMPLETE = {"isolation": "complete"}
STRICT = {"isolation": "strict", "allow": ALLOWED}
#: What a container is asked to reach: in the world, on the Engine's machine, and by which names.
WORLD = [f"tcp:{THERE}:7001", f"tcp:{THERE}:7002", f"tcp:{OTHER}:7001", f"udp:{THERE}:{UDP_PORT}", f"tcp:{METADATA}:80"]
MACHINE = [f"tcp:{HERE}:7001", "tcp:172.17.0.1:7001"]
NAMES = ["dns:127.0.0.11:53"]


@pytest.fixture
def engine(shared_testbed: Testbed) -> OwnEngine:
    """An Engine in a network of its own, where rules can be set."""
    found = shared_testbed.need("docker")
    if not isinstance(found, OwnEngine):
        pytest.skip("the Engine of HODEI_TEST_DOCKER may be in another network")
    return found


@pytest.fixture
def fleet(engine: OwnEngine, tmp_path: Path) -> Iterator[Fleet]:
    """Workers that listen."""
    rig = DockerRig(tmp_path, engine)
    yield Fleet(rig)
    rig.close()
    assert rules() == {}, "rules of a network that is gone"


def rules() -> dict[str, int]:
    """Count the rules of ours by bridge."""
    said = subprocess.run(["iptables", "-t", "mangle", "-S"], check=True, capture_output=True, text=True).stdout
    chains = [line.split()[1] for line in said.splitlines() if line.startswith("-N hd-")]
    return {chain: said.count(f"-A {chain}") for chain in chains}


def spec(fleet: Fleet, network: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Describe a worker that listens."""
    return {**fleet.rig.shell(LISTEN), "network": network, **more}


def reached(fleet: Fleet, name: str, *targets: str, seconds: float = 3.0) -> set[str]:
    """Return whom a worker reaches."""
    command = ("python3", "-c", PROBE, str(seconds), *targets)
    found = fleet.provider.exec(ExecRequest(fleet.target(name), command))
    assert found.exit_code == 0, found.stderr
    return set(found.stdout.decode().split())


def address(fleet: Fleet, engine: OwnEngine, name: str) -> str:
    """Return a neighbour as a target."""
    seen = fleet.see(name)
    assert seen is not None
    networks = engine.api.inspect_container(seen.external_id)["NetworkSettings"]["Networks"]
    return f"tcp:{next(iter(networks.values()))['IPAddress']}:9000"


def networks(engine: OwnEngine) -> list[str]:
    """Return the networks of our owner."""
    return sorted(one["Name"] for one in engine.api.networks(filters={"label": "hodei.owner"}))


def test_who_reaches_whom(fleet: Fleet, engine: OwnEngine) -> None:
    """Everybody reaches all that nothing keeps them from, and nobody reaches more."""
    resolver = resolvers()[0]
    wanted: dict[str, dict[str, Any]] = {
        "open": {"type": "private"},
        "beside": {"type": "private"},
        "strict": STRICT,
        "strict-too": STRICT,
        "named": {"isolation": "strict", "allow": [{"cidr": f"{resolver}/32", "ports": [53], "protocol": "udp"}]},
        "blocked": {
            "type": "private",
            "block": [{"cidr": f"{METADATA}/32"}, {"cidr": f"{THERE}/32", "ports": [7002]}],
        },
        "complete": COMPLETE,
        "isolated": {"type": "isolated"},
        "isolated-too": {"type": "isolated"},
    }
    ports = {"strict": [{"name": "hi", "container": 9000, "host": 0}]}
    requests = [
        fleet.request(name, spec(fleet, network, ports=ports.get(name, []))) for name, network in wanted.items()
    ]
    with outside():
        outcomes = list(fleet.provider.create(requests))
        assert [str(one.error) for one in outcomes if one.error] == []
        near = {
            name: address(fleet, engine, name) for name in ("open", "beside", "strict-too", "isolated", "isolated-too")
        }
        everybody = {*WORLD, *MACHINE, *NAMES}
        asked = (*everybody, *near.values())

        names = [name for name in wanted if name != "beside" and not name.endswith("-too")]
        with ThreadPoolExecutor(len(names)) as pool:
            found = dict(zip(names, pool.map(lambda name: reached(fleet, name, *asked), names), strict=True))

        assert found["open"] >= {*everybody, near["beside"]}
        assert found["strict"] == {f"tcp:{THERE}:7001"}
        assert found["named"] == {*NAMES}
        assert found["blocked"] & everybody == everybody - {f"tcp:{METADATA}:80", f"tcp:{THERE}:7002"}
        assert found["complete"] == set()
        assert found["isolated"] == {near["isolated"], near["isolated-too"]}

        seen = fleet.see("strict")
        assert seen is not None
        with socket.create_connection(("127.0.0.1", seen.ports["hi"]), 10) as client:
            assert client.recv(2) == b"hi"  # who comes in is answered: rules are about what a worker opens


def test_a_forward_reaches_what_this_machine_reaches(fleet: Fleet) -> None:
    """And says which networks it does not."""
    wanted: dict[str, dict[str, Any]] = {
        "strict": STRICT,
        "public": {"type": "public"},
        "isolated": {"type": "isolated"},
        "complete": COMPLETE,
    }
    ports = [{"name": "hi", "container": 9000}]
    outcomes = list(
        fleet.provider.create([fleet.request(name, spec(fleet, one, ports=ports)) for name, one in wanted.items()])
    )
    assert [str(one.error) for one in outcomes if one.error] == []
    for name in ("strict", "public"):
        wait_for(partial(greeted, fleet, name), f"{name} to listen")
    for name in ("isolated", "complete"):
        with pytest.raises(HodeiError, match="cannot be reached from here"):
            fleet.provider.forward(fleet.target(name), "hi")


def greeted(fleet: Fleet, name: str) -> bool:
    """Whether a worker says hi to a forward."""
    try:
        with fleet.provider.forward(fleet.target(name), "hi") as client:
            return client.recv(2) == b"hi"
    except HodeiError as error:
        if error.kind is not Kind.NETWORK:
            raise
        return False


def test_rules_hold_however_the_container_or_the_engine_is_started_again(fleet: Fleet, engine: OwnEngine) -> None:
    """After a boot, when they are gone, it does not start before a run has set them anew."""
    allowed, other = f"tcp:{THERE}:7001", f"tcp:{THERE}:7002"
    always = {"policy": "always"}
    with outside():
        fleet.make("strict", spec(fleet, STRICT, restart=always))
        fleet.make("open", spec(fleet, {"type": "private"}, restart=always))
        fleet.do(Verb.RESTART, "strict")
        assert reached(fleet, "strict", allowed, other) == {allowed}

        engine.end()
        engine.start()
        fleet.wait("open", WorkerState.RUNNING)
        fleet.wait("strict", WorkerState.RUNNING)
        assert reached(fleet, "open", allowed, other) == {allowed, other}
        assert reached(fleet, "strict", allowed, other) == {allowed}

        engine.end()
        _forget_as_a_boot_does()
        engine.start()
        fleet.wait("open", WorkerState.RUNNING)
        strict = fleet.see("strict")
        assert strict is not None
        assert not strict.state.alive

        fleet.provider.attend()
        fleet.do(Verb.START, "strict")
        assert reached(fleet, "strict", allowed, other) == {allowed}


def _forget_as_a_boot_does() -> None:
    """Lose all rules, and what is kept in memory."""
    for tool in ("iptables", "ip6tables"):
        subprocess.run([tool, "-t", "mangle", "-F"], check=True)
        subprocess.run([tool, "-t", "mangle", "-X"], check=True)
    for place in ("/run", "/dev/shm"):
        for guard in Path(place).glob("hodei-networks/hd-*"):
            guard.unlink()


def test_rules_that_somebody_removed_are_set_again(fleet: Fleet) -> None:
    """By the next run, for containers that live."""
    fleet.make("strict", spec(fleet, STRICT))
    before = rules()
    subprocess.run(["iptables", "-t", "mangle", "-F"], check=True)
    fleet.provider.attend()
    assert rules() == before


def test_rules_are_never_set_where_the_engine_is_not(fleet: Fleet, engine: OwnEngine) -> None:
    """A task that sees the Engine's socket but not its network starts nothing."""
    one = fleet.request("strict", spec(fleet, STRICT))
    instance = Instance(one.address, "local", one.spec, one.spec, "digest")
    assert list(fleet.provider.validate([instance])) == []
    with Network().entered():
        (problem,) = fleet.provider.validate([instance])
        assert "not one of this machine" in problem.message
        (outcome,) = fleet.provider.create([one])
        assert outcome.error is not None
        assert outcome.error.kind is Kind.COMPATIBILITY
        assert rules() == {}
    assert fleet.see("strict") is None
    assert networks(engine) == []


def test_workers_find_one_another_by_name(fleet: Fleet) -> None:
    """By that of the worker, of the instance, and by those of the document; on a named network of a given subnet too."""
    fleet.make("db", spec(fleet, {"name": "backend", "aliases": ["store"]}), key=0)
    fleet.make("web", spec(fleet, {"name": "backend"}))
    names = {f"tcp:{name}:9000" for name in ("db", "db-0", "store", "web")}
    assert reached(fleet, "web", *names) == names


def test_networks_come_with_the_first_worker_and_go_with_the_last(fleet: Fleet, engine: OwnEngine) -> None:
    """Never one that somebody else made, or uses."""
    engine.api.create_network("conformance.taken")
    try:
        outcome = fleet.create("late", spec(fleet, {"name": "taken"}))
        assert outcome.error is not None
        assert outcome.error.kind is Kind.CONFLICT
        assert "not ours" in outcome.error.message
    finally:
        engine.api.remove_network("conformance.taken")

    for name in ("one", "two"):
        fleet.make(name, spec(fleet, STRICT))
    fleet.make("other", spec(fleet, {"type": "hybrid"}))
    assert [one.partition(".")[2][:7] for one in networks(engine)] == ["private", "strict."]
    fleet.provider = fleet.rig.open()  # another run
    fleet.do(Verb.STOP, "one")
    fleet.do(Verb.DELETE, "two")
    assert len(networks(engine)) == 2
    fleet.do(Verb.DELETE, "one")
    assert networks(engine) == ["conformance.private"]
    assert rules() == {}

    stranger = engine.api.create_container(
        engine.image, ["sleep", "600"], host_config=engine.api.create_host_config(network_mode="conformance.private")
    )["Id"]
    fleet.do(Verb.DELETE, "other")
    assert networks(engine) == ["conformance.private"]
    engine.api.remove_container(stranger, force=True)
    fleet.provider.attend()
    assert networks(engine) == []


@pytest.mark.parametrize("network", [STRICT, {"type": "private", "aliases": ["store"]}, {}, COMPLETE])
def test_a_container_that_somebody_connected_elsewhere_is_put_right(
    fleet: Fleet, engine: OwnEngine, network: dict[str, Any]
) -> None:
    """And one that was disconnected; without another start."""
    wanted = spec(fleet, network)
    made = fleet.make("web", wanted)
    home = next(iter(engine.api.inspect_container(made.external_id)["NetworkSettings"]["Networks"]))
    engine.api.create_network("elsewhere")
    try:
        engine.api.disconnect_container_from_network(made.external_id, home)
        engine.api.connect_container_to_network(made.external_id, "elsewhere")
        seen = fleet.see("web")
        assert seen is not None
        assert seen.drift == {"network": "elsewhere"}
        (outcome,) = fleet.provider.update([fleet.request("web", wanted, drifted=("network",))])
        assert outcome.error is None
        assert outcome.observation is not None
        assert outcome.observation.drift == {}
        assert (outcome.observation.started_at, outcome.observation.restarts) == (made.started_at, 0)
        found = engine.api.inspect_container(made.external_id)["NetworkSettings"]["Networks"]
        assert list(found) == [home]
        if network.get("aliases"):
            assert {"store", "web"} <= {*found[home]["Aliases"]}
    finally:
        engine.api.remove_network("elsewhere")


def test_a_port_of_a_range_and_at_an_address(fleet: Fleet, engine: OwnEngine) -> None:
    """Each takes a free one; when there is none, whoever has them is named, and the state is true."""
    published = [{"name": "hi", "container": 9000, "host_range": "18000-18001", "host_ip": "127.0.0.1"}]
    taken = {fleet.make(f"web{number}", spec(fleet, {}, ports=published)).ports["hi"] for number in (1, 2)}
    assert taken == {18000, 18001}
    with socket.create_connection(("127.0.0.1", 18000), 10) as client:
        assert client.recv(2) == b"hi"
    outcome = fleet.create("web3", spec(fleet, {}, ports=published))
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert "18000-18001" in outcome.error.message, outcome.error
    one = [{"name": "hi", "container": 9000, "host": 18000}]
    outcome = fleet.create("web4", spec(fleet, {}, ports=one))
    assert outcome.error is not None
    assert outcome.error.kind is Kind.CONFLICT
    assert "port 18000/tcp" in outcome.error.message
    assert "conformance.web" in outcome.error.message
    assert outcome.observation is not None
    assert outcome.observation.state is WorkerState.FAILED
    assert "18000" in outcome.observation.reason


def test_udp(fleet: Fleet, engine: OwnEngine) -> None:
    """Is published beside TCP of the same number."""
    ports = [
        {"name": "a", "container": 9000, "host": 18002},
        {"name": "b", "container": 9000, "host": 18002, "protocol": "udp"},
    ]
    made = fleet.make("web", spec(fleet, {}, ports=ports))
    assert made.ports == {"a": 18002, "b": 18002}
    found = engine.api.inspect_container(made.external_id)["NetworkSettings"]["Ports"]
    assert {port: one[0]["HostPort"] for port, one in found.items()} == {"9000/tcp": "18002", "9000/udp": "18002"}

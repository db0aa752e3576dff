# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor that is asked for everything at the same time: nothing hangs, nothing is mistaken for anything, nothing leaks."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Activity,
    DrainRequest,
    ExecRequest,
    LogRequest,
    Outcome,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import mapping
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import ECHO, Fleet, ProcessRig
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SECONDS = float(os.environ.get("HODEI_SOAK_SECONDS", "300")) if os.environ.get("HODEI_SOAK") else 6.0
#: A call that was forgotten ends by a deadline of its own, which is an error; this one is for those that have none.
HANGS = 60.0
HTTP = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(204); self.end_headers()
    def log_message(self, *args): print(*args, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
OFTEN = {"interval": 0.1, "timeout": 5.0, "failures": 20}
DRAIN = Drain(busy={"command": ["test", "-e", "busy"]}, interval=0.1, timeout=600.0)


def sleeper(rig: ProcessRig) -> dict[str, Any]:
    """A worker whose health is asked by a command."""
    return {**rig.shell("exec sleep 600"), "health": {"command": ["true"], **OFTEN}}


def server(rig: ProcessRig) -> dict[str, Any]:
    """A worker whose health is asked over HTTP; it writes a line for each question."""
    command = [sys.executable, "-c", HTTP, "$(HODEI_PORT_HTTP)"]
    return {"command": command, "ports": [{"name": "http"}], "health": {"http": {"port": "http"}, **OFTEN}}


def echo(rig: ProcessRig) -> dict[str, Any]:
    """A worker whose health is asked by connecting."""
    command = [sys.executable, "-c", ECHO, "$(HODEI_PORT_ECHO)"]
    return {"command": command, "ports": [{"name": "echo"}], "health": {"tcp": {"port": "echo"}, **OFTEN}}


KINDS = (sleeper, server, echo)


class Storm:
    """Callers in threads, each with a fleet, a random generator and a number of its own."""

    def __init__(self, rig: ProcessRig, seed: int) -> None:
        self.rig = rig
        self.problems: list[str] = []
        self.took: dict[str, list[float]] = {}
        self.doing: dict[str, str] = {}
        self._seed = seed
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def send(self, caller: Callable[[Storm, Fleet, random.Random, int], None], count: int = 1) -> None:
        """Have a caller call until the storm is over."""
        for number in range(count):
            name = f"{caller.__name__}-{number}"
            arguments = (caller, name, Fleet(self.rig), random.Random(f"{self._seed} {name}"), number)
            self._threads.append(threading.Thread(target=self._run, args=arguments, name=name, daemon=True))

    def _run(self, caller: Any, name: str, fleet: Fleet, rng: random.Random, number: int) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                caller(self, fleet, rng, number)
            except (AssertionError, HodeiError, OSError, ValueError) as error:
                self.problems.append(
                    f"{name} after {time.monotonic() - began:.1f} s: {self.doing.get(name)}: {error!r}"
                )

    def time(self, what: str, call: Callable[[], Any], own: float = 0.0) -> Any:
        """Make one call; ``own`` seconds are its purpose."""
        began = time.monotonic()
        self.doing[threading.current_thread().name] = what
        try:
            return call()
        finally:
            took = time.monotonic() - began - own
            self.took.setdefault(what, []).append(took)
            if took > HANGS:
                self.problems.append(f"{what} took {took:.1f} s")

    def do(self, what: str, call: Callable[[], Outcome]) -> Outcome:
        """Make one call that has to succeed."""
        outcome: Outcome = self.time(what, call)
        assert outcome.error is None, f"{what}: {outcome.error!r}"
        return outcome

    def blow(self, seconds: float) -> None:
        """Let it rage."""
        for thread in self._threads:
            thread.start()
        self._over.wait(seconds)
        self._over.set()
        for thread in self._threads:
            thread.join(HANGS)
        lost = (thread.name for thread in self._threads if thread.is_alive())
        self.problems += [f"{name} never came back from {self.doing.get(name)}" for name in lost]


def commands(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """Every way in which a command can end, in workers that stay."""
    target = fleet.target("stays", key=rng.randrange(len(KINDS) * 2))
    data = rng.randbytes(rng.choice((0, 10, 100_000, 700_000)))

    def run(*command: str, own: float = 0.0, **more: Any) -> Any:
        request = ExecRequest(target, command, **more)
        return storm.time(f"exec {command[0]}", lambda: fleet.provider.exec(request), own)

    way = rng.randrange(7)
    if way == 0:
        assert run("cat", stdin=data).stdout == data
    elif way == 1:
        assert run("true", stdin=data).exit_code == 0
    elif way == 2:
        assert len(run("head", "-c", "900000", "/dev/zero").stdout) == 900_000
    elif way == 3:
        assert run("sleep", "600", timeout=0.2, own=0.2).timed_out
    elif way == 4:
        assert run("nowhere-to-be-found", stdin=data).exit_code == 127
    elif way == 5:
        assert run("sh", "-c", "sleep 4 & echo began; exit 3", own=2.0).exit_code == 3
    else:
        assert run("cat", "/dev/stdin", "/nowhere", stdin=data).stdout == data


def hang_ups(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """A caller who leaves in the middle of a command, or before it has begun."""
    target = mapping.target_item(fleet.target("stays", key=rng.randrange(len(KINDS) * 2)))
    request = {"op": "exec", "target": target, "command": ["sleep", "600"], "timeout": 600.0}
    null = os.open(os.devnull, os.O_RDWR)
    try:
        with storm.time("connect", storm.rig.open()._client.demand) as connection:
            answers = connection.ask(request, 0.0, (null,) * 3)
            if rng.random() < 0.8:
                assert next(answers) == {"began": True}
                time.sleep(rng.random() * 0.02)
    finally:
        os.close(null)


def looks(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """Those that stay are seen, and well."""
    found = storm.time("list", fleet.provider.list).observations
    stays = [one.state for one in found if one.address.name == "stays"]
    assert stays == [WorkerState.RUNNING] * len(KINDS) * 2
    text = storm.time("logs", lambda: fleet.provider.logs(LogRequest(fleet.target("stays", key=1), follow=0.3)), 0.3)
    assert text.text


def connections(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """To a worker's port, whoever else connects to it."""
    data = rng.randbytes(50_000)
    with storm.time("forward", lambda: fleet.provider.forward(fleet.target("stays", key=2), "echo")) as stream:
        stream.settimeout(HANGS)
        stream.sendall(data)
        found = b""
        while len(found) < len(data):
            found += stream.recv(1 << 16)
    assert found == data


def lives(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """Workers of one's own, from their first day to their last; nothing may fail."""
    name, count = f"own{number}", rng.choice((1, 1, 8))
    spec = rng.choice(KINDS if count == 1 else KINDS[:1])(storm.rig)
    life = Lifecycle(grace=5.0, drain=DRAIN)
    requests = [fleet.request(name, spec, key=key, lifecycle=life) for key in range(count)]
    targets = [Target(one.address, 1, lifecycle=life) for one in requests]

    def act(verb: Verb) -> None:
        ended = storm.time(verb.value, lambda: list(fleet.provider.act(verb, targets)))
        assert [one.error for one in ended] == [None] * count, (verb, ended)

    try:
        made = storm.time("create", lambda: list(fleet.provider.create(requests)))
        assert [one.error for one in made] == [None] * count
        for _unused in range(rng.randrange(4)):
            way = rng.randrange(5)
            if way == 0:
                act(Verb.PAUSE)
                act(Verb.RESUME)
            elif way == 1:
                act(Verb.RESTART)
            elif way == 2:
                act(Verb.STOP)
                act(Verb.START)
            elif way == 3:
                requests[0] = fleet.request(name, spec, key=0, lifecycle=life, digest=f"d{rng.random()}")
                storm.do("update", lambda: next(iter(fleet.provider.update(requests[:1]))))
            else:
                asked = storm.do("drain", lambda: next(iter(fleet.provider.drain([DrainRequest(targets[0])]))))
                assert asked.activity is Activity.IDLE, asked
                act(Verb.RESUME)
            assert fleet.provider.exec(ExecRequest(targets[0], ("true",))).exit_code == 0
    finally:
        act(Verb.DELETE)


def quarrels(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """Several callers want different things of the same few workers: each gets an answer, and a refusal says why."""
    name, key = "shared", rng.randrange(4)
    what = rng.choice(("create", *Verb))
    if what is Verb.RELEASE:
        return
    if what == "create":
        outcome = storm.time("create", lambda: fleet.create(name, sleeper(storm.rig), key=key))
    else:
        outcome = storm.time(f"quarrel {what.value}", lambda: fleet.act(what, name, key=key))
    if outcome.error is not None and outcome.error.kind not in (Kind.CONFLICT, Kind.NOT_FOUND):
        raise outcome.error


def pesters(storm: Storm, fleet: Fleet, rng: random.Random, number: int) -> None:
    """The process that forks is held up, or killed."""
    time.sleep(rng.random())
    forker = forker_of(storm.rig)
    numbers = (signal.SIGKILL,) if rng.random() < 0.3 else (signal.SIGSTOP, signal.SIGCONT)
    for number in numbers if forker else ():
        with suppress(ProcessLookupError):
            os.kill(forker, number)
        time.sleep(rng.random() * 0.3)


def forker_of(rig: ProcessRig) -> int:
    """Return the pid of the supervisor's forker, 0 while it has none."""
    for child in children(rig):
        try:
            if Path(f"/proc/{child}/comm").read_text() == "hodei-forker\n":
                return child
        except OSError:
            continue
    return 0


def children(rig: ProcessRig) -> list[int]:
    """Return the supervisor's children."""
    pid = rig.supervisor()
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descriptors(rig: ProcessRig) -> int:
    """Count the supervisor's; those that take this very look are there each time."""
    return len(os.listdir(f"/proc/{rig.supervisor()}/fd"))


@pytest.mark.timeout(SECONDS + 4 * HANGS)
def test_everything_at_the_same_time(rig: ProcessRig) -> None:
    """Afterwards the supervisor has as many descriptors and children as before."""
    fleet = Fleet(rig)
    for key in range(len(KINDS) * 2):
        fleet.make("stays", KINDS[key % len(KINDS)](rig), key=key)
    fleet.provider.exec(ExecRequest(fleet.target("stays", key=0), ("true",)))
    descriptors_before, children_before = descriptors(rig), len(children(rig))
    storm = Storm(rig, int(os.environ.get("HODEI_SEED", "20261121")))
    storm.send(commands, 4)
    storm.send(lives, 3)
    storm.send(quarrels, 3)
    for caller in (hang_ups, looks, connections, pesters):
        storm.send(caller)
    storm.blow(SECONDS)
    for what, took in sorted(storm.took.items()):
        sys.stdout.write(f"{what:26} {len(took):6} calls, longest {max(took):.2f} s\n")
    assert not storm.problems, "\n".join([f"{len(storm.problems)} problems", *storm.problems[:20]])
    rest = [one for one in fleet.provider.list().observations if one.address.name != "stays"]
    targets = [Target(one.address, 1, lifecycle=Lifecycle(grace=0.0)) for one in rest]
    assert [one.error for one in fleet.provider.act(Verb.DELETE, targets)] == [None] * len(rest)
    wait_for(lambda: len(children(rig)) <= children_before, "the supervisor to have collected every child")
    # Probes come and go: what is leaked stays.
    wait_for(lambda: descriptors(rig) <= descriptors_before, "the supervisor to have closed what it opened")

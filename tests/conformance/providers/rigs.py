# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a suite needs of each provider: workers in its own words, and a way to count what is really there.

A rig turns a shell script into a spec of its provider, opens the provider as another process would, and counts native
objects by other means than the provider itself. What a provider says it cannot do is skipped by name, never in silence.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Support, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Delivery, Mount, Source
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    CreateRequest,
    Labels,
    LogRequest,
    Observation,
    Outcome,
    Provider,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.provider import DockerProvider
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_memory import PLACES
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

OWNER = "conformance"
LINEAGE = "11111111-1111-4111-8111-111111111111"
Spec = Mapping[str, Any]
#: A server that any Python runs; its argument is the port.
ECHO = """
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
        self.request.sendall(b"bye")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 200
Server(("0.0.0.0", int(sys.argv[1])), Echo).serve_forever()
"""
#: On a busy machine a Python takes longer to start than three probes: until it listens, a failure says nothing.
ECHO_HEALTH = {"tcp": {"port": "echo"}, "interval": 0.1, "start_period": 30.0}


class Rig(Protocol):
    """One provider under test.

    A rig may have ``without``: what of the port's promises the provider does not keep although no column tells it, each with
    the reason: ``ttl`` (somebody else ends what has lived too long), ``watch`` (nobody tells what changes), ``keeping`` (no
    restart puts back files that are missing), ``losing`` (nothing loses secrets but the worker itself), ``many`` (fifty at once).
    """

    def open(self, settle: float = 0.1) -> Provider:
        """Return a new handle on the same place, as another process has it; a start counts after ``settle`` seconds."""

    def shell(self, script: str) -> dict[str, Any]:
        """Return a spec that runs a shell script."""

    def echo(self) -> dict[str, Any]:
        """Return a spec that sends back what it gets on its TCP port ``echo``, and says ``bye`` to who has finished sending."""

    def impossible(self) -> dict[str, Any]:
        """Return a spec that can never start: a program or an image that is not there."""

    def objects(self) -> int:
        """Count the native objects, not asking the provider."""

    def handles(self) -> int:
        """Count what could leak: open descriptors of this process and of what the provider keeps running."""

    def lose(self, worker: Observation) -> None:
        """Kill a worker's main process as the outside world would."""

    def close(self) -> None:
        """Remove everything."""


class SecretRig(Rig, Protocol):
    """What is asked beside that of the rig of a provider that gives workers their secrets."""

    def lose_secrets(self, worker: Observation) -> None:
        """Delete the secrets of a worker behind everybody's back, as the start of a machine does."""

    def hold(self, values: Sequence[str]) -> set[str]:
        """Say what, of all that the provider keeps for its workers, holds one of these texts; ``secrets`` is where they belong."""


#: What a provider may lack that is no field of its column: its rig says so in ``without``.
BEYOND_COLUMN = ("healing", "ttl", "renaming", "release", "watch", "keeping", "losing", "many")


#: Fields that came later than the suite: an older provider has no line about them, which means that it carries none.
LATER = ("secrets.",)


def needs(fleet: Fleet, *names: str) -> None:
    """Skip a test of what the provider declares NONE in its column (or its rig in ``without``), telling the reason that it gives."""
    import pytest  # rigs serve programs too, that run where it is not installed

    found = fleet.provider.fingerprint()
    without = getattr(fleet.rig, "without", {})
    for name in names:
        one = None if name in BEYOND_COLUMN else cell(found.column, name)
        if name.startswith(LATER) and not any(path.startswith(LATER) for path in found.column):
            pytest.skip(f"{found.type} was written before there was {name}")
        if name in without or (one is not None and one.support in (Support.NONE, Support.IGNORED)):
            reason = without.get(name) or (one.note if one else "")
            assert reason, f"{found.type} cannot carry {name} and does not tell the user why, or what to do"
            pytest.skip(f"{found.type} declares that it has no {name}: {reason}")


class ProcessRig:
    """Processes below a directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._opened: list[ProcessProvider] = []

    def open(self, settle: float = 0.1) -> ProcessProvider:
        """Return a provider; its supervisor starts when it is needed."""
        provider = ProcessProvider("local", {"directory": str(self.place), "settle": settle}, OWNER)
        self._opened.append(provider)
        return provider

    def shell(self, script: str) -> dict[str, Any]:
        """Run a script by /bin/sh."""
        return {"command": ["/bin/sh", "-c", script]}

    def echo(self) -> dict[str, Any]:
        """Run a server of the standard library."""
        command = [sys.executable, "-c", ECHO, "$(HODEI_PORT_ECHO)"]
        return {"command": command, "ports": [{"name": "echo"}], "health": ECHO_HEALTH}

    def impossible(self) -> dict[str, Any]:
        """Run a program that nobody has."""
        return {"program": "/nowhere/to-be-found"}

    @property
    def directory(self) -> Path:
        """The owner's directory."""
        return self.place / OWNER / "process"

    def processes(self) -> list[int]:
        """Return every process that carries the marker of a worker of ours."""
        mark = f"HOME={self.directory}/workers/".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def objects(self) -> int:
        """Count main processes: those that lead a session of their own."""
        return sum(1 for pid in self.processes() if leads_session(pid))

    def supervisor(self) -> int | None:
        """Return the supervisor's pid, if one runs."""
        connection = self.open()._client.connect()
        if connection is None:
            return None
        with connection:
            return connection.greeting.pid

    def handles(self) -> int:
        """Count our descriptors and the supervisor's."""
        found = len(os.listdir("/proc/self/fd"))
        with suppress(PermissionError, FileNotFoundError):  # without rights nobody looks into a supervisor
            found += len(os.listdir(f"/proc/{self.supervisor()}/fd"))
        return found

    def lose(self, worker: Observation) -> None:
        """Kill the process that leads the worker's session."""
        mark = f"HOME={self.directory}/workers/{worker.external_id}".encode()
        for pid in self.processes():
            try:
                entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark in entries and leads_session(pid):
                os.kill(pid, signal.SIGKILL)

    def lose_secrets(self, worker: Observation) -> None:
        """Delete the place of all secrets."""
        shutil.rmtree(os.readlink(self.directory / "secrets"))

    def hold(self, values: Sequence[str]) -> set[str]:
        """Look into all files below the owner's directory, and at where secrets lie."""
        found = {str(path.relative_to(self.directory)) for path in _holding(self.directory, values)}
        link = self.directory / "secrets"
        return found | ({"secrets"} if link.is_symlink() and any(_holding(link.readlink(), values)) else set())

    def close(self) -> None:
        """Delete all workers, of any lineage, and end the supervisor, which would leave by itself soon."""
        provider = self.open()
        targets = [
            Target(one.address, one.generation, lifecycle=Lifecycle(grace=0.0)) for one in provider.list().observations
        ]
        if targets:
            list(provider.act(Verb.DELETE, targets))
        wait_for(lambda: not self.processes(), "the workers to end")
        supervisor = self.supervisor()
        if supervisor is not None:
            with suppress(ProcessLookupError):
                os.kill(supervisor, signal.SIGTERM)
            wait_for(lambda: self.supervisor() is None, "the supervisor to leave")


class DockerRig:
    """Containers of an Engine, made of an image that has a shell and Python."""

    server = "docker"

    def __init__(self, place: Path, engine: Any, **config: Any) -> None:
        self._more = config
        self._engine, self._image = engine, engine.image
        self._api = engine.api
        self._ours = {"label": f"hodei.owner={OWNER}"}
        self._opened: list[DockerProvider] = []
        self._place = place
        slow = {"many": "50 containers take 20 s: HODEI_SOAK=1 has them"}
        self.without = {
            **({} if os.environ.get("HODEI_SOAK") else slow),
            "losing": "variables are a part of the container: tests/integration/test_docker_secrets.py loses what lies in files",
            "keeping": "the Engine keeps no second copy of a file: the next converge sees that one is missing, and puts it back",
        }

    def open(self, settle: float = 0.1) -> DockerProvider:
        """Return a provider."""
        config = {"url": self._engine.url, "pull": "never", "settle": settle, "directory": str(self._place)}
        provider = DockerProvider("local", {**config, **self._more}, OWNER)
        self._opened.append(provider)
        return provider

    def shell(self, script: str) -> dict[str, Any]:
        """Run a script by /bin/sh."""
        return {"image": self._image, "command": ["/bin/sh", "-c", script], "init": True}

    def echo(self) -> dict[str, Any]:
        """Run a server of the standard library."""
        command = ["python3", "-c", ECHO, "$(HODEI_PORT_ECHO)"]
        more = {"ports": [{"name": "echo"}], "health": ECHO_HEALTH, "init": True}
        return {"image": self._image, "command": command, **more}

    def impossible(self) -> dict[str, Any]:
        """Run a program that nobody has."""
        return {"image": self._image, "command": ["/nowhere/to-be-found"]}

    def lose_secrets(self, worker: Observation) -> None:
        """Nobody can take a variable from a container: see ``without``."""
        raise NotImplementedError

    def hold(self, values: Sequence[str]) -> set[str]:
        """Look at all that the Engine tells but for variables, at what lies on this machine, and at where secrets lie."""
        told: list[Any] = [self._api.volumes()]
        for one in self._api.containers(all=True, filters=self._ours):
            seen = self._api.inspect_container(one["Id"])
            seen["Config"].pop("Env")
            told += [one, seen, self._api.diff(one["Id"])]
        found = {str(path.relative_to(self._place)) for path in _holding(self._place, values)}
        engine = self._api.info()["ID"].replace(":", "")
        memory = [Path(place, "hodei-secrets", engine) for place in PLACES]
        found |= {"secrets"} if any(True for place in memory for _unused in _holding(place, values)) else set()
        return found | ({"engine"} if any(one in repr(told) for one in values) else set())

    def objects(self) -> int:
        """Count running containers, and the commands that run beside them."""
        containers = self._api.containers(filters=self._ours)
        ids = [self._api.inspect_container(one["Id"])["ExecIDs"] or () for one in containers]
        return len(containers) + sum(self._runs(one) for many in ids for one in many)

    def _runs(self, command: str) -> bool:
        from docker.errors import NotFound

        try:
            return bool(self._api.exec_inspect(command)["Running"])
        except NotFound:  # the Engine forgets those that have ended
            return False

    def handles(self) -> int:
        """Count our descriptors, but for connections that are kept: there are as many as once were busy together."""
        for provider in self._opened:
            provider.close()
        self._api.close()
        return len(os.listdir("/proc/self/fd"))

    def lose(self, worker: Observation) -> None:
        """Kill the main process, as its own machine would."""
        self._engine.kill(self._api.inspect_container(worker.external_id)["State"]["Pid"])

    def close(self) -> None:
        """Remove all containers of ours, and the volumes of their records; a reaper would leave by itself soon."""
        if self._opened:
            self._opened[0].leave()
        wait_for(self._none_left, "the containers to be gone")
        for volume in self._api.volumes(filters=self._ours)["Volumes"] or ():
            self._api.remove_volume(volume["Name"])
        if self._opened:
            self._opened[0].attend()  # removes what nobody needs, with its rules
        for provider in self._opened:
            provider.close()

    def _none_left(self) -> bool:
        from docker.errors import APIError

        found = self._api.containers(all=True, filters=self._ours)
        for container in found:
            with contextlib.suppress(APIError):  # what a test has begun to delete
                self._api.remove_container(container["Id"], v=True, force=True)
        return not found


def _holding(directory: Path, values: Sequence[str]) -> list[Path]:
    """Find files below a directory that hold one of some texts; links are not followed."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if any(value.encode() in path.read_bytes() for value in values)]


def leads_session(pid: int) -> bool:
    """Whether a process leads a session, as the main process of a worker does."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


class Fleet:
    """Short words for the calls of a suite, on one provider."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.provider = rig.open()

    def request(self, name: str, spec: Spec, **more: Any) -> CreateRequest:
        """Ask for a worker; ``digest``, ``lineage``, ``key`` and any field of CreateRequest may be given."""
        key = more.pop("key", None)
        return CreateRequest(
            address=Address("worker", name, key),
            generation=more.pop("generation", 1),
            operation=more.pop("operation", "op-1"),
            spec=spec,
            digest=more.pop("digest", "digest-1"),
            labels=Labels(owner=OWNER, lineage=more.pop("lineage", LINEAGE), key_id="key-1"),
            lifecycle=more.pop("lifecycle", Lifecycle(grace=2.0)),
            worker=name,
            index=key,
            **more,
        )

    def create(self, name: str, spec: Spec, **more: Any) -> Outcome:
        """Make one worker."""
        (outcome,) = self.provider.create([self.request(name, spec, **more)])
        return outcome

    def make(self, name: str, spec: Spec, **more: Any) -> Observation:
        """Make one worker that has to succeed."""
        outcome = self.create(name, spec, **more)
        assert outcome.error is None, outcome.error
        assert outcome.observation is not None
        return outcome.observation

    def act(self, verb: Verb, name: str, **more: Any) -> Outcome:
        """Do a verb to one worker."""
        (outcome,) = self.provider.act(verb, [self.target(name, **more)])
        return outcome

    def do(self, verb: Verb, name: str, **more: Any) -> Observation | None:
        """Do a verb that has to succeed."""
        outcome = self.act(verb, name, **more)
        assert outcome.error is None, outcome.error
        return outcome.observation

    def target(self, name: str, *, key: int | None = None, grace: float = 2.0, **more: Any) -> Target:
        """Name a worker."""
        return Target(Address("worker", name, key), more.pop("generation", 1), lifecycle=Lifecycle(grace=grace), **more)

    def see(self, name: str, key: int | None = None) -> Observation | None:
        """Look for a worker in the bulk list."""
        return next((one for one in self.provider.list().observations if one.address == ("worker", name, key)), None)

    def state(self, name: str) -> WorkerState | None:
        """Return the state of a worker."""
        seen = self.see(name)
        return seen.state if seen else None

    def wait(self, name: str, *states: WorkerState) -> Observation:
        """Wait until a worker is seen in one of some states."""

        def reached() -> Observation | None:
            seen = self.see(name)
            return seen if seen is not None and seen.state in states else None

        seen = wait_for(reached, f"{name} to be {', '.join(state.value for state in states)}")
        assert seen is not None
        return seen


def secret(way: str, place: str, value: Any, version: int = 1, **more: Any) -> Delivery:
    """A secret as the engine hands it over; ``value`` is text, bytes, or the fields of a volume."""
    values = value if isinstance(value, Mapping) else {"": value}
    mode = more.pop("mode", "0500" if way == "volume" else "0400")
    mount = Mount(way, place, (Source("local", SecretName(f"{way}/x")),), mode=mode, **more)
    encoded = {name: SecretValue(one if isinstance(one, bytes) else str(one).encode()) for name, one in values.items()}
    return Delivery(mount, f"local:{place}@{version}", encoded)


def wait_log(fleet: Fleet, name: str, text: bytes) -> None:
    """Wait until a worker has written something."""
    wait_for(lambda: text in fleet.provider.logs(LogRequest(fleet.target(name))).text, f"{text!r} in the log of {name}")


def patient(seconds: float, condition: Any) -> bool:
    """Whether something stays true for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not condition():
            return False
        time.sleep(0.02)
    return True

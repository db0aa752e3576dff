# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor inside the test's own process: the same code on the same kernel, and a failure shows its line."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import prctl, service
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.cgroup import (
    NOWHERE,
    Groups,
    Place,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.dirs import (
    open_directories,
    open_owner,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.fleet import Fleet
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.forker import Forker
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.main import take_lock
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.world import World

OWNER = "inside"


def draft(name: str, *command: str, **more: Any) -> dict[str, Any]:
    """Return what a create request holds on the wire; ``more`` goes to the spec, or to the draft where it has such a field."""
    spec: dict[str, Any] = {
        "program": command[0] if command else "/bin/sleep", "arguments": list(command[1:] if command else ("600",)),
        "env": {}, "cwd": "", "user": "", "ports": [], "port_range": [20000, 29999], "volumes": [], "limits": {}, "ulimits": {},
        "non_root": False, "no_new_privileges": True, "drop_capabilities": [], "health": None,
        "restart": {"policy": "never", "max_retries": None, "initial": 0.05, "max": 0.2},
        "log": {"max_size": 1 << 20, "max_files": 2}, "grace": 2.0, "ttl": None,
        "drain": None, "settle": 0.02,
    }  # fmt: skip
    outer: dict[str, Any] = {
        "name": name, "key": None, "generation": 1, "provider": "local", "owner": OWNER, "lineage": "l", "digest": "d",
        "key_id": "k", "operation": "op", "intent": "started", "protected": False, "labels": {},
    }  # fmt: skip
    for key, value in more.items():
        (outer if key in outer else spec)[key] = value
    return {**outer, "spec": spec}


def target(name: str, grace: float = 2.0, etag: str = "") -> dict[str, Any]:
    """Return the wire form of a verb's target."""
    return {"name": name, "key": None, "generation": 1, "etag": etag, "grace": grace}


class Inside:
    """A fleet with its world, in a directory."""

    def __init__(self, path: Path, place: Place, forker: Forker) -> None:
        self.path = path
        owner = open_owner(str(path))
        self.world = World(
            owner=OWNER,
            directories=open_directories(str(path), owner),
            groups=Groups(place, "hodei-unit", ()),
            nofile=(256, 4096),
            forker=forker,
        )
        self.fleet = Fleet(self.world)

    async def end(self) -> None:
        """Delete everything."""
        records = [worker.record for worker in self.fleet.workers.values()]
        gone = [{"name": one.name, "key": one.key, "generation": 1, "etag": "", "grace": 0.0} for one in records]
        await asyncio.gather(*(self.fleet.act("delete", one) for one in gone))
        self.world.reap()


Scenario = Callable[[Inside], Awaitable[None]]


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """One forker for all; children come to this process."""
    prctl.become_subreaper()
    made = Forker()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def inside(tmp_path: Path, forker: Forker) -> Callable[..., None]:
    """Run scenarios on a fleet, each with 30 seconds; a place for cgroups may be given."""

    def run(scenario: Scenario, place: Place = NOWHERE) -> None:
        async def main() -> None:
            made = Inside(tmp_path / "process", place, forker)
            made.fleet.adopt()
            try:
                async with asyncio.timeout(30):
                    await scenario(made)
            finally:
                await made.end()
                for fd in made.world.directories[1:]:
                    os.close(fd)

        asyncio.run(main())

    return run


@pytest.fixture
def served(tmp_path: Path, forker: Forker) -> Callable[[Callable[[ProcessProvider], None]], None]:
    """Run a function with a provider in a thread, while this thread is its supervisor."""

    def run(work: Callable[[ProcessProvider], None]) -> None:
        provider = ProcessProvider("local", {"directory": str(tmp_path), "settle": 0.02}, OWNER)
        os.makedirs(provider.directory, mode=0o700)
        owner = open_owner(provider.directory)
        lock = take_lock(owner, -1)
        assert lock >= 0
        options = {
            "directory": provider.directory, "owner": OWNER, "version": provider._version().version,
            "digest": provider._version().digest, "superseded": [], "linger": 1.0,
        }  # fmt: skip
        problems: list[BaseException] = []

        def client() -> None:
            try:
                work(provider)
            except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
                problems.append(error)

        thread = threading.Thread(target=client)
        directories = open_directories(provider.directory, owner)

        async def main() -> None:
            supervisor = service.Supervisor(options, directories, lock, forker)
            task = asyncio.create_task(supervisor.run())
            await asyncio.sleep(0.05)
            thread.start()
            await asyncio.wait((task,), timeout=60)
            if not task.done():
                task.cancel()
            await task

        try:
            asyncio.run(main())
        finally:
            thread.join(30)
            for fd in (*directories[1:], lock):
                os.close(fd)
        if problems:
            raise problems[0]

    return run

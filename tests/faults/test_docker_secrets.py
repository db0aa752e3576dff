# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's secrets when somebody dies in the middle, or there is no room: all old or all new, and right after one more call."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.durable import failpoints
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Delivery
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker import secret_delivery, secret_memory
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.packing import Item
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_memory import Memory
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig
from ansible_collections.hodei.workers.tests.support.docker_fleets import fail_around_calls
from ansible_collections.hodei.workers.tests.support.docker_secrets import Workers, given
from ansible_collections.hodei.workers.tests.support.forks import KILLED, die_at, in_child
from ansible_collections.hodei.workers.tests.testbed.dockerd import OwnEngine
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

pytestmark = pytest.mark.xdist_group("docker")
#: Each point, or every so many of them.
STEP = 1 if os.environ.get("HODEI_SOAK") else 9


@pytest.fixture(params=["memory", "volume"])
def workers(
    engine: Any, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workers]:
    """A fleet on the Engine."""
    monkeypatch.setattr(secret_delivery, "READ_ON", 0.0)
    rig = DockerRig(tmp_path, engine, secrets_in=request.param)
    yield Workers(rig, engine, request.param)
    rig.close()


def both(number: int) -> tuple[Delivery, ...]:
    """Two files that belong together."""
    return (given("volume", "v", {"a": f"a{number}", "b": f"b{number}"}, number),)


def read(workers: Workers) -> str:
    """Return what the worker reads, and what lies around there."""
    return workers.inside("cat /run/secrets/v/*; for one in /run/secrets/..[!.d]*/v/a; do echo; cat $one; done")


def done(workers: Workers) -> None:
    """Let what was replaced go, as at the end of a run and at the beginning of the next one."""
    workers.provider.close()
    workers.provider.attend()


def die_in(workers: Workers, number: int, point: int) -> bool:
    """Give another version in a process that is killed at a point; False when there are not so many."""

    def doomed() -> None:
        fail_around_calls()
        die_at(point)
        outcome = Workers(workers.rig, workers.engine, "").update(*both(number))
        assert outcome.error is None

    code = in_child(doomed)
    assert code in (0, KILLED)
    return code == KILLED


def test_killed_while_it_gives_another_version(workers: Workers) -> None:
    """The worker has all old or all new; the next call gives it the new, and leaves nothing of the old."""
    workers.make("a", workers.spec(), secrets=both(1))
    for point in itertools.count(1, STEP):
        old, new = point, point + STEP
        died = die_in(workers, new, point)
        if workers.state("a") is WorkerState.PAUSED:
            workers.do(Verb.RESUME, "a")
        assert read(workers).partition("\n")[0] in (f"a{old}b{old}", f"a{new}b{new}")
        assert workers.update(*both(new)).error is None
        assert workers.seen() == {"volume.v": f"local:s@{new}"}
        done(workers)
        if not died:
            break
        assert read(workers) == f"a{new}b{new}\na{new}"
    assert point > STEP


def test_killed_while_it_makes_and_deletes(workers: Workers) -> None:
    """A converge that comes after it finishes that, and nothing is left anywhere."""

    def make() -> None:
        assert Workers(workers.rig, workers.engine, "").create("a", workers.spec(), secrets=both(1)).error is None

    def delete() -> None:
        assert Workers(workers.rig, workers.engine, "").act(Verb.DELETE, "a").error is None

    for work, again in ((make, make), (delete, delete)):
        for point in itertools.count(1, 2 * STEP - 1):
            if work is delete:
                make()

            def doomed(work: Any = work, point: int = point) -> None:
                fail_around_calls()
                die_at(point)
                work()

            code = in_child(doomed)
            workers.provider.attend()
            again()
            if work is make:
                done(workers)  # the first may have given them already
                assert read(workers) == "a1b1\na1"
                workers.do(Verb.DELETE, "a")
            workers.provider.attend()
            assert workers.kept() == []
            if code == 0:
                break
            assert code == KILLED


def test_an_engine_that_dies_in_the_middle(workers: Workers) -> None:
    """What it was about to give is given by the next call; a container that it starts again has its secrets."""
    engine = workers.engine
    if not isinstance(engine, OwnEngine):
        pytest.skip("this Engine belongs to somebody else")
    spec = workers.spec(restart={"policy": "always"})
    workers.make("a", spec, secrets=both(1))
    failpoints.install(lambda name: engine.end(signal.SIGKILL) if name == "secrets.written" else None)
    try:
        outcome = workers.update(*both(2), spec=spec)
    finally:
        failpoints.install(lambda name: None)
        engine.start()
    assert outcome.error is not None
    workers.do(Verb.START, "a")
    number = 2 if workers.secrets_in == "memory" else 1
    assert read(workers).partition("\n")[0] == f"a{number}b{number}"
    assert workers.update(*both(2), spec=spec).error is None
    done(workers)
    assert read(workers) == "a2b2\na2"
    made = workers.see("a")
    assert made is not None
    workers.rig.lose(made)

    def back() -> bool:
        found = workers.see("a")
        return found is not None and found.restarts > made.restarts and found.state is WorkerState.RUNNING

    wait_for(back, "the Engine to start it again")
    assert read(workers) == "a2b2\na2"


def item(name: str, data: bytes) -> Item:
    """Return a file."""
    return Item(name, 0o400, (1000, 1000), data)


def test_no_room_in_memory(testbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there is there whole, and nothing half is beside it."""
    small: Path = testbed.need("tmpfs")
    monkeypatch.setattr(secret_memory, "PLACES", (str(small),))
    memory = Memory("me", "engine")
    assert memory.place == str(small)
    source = Path(memory.new())
    memory.write(str(source), [item("a", b"old")], {"a": "..data/a"})
    with pytest.raises(HodeiError) as caught:
        memory.write(str(source), [item("a", b"new"), item("b", bytes(64 << 20))], {})
    assert caught.value.kind is Kind.RESOURCE_EXHAUSTED
    assert (source / "a").read_bytes() == b"old"
    assert len(list(source.glob("..new-*"))) == 1

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor is killed: at each of its failpoints, at random under load, and while nobody looks. No worker is lost or doubled."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.failpoint import (
    NAMES,
    VARIABLE,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.procfs import look
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import (
    OWNER,
    Fleet,
    ProcessRig,
    patient,
    secret,
    wait_log,
)
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

STORM_SECONDS = 120.0 if os.environ.get("HODEI_SOAK") else 8.0
NEVER = {"policy": "never"}


def pid_of(rig: ProcessRig) -> int:
    """Return the supervisor's pid; one has to run."""
    pid = rig.supervisor()
    assert pid is not None
    return pid


def kill_supervisor(rig: ProcessRig) -> None:
    """Kill it, and wait until the kernel has taken it."""
    pid = pid_of(rig)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: rig.supervisor() is None, "the supervisor to be gone")


def with_files(rig: ProcessRig, content: str) -> dict[str, Any]:
    """Return a spec whose files change together; one of them is there for a while only."""
    own = ({"path": path, "content": content} for path in (("a", "b", "gone") if content == "one" else ("a", "b")))
    return {**rig.shell("sleep 600"), "files": list(own)}


@pytest.mark.parametrize("name", NAMES)
def test_killed_at_a_failpoint(
    fleet: Fleet, rig: ProcessRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Create, update, stop, start and delete, each on its way through every failpoint; the call itself never notices."""
    armed = tmp_path / "armed"
    monkeypatch.setenv(VARIABLE, f"{name}@{armed}")
    armed.touch()
    given = (secret("file", "key", "one"), secret("volume", "v", {"a": "one"}))
    requests = [fleet.request("point", with_files(rig, "one"), key=key, secrets=given) for key in range(5)]
    assert [outcome.error for outcome in fleet.provider.create(requests)] == [None] * 5
    assert rig.objects() == 5
    given = (secret("file", "key", "two", 2), secret("volume", "v", {"b": "two"}, 2))
    requests = [
        fleet.request("point", with_files(rig, "two"), key=key, digest="digest-2", secrets=given) for key in range(5)
    ]
    assert [outcome.error for outcome in fleet.provider.update(requests)] == [None] * 5
    assert {(one.stale, *one.drift) for one in fleet.provider.list().observations} == {(True,)}
    for key in range(5):
        home = rig.directory / "workers" / f"point+{key}.1"
        assert {path.name: path.read_text() for path in home.iterdir() if path.is_file()} == {"a": "two", "b": "two"}
        assert [(home / "secrets" / path).read_text() for path in ("key", "v/b")] == ["two", "two"]
    targets = [fleet.target("point", key=key) for key in range(5)]
    for verb in (Verb.STOP, Verb.START, Verb.RESTART):
        assert [outcome.error for outcome in fleet.provider.act(verb, targets)] == [None] * 5, verb
    assert rig.objects() == 5
    assert {one.state for one in fleet.provider.list().observations} == {WorkerState.RUNNING}
    moves = [
        fleet.request("moved", {}, key=key, operation="op-2", moved_from=Address("worker", "point", key))
        for key in range(5)
    ]
    assert [outcome.error for outcome in fleet.provider.update(moves)] == [None] * 5
    assert sorted(str(one.address) for one in fleet.provider.list().observations) == [
        f"worker.moved[{key}]" for key in range(5)
    ]
    assert rig.objects() == 5
    targets = [fleet.target("moved", key=key) for key in range(5)]
    assert [outcome.error for outcome in fleet.provider.act(Verb.RELEASE, targets[:1])] == [None]
    assert [outcome.error for outcome in fleet.provider.act(Verb.DELETE, targets)] == [None] * 5
    assert fleet.provider.list().observations == ()
    assert rig.objects() == 1, "what was released runs on"
    for pid in rig.processes():
        os.kill(pid, signal.SIGKILL)
    assert not (rig.directory / "secrets").is_symlink()
    # With nothing left to do it leaves soon, and takes the directory along.
    assert list(rig.directory.glob("records/*")) == []
    assert not armed.exists(), f"nothing passes {name}"


@pytest.mark.parametrize("name", ["secrets written", "prepared", "exchanging", "exchanged"])
def test_killed_while_secrets_are_given(
    fleet: Fleet, rig: ProcessRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """All old or all new at every moment, the next one goes on, and what nobody has is not left."""
    armed = tmp_path / "armed"
    monkeypatch.setenv(VARIABLE, f"{name}@{armed}")
    spec = rig.shell("sleep 600")
    armed.touch()
    for number in (1, 2, 3):
        given = (secret("file", "key", str(number), number), secret("env", "PW", str(number), number))
        requests = [fleet.request("given", spec, key=key, secrets=given) for key in range(3)]
        call = fleet.provider.create if number == 1 else fleet.provider.update
        assert [outcome.error for outcome in call(requests)] == [None] * 3
        assert not armed.exists() or number == 1, f"nothing passes {name}"
        armed.touch()
        for key in range(3):
            assert (rig.directory / "workers" / f"given+{key}.1" / "secrets" / "key").read_text() == str(number)
        assert {one.secrets["env.PW"] for one in fleet.provider.list().observations} == {"local:PW@1"}
    armed.unlink(missing_ok=True)
    kill_supervisor(rig)
    fleet.provider.attend()
    place = Path(os.readlink(rig.directory / "secrets"))
    assert sorted(len(list(worker.iterdir())) for worker in place.iterdir()) == [3, 3, 3], (
        "one version of each, and no more"
    )
    targets = [fleet.target("given", key=key) for key in range(3)]
    assert [outcome.error for outcome in fleet.provider.act(Verb.DELETE, targets)] == [None] * 3
    assert not place.exists()


def test_killed_at_random_under_load(fleet: Fleet, rig: ProcessRig) -> None:
    """Whatever happens, each address has exactly the worker that was asked for last."""
    rng = random.Random(20261121)
    over = threading.Event()
    kills = []

    def killer() -> None:
        while not over.wait(rng.uniform(0.05, 0.6)):
            try:
                pid = rig.supervisor()
            except HodeiError:
                continue
            if pid is not None:
                with suppress(ProcessLookupError):  # it may leave by itself, with nothing left to do
                    os.kill(pid, signal.SIGKILL)
                    kills.append(pid)

    thread = threading.Thread(target=killer)
    thread.start()
    wanted: set[int] = set()
    try:
        until = time.monotonic() + STORM_SECONDS
        while time.monotonic() < until or len(set(kills)) < 4:
            keys = rng.sample(range(12), 6)
            if rng.random() < 0.6:
                run_until_done(
                    lambda keys=keys: fleet.provider.create([request(fleet, key) for key in keys]), len(keys)
                )
                wanted |= set(keys)
            else:
                targets = [fleet.target("storm", key=key, grace=1.0) for key in keys]
                run_until_done(lambda targets=targets: fleet.provider.act(Verb.DELETE, targets), len(keys))
                wanted -= set(keys)
    finally:
        over.set()
        thread.join(20)
    run_until_done(lambda: fleet.provider.create([request(fleet, key) for key in wanted]), len(wanted))
    assert {one.address.key for one in fleet.provider.list().observations} == wanted
    assert rig.objects() == len(wanted)


def request(fleet: Fleet, key: int):
    """Ask for one worker of the storm."""
    return fleet.request("storm", fleet.rig.shell("sleep 600"), key=key)


def run_until_done(call, count: int) -> None:
    """Repeat a call until all its items are well: a supervisor that dies too often is a retryable error."""
    errors: list[HodeiError] = []
    for _unused in range(20):
        try:
            outcomes = list(call())
        except HodeiError as error:
            if error.kind not in (Kind.NETWORK, Kind.TIMEOUT):
                raise
            errors = [error]
            continue
        errors = [outcome.error for outcome in outcomes if outcome.error]
        assert len(outcomes) == count
        if not errors:
            return
    raise AssertionError(f"never done: {errors}")


def test_workers_live_on_and_are_adopted(fleet: Fleet, rig: ProcessRig) -> None:
    """The same processes, seen from the disk while nobody watches, and watched again after the next call."""
    made = fleet.make("adopted", {**rig.shell("sleep 600"), "restart": NEVER})
    before = rig.processes()
    kill_supervisor(rig)
    assert fleet.see("adopted") == made
    assert rig.supervisor() is None, "to look starts nothing"
    other = fleet.make("other", rig.shell("sleep 600"))
    assert set(before) < set(rig.processes())
    seen = fleet.see("adopted")
    assert seen is not None
    assert (seen.state, seen.started_at, seen.etag) == (WorkerState.RUNNING, made.started_at, made.etag)
    rig.lose(seen)
    failed = fleet.wait("adopted", WorkerState.FAILED)
    assert failed.exit_code is None
    assert "unknown" in failed.reason
    assert fleet.see("other") == other


def test_a_converge_that_changes_nothing_has_them_watched_again(fleet: Fleet, rig: ProcessRig) -> None:
    """``attend`` starts a supervisor where workers live, and none where there is nothing to watch."""
    fleet.provider.attend()
    assert rig.supervisor() is None, "there is nothing to watch"
    made = fleet.make("unwatched", rig.shell("sleep 600"))
    kill_supervisor(rig)
    fleet.provider.attend()
    assert rig.supervisor() is not None
    assert fleet.see("unwatched") == made


def test_what_ends_in_the_gap(fleet: Fleet, rig: ProcessRig) -> None:
    """Its exit code is unknown, and the restart policy counts that as a failure."""
    never = fleet.make("never", {**rig.shell("sleep 600"), "restart": NEVER})
    again = fleet.make(
        "again", {**rig.shell("sleep 600"), "restart": {"policy": "on_failure", "backoff": {"initial": 0.05}}}
    )
    kill_supervisor(rig)
    rig.lose(never)
    rig.lose(again)
    wait_for(lambda: rig.objects() == 0, "the workers to end")
    for name in ("never", "again"):
        seen = fleet.see(name)
        assert seen is not None
        assert seen.state is WorkerState.FAILED
        assert "unknown" in seen.reason
    fleet.make("waker", rig.shell("sleep 600"))
    fleet.wait("again", WorkerState.RUNNING)
    assert fleet.state("never") is WorkerState.FAILED
    assert fleet.do(Verb.START, "never") is not None
    assert rig.objects() == 3


def test_a_paused_worker_stays_paused_and_a_stop_is_finished(fleet: Fleet, rig: ProcessRig) -> None:
    """The next supervisor takes up what the last one was about."""
    fleet.make("paused", rig.shell("sleep 600"))
    fleet.do(Verb.PAUSE, "paused")
    fleet.make("stopping", rig.shell("trap '' TERM; echo deaf; while :; do sleep 0.05; done"))
    wait_log(fleet, "stopping", b"deaf")
    thread = threading.Thread(target=lambda: fleet.act(Verb.STOP, "stopping", grace=600.0), daemon=True)
    thread.start()
    fleet.wait("stopping", WorkerState.STOPPING)
    kill_supervisor(rig)
    assert fleet.state("paused") is WorkerState.PAUSED
    fleet.make("waker", rig.shell("sleep 600"))
    assert fleet.state("paused") is WorkerState.PAUSED
    assert fleet.state("stopping") is WorkerState.STOPPING
    fleet.do(Verb.RESUME, "paused")
    assert fleet.state("paused") is WorkerState.RUNNING


def test_a_supervisor_that_hangs_is_unknown_never_absent(rig: ProcessRig) -> None:
    """A stopped supervisor is a timeout with a way out, for a list and for a change."""
    Fleet(rig).make("there", rig.shell("sleep 600"))
    hasty = ProcessProvider("local", {"directory": str(rig.place), "timeout": 0.5}, OWNER)
    pid = pid_of(rig)
    os.kill(pid, signal.SIGSTOP)
    try:
        for call in (hasty.list, hasty.fingerprint):
            with pytest.raises(HodeiError) as caught:
                call()
            assert caught.value.kind is Kind.TIMEOUT
            assert caught.value.retryable
    finally:
        os.kill(pid, signal.SIGCONT)
    assert len(rig.open().list().observations) == 1


def test_it_leaves_when_nothing_is_left_and_leaves_nothing(fleet: Fleet, rig: ProcessRig) -> None:
    """No process, no socket, no directory."""
    fleet.make("last", rig.shell("sleep 600"))
    fleet.do(Verb.DELETE, "last")
    wait_for(lambda: not rig.directory.exists(), "the directory to go")
    assert rig.supervisor() is None


def test_it_leaves_what_is_stopped_on_record(fleet: Fleet, rig: ProcessRig) -> None:
    """A stopped worker needs nobody to watch it, and can be started again."""
    fleet.make("resting", rig.shell("sleep 600"))
    fleet.do(Verb.STOP, "resting")
    wait_for(lambda: rig.supervisor() is None, "the supervisor to leave")
    assert fleet.state("resting") is WorkerState.STOPPED
    fleet.do(Verb.START, "resting")
    assert rig.objects() == 1


def test_a_signal_ends_it_without_its_workers(fleet: Fleet, rig: ProcessRig) -> None:
    """The service manager may stop it: the workers live on."""
    fleet.make("survivor", rig.shell("sleep 600"))
    os.kill(pid_of(rig), signal.SIGTERM)
    wait_for(lambda: rig.supervisor() is None, "the supervisor to leave")
    assert patient(0.3, lambda: rig.objects() == 1)
    assert fleet.state("survivor") is WorkerState.RUNNING


def test_two_callers_start_one_supervisor(rig: ProcessRig) -> None:
    """However many want one at the same time."""
    fleets = [Fleet(rig) for _unused in range(6)]
    threads = [
        threading.Thread(target=lambda fleet=fleet, key=key: fleet.make("race", rig.shell("sleep 600"), key=key))
        for key, fleet in enumerate(fleets)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(fleets[0].provider.list().observations) == 6
    assert rig.objects() == 6
    wait_for(lambda: len(supervisors(rig)) == 1, "the others to see that there is one")


def supervisors(rig: ProcessRig) -> list[int]:
    """Return the processes that supervise this directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdigit() and str(rig.directory).encode() in (entry / "cmdline").read_bytes()
            if ours and (entry / "comm").read_text() == "hodei-process\n":
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_callers_who_come_as_it_leaves(rig: ProcessRig) -> None:
    """It lingers for no time at all, and everybody is served all the same."""
    fleets = [Fleet(rig) for _unused in range(3)]
    for fleet in fleets:
        fleet.provider = ProcessProvider("local", {"directory": str(rig.place), "settle": 0.0}, OWNER, linger=0.0)
    problems: list[BaseException] = []

    def come_and_go(key: int, fleet: Fleet) -> None:
        try:
            for _unused in range(12):
                fleet.make("short", rig.shell("sleep 600"), key=key)
                fleet.do(Verb.DELETE, "short", key=key, grace=0.5)
        except BaseException as error:
            problems.append(error)
            raise

    threads = [threading.Thread(target=come_and_go, args=item) for item in enumerate(fleets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
        assert not thread.is_alive()
    assert problems == []
    assert rig.objects() == 0
    wait_for(lambda: not rig.directory.exists(), "the directory to go")


def test_workers_whose_directory_was_deleted_are_ended(fleet: Fleet, rig: ProcessRig) -> None:
    """Nobody would ever find them again."""
    fleet.make("lost", rig.shell("sleep 600"))
    pid = pid_of(rig)
    shutil.rmtree(rig.directory)
    wait_for(lambda: not rig.processes(), "the worker to end")
    wait_for(lambda: (seen := look(pid)) is None or seen.dead, "the supervisor to leave")
    assert fleet.provider.list().observations == ()

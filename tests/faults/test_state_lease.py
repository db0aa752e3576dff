# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real processes and one lease: the first sleeps past its end, the second takes over, the first wakes up."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.engine.lease import acquire_waiting
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.tests.conformance.state.builders import (
    LINEAGE,
    OWNER,
    T0,
    ended,
    operation,
    resource,
)
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

TTL = 1.5

FIRST = """
import json, sys, time
from ansible_collections.hodei.workers.plugins.module_utils.engine.lease import LeaseKeeper
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.holder import this_process
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.records import Run
from ansible_collections.hodei.workers.tests.conformance.state.builders import *

def attempt(name, call):
    try:
        call()
        print(json.dumps([name, "done"]), flush=True)
    except HodeiError as error:
        print(json.dumps([name, error.kind.value]), flush=True)

store = SqliteState(sys.argv[1])
lease = store.acquire(str(this_process()), float(sys.argv[2]), time.time())
with LeaseKeeper(store, lease, time.time) as keeper:
    store.start_run(lease, Run("run-1", "converge", T0))
    store.begin(lease, [operation("in-flight")])
    print(json.dumps(["ready", "done"]), flush=True)
    sys.stdin.readline()
    attempt("check", keeper.check)
    attempt("begin", lambda: store.begin(keeper.lease, [operation("late", WEB)]))
    attempt("end", lambda: store.end(keeper.lease, [ended("in-flight", put=(resource(),))]))
    attempt("finish_run", lambda: store.finish_run(keeper.lease, Run("run-1", "converge", T0, ended_at=T0 + 1)))
    attempt("renew", lambda: store.renew(keeper.lease, time.time()))
attempt("release", lambda: store.release(lease))
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "state.db")
    state.initialise(OWNER, LINEAGE, T0)
    yield state
    state.close()


@pytest.fixture
def first(store: SqliteState) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", FIRST, store.path, str(TTL)],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield child
    child.kill()
    child.communicate()


def heard(child: subprocess.Popen[str]) -> list[Any]:
    stream: IO[str] | None = child.stdout
    assert stream is not None
    answer: list[Any] = json.loads(stream.readline())
    return answer


def stop_between_writes(child: subprocess.Popen[str], store: SqliteState) -> None:
    """Stop a holder; in the middle of a renewal it would keep the lock on the file, which is another fault."""

    def stopped() -> bool:
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        with closing(sqlite3.connect(store.path, timeout=0, isolation_level=None)) as probe:
            try:
                probe.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError:
                os.kill(child.pid, signal.SIGCONT)
                return False

    wait_for(stopped, "the holder to stop with nothing locked")


def take_over(store: SqliteState, timeout: float = 30.0) -> Any:
    return acquire_waiting(store, "second", 600.0, timeout, time.time, time.sleep, lambda message: None)


def test_invariant_5_and_invariant_6_a_holder_that_slept_past_its_lease_writes_nothing(
    store: SqliteState, first: subprocess.Popen[str]
) -> None:
    assert heard(first) == ["ready", "done"]
    stop_between_writes(first, store)
    second = take_over(store)
    store.end(second, [ended("in-flight")])
    before = store.read(), store.lease(), store.history(9), store.events(None, 9)
    os.kill(first.pid, signal.SIGCONT)
    answers, _unused = first.communicate("go on\n", timeout=60)
    assert [json.loads(line) for line in answers.splitlines()] == [
        ["check", "conflict"],
        ["begin", "conflict"],
        ["end", "conflict"],
        ["finish_run", "conflict"],
        ["renew", "conflict"],
        ["release", "done"],
    ]
    assert (store.read(), store.lease(), store.history(9), store.events(None, 9)) == before


def test_invariant_6_a_living_holder_keeps_its_lease_far_beyond_its_ttl(
    store: SqliteState, first: subprocess.Popen[str]
) -> None:
    assert heard(first) == ["ready", "done"]
    end = time.monotonic() + 4 * TTL
    while time.monotonic() < end:
        lease = store.lease()
        assert lease is not None
        assert (lease.fence, lease.expires_at > time.time() - TTL) == (1, True)
        time.sleep(0.05)
    answers, _unused = first.communicate("go on\n", timeout=60)
    assert [json.loads(line)[1] for line in answers.splitlines()] == ["done"] * 6
    assert store.read().resources == (resource(),)
    assert store.lease() is None


def test_invariant_1_what_a_killed_holder_began_is_there_for_the_next_one_at_once(
    store: SqliteState, first: subprocess.Popen[str]
) -> None:
    assert heard(first) == ["ready", "done"]
    first.kill()
    first.wait(30)
    second = store.acquire("second", 600.0, time.time())
    assert second.fence == 2
    assert store.read().pending == (operation("in-flight"),)
    assert resource().address == store.read().pending[0].address

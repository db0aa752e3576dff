# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C7: commands inside a worker: exit codes, streams, size, time, and a peer that dies."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, ExecResult, Verb
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet
from ansible_collections.hodei.workers.tests.testbed.wait import PATIENCE, wait_for

TEN_MEGABYTES = 10 * 1024 * 1024


@pytest.fixture
def worker(fleet: Fleet) -> Fleet:
    """A fleet with a worker called ``shell``."""
    fleet.make("shell", {**fleet.rig.shell("sleep 600"), "env": {"GREETING": "hello"}})
    return fleet


def run(fleet: Fleet, script: str, **more: object) -> ExecResult:
    """Run a script in it."""
    return fleet.provider.exec(ExecRequest(fleet.target("shell"), ("/bin/sh", "-c", script), **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0, 7, 255])
def test_exit_codes(worker: Fleet, code: int) -> None:
    """As the command gave them."""
    assert run(worker, f"exit {code}").exit_code == code


def test_a_command_that_is_not_there(worker: Fleet) -> None:
    """127, as a shell says it, and what is missing."""
    result = worker.provider.exec(ExecRequest(worker.target("shell"), ("no-such-command",)))
    assert result.exit_code == 127
    assert b"no-such-command" in result.stderr


def test_streams_are_apart_and_the_environment_is_the_workers(worker: Fleet) -> None:
    """Its own variables, and those of the request."""
    result = run(worker, 'echo "$GREETING $WORKER_NAME $MORE"; echo oops >&2', env={"MORE": "more"})
    assert (result.stdout, result.stderr) == (b"hello shell more\n", b"oops\n")
    assert not result.stdout_truncated


def test_stdin(worker: Fleet) -> None:
    """Read to its end, and harmless when nobody reads it."""
    assert run(worker, "cat", stdin=b"line\n" * 10).stdout == b"line\n" * 10
    assert run(worker, "exit 0", stdin=b"x" * (1 << 20)).exit_code == 0


def test_ten_megabytes(worker: Fleet) -> None:
    """All of it with a limit that allows it, its beginning with one that does not."""
    script = f"head -c {TEN_MEGABYTES} /dev/zero"
    assert len(run(worker, script, limit=TEN_MEGABYTES).stdout) == TEN_MEGABYTES
    cut = run(worker, script, limit=1000)
    assert (len(cut.stdout), cut.stdout_truncated, cut.stderr_truncated) == (1000, True, False)
    assert cut.exit_code == 0


def test_ten_megabytes_without_a_limit_and_through_files(worker: Fleet, tmp_path: Path) -> None:
    """Nothing is cut: neither in memory nor from a file to a file."""
    data = random.Random(7).randbytes(TEN_MEGABYTES)
    result = run(worker, "cat", stdin=data, limit=None)
    assert (result.stdout == data, result.stdout_truncated) == (True, False)
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(data)
    with source.open("rb") as stdin, copy.open("wb") as stdout:
        result = run(worker, "cat; echo done >&2", stdin=stdin, stdout=stdout, limit=100)
    assert (result.exit_code, result.stdout, result.stderr, result.stdout_truncated) == (0, b"", b"done\n", False)
    assert copy.read_bytes() == data


def test_what_a_command_leaves_behind_keeps_nobody_waiting(worker: Fleet) -> None:
    """A child that holds the outputs open; what the command itself wrote is there."""
    began = time.monotonic()
    result = run(worker, "sleep 600 & head -c 60000 /dev/zero", limit=None)
    assert len(result.stdout) == 60000
    assert time.monotonic() - began < 60


def test_a_file_that_cannot_take_it(worker: Fleet) -> None:
    """A full disk on this side is an error, not a short file."""
    with open("/dev/full", "wb", buffering=0) as stdout, pytest.raises(HodeiError) as caught:
        run(worker, "head -c 1000000 /dev/zero", stdout=stdout)
    assert caught.value.kind is Kind.RESOURCE_EXHAUSTED


def test_an_idle_command_is_ended_by_its_timeout(worker: Fleet) -> None:
    """With all that it has started."""
    before = worker.rig.objects()
    began = time.monotonic()
    result = run(worker, "echo first; sleep 600 & sleep 600", timeout=2.0)
    assert 2.0 <= time.monotonic() - began < 20
    assert result.timed_out
    assert result.stdout == b"first\n"
    assert worker.rig.objects() == before


def test_a_worker_that_does_not_run(worker: Fleet) -> None:
    """A typed error, not an exit code."""
    worker.do(Verb.STOP, "shell")
    with pytest.raises(HodeiError) as caught:
        run(worker, "true")
    assert caught.value.kind is Kind.CONFLICT
    worker.do(Verb.DELETE, "shell")
    with pytest.raises(HodeiError) as caught:
        run(worker, "true")
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_worker_that_ends_while_a_command_runs_takes_it_along(worker: Fleet) -> None:
    """The command is killed; the caller is not left waiting."""
    results: list[ExecResult | HodeiError] = []

    def call() -> None:
        try:
            results.append(run(worker, "touch began; sleep 600", timeout=60.0))
        except HodeiError as error:
            results.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    wait_for(lambda: run(worker, "test -e began").exit_code == 0, "the command to run")
    worker.do(Verb.DELETE, "shell", grace=0.2)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    result = results[0]
    assert isinstance(result, HodeiError) or result.exit_code in (137, 143)

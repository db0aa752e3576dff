# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a worker: there before it starts, changed in place all or none, told of, and put right."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    CreateRequest,
    ExecRequest,
    LogRequest,
    Outcome,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, needs, wait_log
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

BINARY = bytes(range(256))
#: Shows its file at the start, and again at each SIGHUP.
SHOWING = "trap 'echo again; cat app.toml' HUP; cat app.toml; while :; do sleep 0.05; done"


@pytest.fixture(autouse=True)
def carried(fleet: Fleet) -> None:
    """Only where the provider carries files."""
    needs(fleet, "files")


def file(path: str, content: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "content": content, **more}


def showing(fleet: Fleet, *files: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a spec of a worker that shows app.toml."""
    return {**fleet.rig.shell(SHOWING), "files": list(files), **more}


def update(fleet: Fleet, name: str, spec: dict[str, Any], digest: str = "digest-2", **more: Any) -> Outcome:
    request: CreateRequest = fleet.request(name, spec, digest=digest, **more)
    (outcome,) = fleet.provider.update([request])
    return outcome


def output(fleet: Fleet, *command: str, name: str = "shown") -> str:
    return fleet.provider.exec(ExecRequest(fleet.target(name), command)).stdout.decode()


def test_they_are_there_when_it_starts(fleet: Fleet) -> None:
    """Text, bytes, an empty one, modes, and the directories that lead there."""
    files = [
        file("app.toml", "port = 8080\n", mode="0400"),
        {"path": "data/deep/all.bin", "content_base64": base64.b64encode(BINARY).decode()},
        file("run.sh", "#!/bin/sh\necho ran\n", mode="0755"),
        file("empty", ""),
    ]
    fleet.make("shown", showing(fleet, *files))
    wait_log(fleet, "shown", b"port = 8080")
    assert output(fleet, "stat", "-c", "%a %s", "app.toml", "empty") == "400 12\n644 0\n"
    assert output(fleet, "./run.sh") == "ran\n"
    binary = fleet.provider.exec(ExecRequest(fleet.target("shown"), ("cat", "data/deep/all.bin")))
    assert binary.stdout == BINARY
    seen = fleet.see("shown")
    assert seen is not None
    assert (seen.drift, seen.stale) == ({}, False)


def test_a_change_is_told_by_a_signal(fleet: Fleet) -> None:
    """The process is the same, what left the document is gone, and nothing is left to tell."""
    reload = {"reload": {"signal": "SIGHUP"}}
    fleet.make("shown", showing(fleet, file("app.toml", "one\n"), file("old", "x"), **reload))
    wait_log(fleet, "shown", b"one")
    before = output(fleet, "sh", "-c", "ps -o pid= -p $PPID; ls")
    outcome = update(fleet, "shown", showing(fleet, file("app.toml", "two\n"), file("new/er", "y"), **reload))
    assert outcome.error is None
    assert outcome.observation is not None
    assert (outcome.observation.spec_digest, outcome.observation.stale) == ("digest-2", False)
    wait_log(fleet, "shown", b"again\ntwo")
    assert output(fleet, "ls", "-A") == "app.toml\nnew\n"
    assert before
    seen = fleet.see("shown")
    assert seen is not None
    assert (seen.restarts, seen.drift) == (0, {})


def test_a_change_is_told_by_a_command(fleet: Fleet) -> None:
    """In the worker's environment and directory; one that fails fails the change, with the files written, and is told again."""
    good = {"reload": {"command": ["sh", "-c", "cp app.toml taken.$(WORKER_NAME)"], "timeout": 10.0}}
    fleet.make("shown", showing(fleet, file("app.toml", "one\n"), **good))
    assert update(fleet, "shown", showing(fleet, file("app.toml", "two\n"), **good)).error is None
    assert output(fleet, "cat", "taken.shown") == "two\n"
    bad = {"reload": {"command": ["sh", "-c", "echo why it failed >&2; exit 3"], "timeout": 10.0}}
    outcome = update(fleet, "shown", showing(fleet, file("app.toml", "three\n"), **bad), "digest-3")
    assert outcome.error is not None
    assert "exit code 3" in outcome.error.message
    if "why it failed" not in outcome.error.message:  # what cannot write to the worker's log tells it at once
        wait_log(fleet, "shown", b"why it failed")
    assert output(fleet, "cat", "app.toml") == "three\n"
    seen = fleet.see("shown")
    assert seen is not None
    assert (seen.stale, seen.spec_digest, seen.state) == (True, "digest-3", WorkerState.RUNNING)
    outcome = update(fleet, "shown", showing(fleet, file("app.toml", "three\n"), **good), "digest-4")
    assert outcome.error is None
    assert outcome.observation is not None
    assert not outcome.observation.stale
    assert output(fleet, "cat", "taken.shown") == "three\n"


def test_a_command_that_takes_too_long(fleet: Fleet) -> None:
    """It is killed, and the change has failed."""
    slow = {"reload": {"command": ["sleep", "600"], "timeout": 0.3}}
    fleet.make("shown", showing(fleet, file("app.toml", "one\n"), **slow))
    outcome = update(fleet, "shown", showing(fleet, file("app.toml", "two\n"), **slow))
    assert outcome.error is not None
    assert "did not end within 0.3 s" in outcome.error.message


def test_a_program_that_dies_of_its_reload(fleet: Fleet) -> None:
    """The most common mistake is told as what it is."""
    spec = {**fleet.rig.shell("exec sleep 600"), "reload": {"signal": "SIGHUP"}, "restart": {"policy": "never"}}
    fleet.make("deaf", {**spec, "files": [file("a", "1")]})
    outcome = update(fleet, "deaf", {**spec, "files": [file("a", "2")]})
    assert outcome.error is not None
    assert "killed by SIGHUP" in outcome.error.message


def test_without_a_reload_it_is_stale_until_it_is_restarted(fleet: Fleet) -> None:
    """The restart is the caller's: it may have to wait for a job."""
    fleet.make("shown", showing(fleet, file("app.toml", "one\n")))
    wait_log(fleet, "shown", b"one")
    outcome = update(fleet, "shown", showing(fleet, file("app.toml", "two\n")))
    assert outcome.error is None
    assert outcome.observation is not None
    assert outcome.observation.stale
    seen = fleet.do(Verb.RESTART, "shown")
    assert seen is not None
    assert not seen.stale
    wait_log(fleet, "shown", b"two")


def test_a_worker_that_never_ran(fleet: Fleet) -> None:
    """It finds what the document said last."""
    spec = showing(fleet, file("app.toml", "one\n"))
    fleet.make("shown", spec, intent=Intent.STOPPED)
    outcome = update(fleet, "shown", showing(fleet, file("app.toml", "two\n")), intent=Intent.STOPPED)
    assert outcome.error is None
    seen = fleet.see("shown")
    assert seen is not None
    assert (seen.stale, seen.drift) == (False, {})
    fleet.do(Verb.START, "shown")
    wait_log(fleet, "shown", b"two")


def test_a_paused_worker_is_told_when_it_goes_on(fleet: Fleet) -> None:
    """Not before: it could not listen."""
    reload = {"reload": {"signal": "SIGHUP"}}
    fleet.make("shown", showing(fleet, file("app.toml", "one\n"), **reload))
    wait_log(fleet, "shown", b"one")
    fleet.do(Verb.PAUSE, "shown")
    spec = showing(fleet, file("app.toml", "two\n"), **reload)
    outcome = update(fleet, "shown", spec, intent=Intent.PAUSED)
    assert outcome.error is None
    assert outcome.observation is not None
    assert outcome.observation.stale
    seen = fleet.do(Verb.RESUME, "shown")
    assert seen is not None
    assert not seen.stale
    wait_log(fleet, "shown", b"again\ntwo")


@pytest.mark.parametrize(
    ("harm", "drift"),
    [
        ("echo 'TWO' > app.toml", {"files.app.toml.content": "hmac:changed"}),
        ("echo 'ten' > app.toml", {"files.app.toml.content": "hmac:changed"}),
        ("rm app.toml", {"files.app.toml.content": None}),
        ("chmod 666 app.toml", {"files.app.toml.mode": "0666"}),
        ("ln -sf /etc/passwd app.toml", {"files.app.toml.content": "hmac:changed"}),
        ("rm app.toml; mkfifo app.toml", {"files.app.toml.content": "hmac:changed"}),
    ],
)
def test_what_somebody_did_to_them_is_seen_and_put_right(fleet: Fleet, harm: str, drift: dict[str, Any]) -> None:
    """Also what has the same length; the other file is not touched."""
    reload = {"reload": {"signal": "SIGHUP"}}
    spec = showing(fleet, file("app.toml", "one\n"), file("other", "x"), **reload)
    fleet.make("shown", spec)
    wait_log(fleet, "shown", b"one")
    assert output(fleet, "sh", "-c", harm) == ""
    seen = fleet.see("shown")
    assert seen is not None
    assert seen.drift == drift
    inode = output(fleet, "stat", "-c", "%i", "other")
    outcome = update(fleet, "shown", spec, "digest-1", drifted=tuple(drift))
    assert outcome.error is None
    assert output(fleet, "cat", "app.toml") == "one\n"
    assert output(fleet, "stat", "-c", "%i", "other") == inode
    seen = fleet.see("shown")
    assert seen is not None
    assert seen.drift == {}


def test_a_file_that_is_missing_is_back_after_a_restart(fleet: Fleet) -> None:
    """What was changed is not: that is for the next converge to decide."""
    needs(fleet, "keeping")
    fleet.make("shown", showing(fleet, file("app.toml", "one\n"), file("kept", "1")))
    output(fleet, "sh", "-c", "rm app.toml; echo mine > kept")
    fleet.do(Verb.RESTART, "shown")
    assert output(fleet, "cat", "app.toml", "kept") == "one\nmine\n"


def test_what_is_in_the_way_changes_nothing(fleet: Fleet) -> None:
    """A directory where a file should be, a link on the way: told with the path, and all files are as they were."""
    reload = {"reload": {"signal": "SIGHUP"}}
    fleet.make("shown", showing(fleet, file("app.toml", "one\n"), **reload))
    output(fleet, "sh", "-c", "mkdir new; ln -s /tmp way")
    for path in ("new", "way/x"):
        files = (file("app.toml", "two\n"), file(path, "x"))
        outcome = update(fleet, "shown", showing(fleet, *files, **reload))
        assert outcome.error is not None
        assert outcome.error.kind is Kind.CONFLICT
        assert path in outcome.error.message
        seen = fleet.see("shown")
        assert seen is not None
        assert (seen.spec_digest, seen.stale, seen.drift) == ("digest-1", False, {})
    assert output(fleet, "ls", "-A") == "app.toml\nnew\nway\n"
    assert output(fleet, "cat", "app.toml") == "one\n"


def test_many_at_once(fleet: Fleet) -> None:
    """More than one line of the wire has room for; each gets its own."""
    large = "ü" * 600_000
    requests = [
        fleet.request("big", {**fleet.rig.shell("sleep 600"), "files": [file("a", f"{key}{large}")]}, key=key)
        for key in range(20)
    ]
    outcomes = list(fleet.provider.create(requests))
    assert [outcome.error for outcome in outcomes] == [None] * 20
    assert {outcome.address.key for outcome in outcomes} == set(range(20))
    result = fleet.provider.exec(ExecRequest(fleet.target("big", key=17), ("head", "-c", "4", "a")))
    assert result.stdout.decode() == "17ü"


def test_nothing_of_them_is_left(fleet: Fleet) -> None:
    """Neither after the deletion, nor in what the provider tells."""
    fleet.make("shown", showing(fleet, file("app.toml", "hunter2-hunter2\n")))
    wait_log(fleet, "shown", b"hunter2")
    events = "".join(map(str, fleet.provider.events(fleet.target("shown"), 100)))
    assert "hunter2" not in f"{fleet.provider.list()}{events}"
    fleet.do(Verb.DELETE, "shown")
    wait_for(lambda: fleet.see("shown") is None, "the worker to be gone")
    assert b"hunter2" not in _log(fleet)


def _log(fleet: Fleet) -> bytes:
    from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError

    try:
        return fleet.provider.logs(LogRequest(fleet.target("shown"))).text
    except HodeiError:
        return b""

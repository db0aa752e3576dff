# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that somebody began and did not finish, and those that go astray: the next run makes them right, and nobody else suffers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    CreateRequest,
    ExecRequest,
    LogRequest,
    Outcome,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.survey import Row
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import OWNER, DockerRig, Fleet, wait_log
from ansible_collections.hodei.workers.tests.support.docker_fleets import fail_around_calls
from ansible_collections.hodei.workers.tests.support.forks import KILLED, die_at, in_child
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

pytestmark = pytest.mark.xdist_group("docker")
#: Ends well when it is asked to, as many servers do.
GRACEFUL = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"
SHOWING = "trap 'echo again; cat app.toml' HUP; cat app.toml; while :; do sleep 0.05; done"
DIED = HodeiError(Kind.NETWORK, "the run died here")


class Workers(Fleet):
    """A fleet, and the Engine by other eyes."""

    def __init__(self, rig: DockerRig, engine: Any) -> None:
        super().__init__(rig)
        self.api = engine.api
        self._open = rig.open
        self.docker = rig.open()
        self.provider = self.docker

    def once_more(self, name: str, spec: dict[str, Any], **more: Any) -> Outcome:
        """Make a worker as the next run does."""
        self.provider = self._open()
        return self.create(name, spec, **more)

    def inside(self, name: str, *command: str) -> str:
        """Run a command in a worker."""
        return self.provider.exec(ExecRequest(self.target(name), command)).stdout.decode()

    def update(self, name: str, spec: dict[str, Any], digest: str = "digest-2", **more: Any) -> Outcome:
        """Bring a worker up to date."""
        request: CreateRequest = self.request(name, spec, digest=digest, **more)
        (outcome,) = self.provider.update([request])
        return outcome

    def helpers(self) -> list[str]:
        """Return the containers that are there for a moment only."""
        return [one["Id"] for one in self.api.containers(all=True, filters={"label": f"hodei.helper-of={OWNER}"})]


@pytest.fixture
def workers(shared_testbed: Testbed, tmp_path: Path) -> Iterator[Workers]:
    """A fleet on the Engine."""
    engine = shared_testbed.need("docker")
    rig = DockerRig(tmp_path, engine)
    yield Workers(rig, engine)
    rig.close()


def die(*_words: Any, **_more: Any) -> None:
    """Stand for what a run that was killed did not do."""
    raise DIED


def showing(workers: Workers, *files: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return a worker that shows a file, again at each SIGHUP."""
    told = [{"path": path, "content": content} for path, content in files]
    return {**workers.rig.shell(SHOWING), "files": told, "reload": {"signal": "SIGHUP"}, **more}


def test_a_restart_that_is_cut_leaves_it_running(workers: Workers) -> None:
    """Whenever the run is killed: a worker that ends with 0 would else count as one that has done its work."""
    workers.make("a", {**workers.rig.shell(GRACEFUL), "init": False})
    wait_log(workers, "a", b"ready")

    def restart(number: int) -> None:
        fail_around_calls()
        die_at(number)
        list(workers.rig.open().act(Verb.RESTART, [workers.target("a")]))

    for number in itertools.count(1):
        code = in_child(functools.partial(restart, number))
        workers.wait("a", WorkerState.RUNNING)
        if code != KILLED:
            break
    assert (number > 2, code) == (True, 0)


def test_a_container_that_was_made_and_got_nothing_yet(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its second network, its new volume and its file come with the next run."""
    spec = workers.rig.shell("while :; do sleep 1; done") | {
        "user": "1000:1000",
        "network": {"type": "hybrid"},
        "volumes": [{"name": "hodei-cut-short", "path": "/data", "type": "named"}],
        "files": [{"path": "a", "content": "one"}],
    }
    monkeypatch.setattr(workers.docker._networks, "connect", die)
    assert workers.create("a", spec).error is not None
    monkeypatch.undo()
    monkeypatch.setattr(workers.docker._containers._delivery, "furnish", die)
    assert workers.create("a", spec).error is not None
    try:
        outcome = workers.once_more("a", spec)
        assert outcome.error is None
        assert outcome.observation is not None
        assert outcome.observation.drift == {}
        shown = workers.api.inspect_container(f"{OWNER}.a.1")
        assert {*shown["NetworkSettings"]["Networks"]} == {f"{OWNER}.private", "bridge"}
        assert workers.inside("a", "stat", "-c", "%u:%g", "/data") == "1000:1000\n"
        workers.do(Verb.DELETE, "a")
        assert workers.once_more("a", spec | {"user": "2000"}, digest="digest-2").error is None
        assert workers.inside("a", "stat", "-c", "%u:%g", "/data") == "1000:1000\n", (
            "it was there, and is not taken over"
        )
    finally:
        workers.rig.close()
        workers.api.remove_volume("hodei-cut-short")


def test_a_name_whose_holder_is_just_deleted(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename was cut, and its worker has left the document: the name is free, whoever comes first."""
    held = workers.make("old", workers.rig.shell("sleep 600")).external_id
    workers.api.rename(held, f"{OWNER}.a.1")
    named = workers.docker._containers._named

    def too_late(row: Row) -> Row:
        workers.api.remove_container(held, force=True)
        return named(row)

    monkeypatch.setattr(workers.docker._containers, "_named", too_late)
    workers.make("a", workers.rig.shell("sleep 600"))


def test_a_container_stays_when_somebody_else_is_at_it(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be given its files is removed; what another run has changed meanwhile is that one's."""
    spec = showing(workers, ("app.toml", "one\n"))
    conflict = HodeiError(Kind.CONFLICT, "somebody else did")

    def put(*_words: Any) -> None:
        raise conflict

    monkeypatch.setattr(workers.docker._containers.ledger, "put", put)
    assert workers.create("a", spec).error is not None
    assert workers.state("a") is WorkerState.CREATING
    assert workers.once_more("a", spec).error is None


def test_a_helper_goes_with_the_next_run(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """With it all that it held: no volume is left when the worker is gone."""
    volumes = len(workers.api.volumes()["Volumes"] or ())
    spec = showing(workers, ("conf/a", "one\n"), security={"read_only_root": True}, command=["sleep", "600"])
    spec["volumes"] = [{"name": "conf", "path": "conf"}]
    remove = workers.docker.engine.api.remove_container

    def killed(*words: Any, **more: Any) -> None:
        if workers.helpers():
            raise DIED
        remove(*words, **more)

    monkeypatch.setattr(workers.docker.engine.api, "remove_container", killed)
    assert workers.create("a", spec).error is not None
    monkeypatch.undo()
    assert workers.helpers()
    workers.provider.attend()
    assert not workers.helpers()
    assert workers.once_more("a", spec).error is None
    workers.do(Verb.DELETE, "a")
    assert not workers.helpers()
    assert len(workers.api.volumes()["Volumes"] or ()) == volumes


def test_one_that_led_a_path_astray_hides_no_other(workers: Workers) -> None:
    """All are seen, its own file is drift, and what is in the way is named."""
    spec = showing(workers, ("app.toml", "one\n"), ("conf/x", "1"))
    workers.make("a", spec)
    workers.make("b", showing(workers, ("app.toml", "one\n")))
    workers.inside("a", "sh", "-c", "rm -r conf; touch conf")
    odd, other = workers.see("a"), workers.see("b")
    assert odd is not None
    assert other is not None
    assert (odd.drift, other.drift) == ({"files.conf/x.content": "hmac:changed"}, {})
    error = workers.update("a", spec, "digest-1", drifted=tuple(odd.drift)).error
    assert error is not None
    assert (error.kind, "conf is no directory" in error.message) == (Kind.CONFLICT, True)
    workers.do(Verb.DELETE, "a")


def test_files_that_cannot_be_removed_do_not_keep_the_others(workers: Workers) -> None:
    """In an image without `rm`: the new files are there and told of once, and each run says what it could not do."""
    workers.make("a", showing(workers, ("app.toml", "one\n"), ("old", "x")))
    workers.inside("a", "sh", "-c", "for one in /bin /sbin /usr/bin; do rm -f $one/rm; done")
    spec = showing(workers, ("app.toml", "two\n"))
    for drifted in ((), ("files.old.content",)):
        outcome = workers.update("a", spec, drifted=drifted)
        assert outcome.error is not None
        assert "old cannot be removed from the container" in outcome.error.message
        assert outcome.observation is not None
        assert (outcome.observation.spec_digest, outcome.observation.stale) == ("digest-2", False)
        assert outcome.observation.drift == {"files.old.content": "hmac:changed"}
        wait_log(workers, "a", b"again\ntwo")
    assert workers.provider.logs(LogRequest(workers.target("a"))).text.count(b"again") == 1


def test_a_pause_whose_answer_is_lost(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came to pass, and is taken back."""
    spec = {**workers.rig.shell("sleep 600"), "files": [{"path": "a", "content": "one"}]}
    workers.make("a", spec)
    api = workers.docker.engine.api
    pause = api.pause

    def lost(container: str) -> None:
        pause(container)
        raise TimeoutError

    monkeypatch.setattr(api, "pause", lost)
    outcome = workers.update("a", spec | {"files": [{"path": "a", "content": "two"}]})
    assert outcome.error is None
    assert workers.state("a") is WorkerState.RUNNING


def test_no_value_of_the_environment_is_told(workers: Workers) -> None:
    """Neither half of one, where a message is cut, nor in the Engine's own words; and ours are not taken for one."""
    secret = "hunter2-" * 8
    env = {"SECRET": secret, "NUMBER": "3", "UNBUFFERED": "1"}
    loud = workers.rig.shell("echo $SECRET; printf %0580d 0; echo; exit 3") | {
        "env": env,
        "restart": {"policy": "never"},
    }
    said = workers.create("loud", loud).error
    unknown = workers.create("unknown", {**workers.rig.shell(""), "command": ["/bin/$(SECRET)"], "env": env}).error
    assert said is not None
    assert unknown is not None
    assert "hunter" not in f"{said}{unknown}{workers.see('loud')}{workers.see('unknown')}"
    assert "exited with code 3" in said.message
    assert "/bin/***" in unknown.message

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker drains on a bad day: its supervisor is killed on the way, or its service answers nonsense. No job is cut off or done twice."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    Activity,
    DrainRequest,
    Outcome,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.failpoint import (
    DRAIN_NAMES,
    VARIABLE,
)
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig, patient
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

#: Takes a job when it starts, works until `finish` is there, and then idles; each event is a line in `journal`.
ONE_JOB = (
    "trap 'echo told >> {0}/journal' QUIT; echo begun >> {0}/journal; while ! test -e {0}/finish; do sleep 0.02; done; "
    "echo finished >> {0}/journal; exec sleep 600"
)


def drained(fleet: Fleet, how: Drain, then: Verb | None = None) -> Outcome:
    """Ask the worker once, and leave a verb with the supervisor."""
    target = Target(fleet.target("worker").address, 1, lifecycle=Lifecycle(grace=2.0, drain=how))
    (outcome,) = fleet.provider.drain([DrainRequest(target, then)])
    return outcome


@pytest.mark.parametrize(
    ("way", "verb"), [("asked", Verb.DELETE), ("told", Verb.DELETE), ("asked", Verb.STOP), ("told", Verb.RESTART)]
)
@pytest.mark.parametrize("name", DRAIN_NAMES)
def test_killed_at_a_failpoint(
    fleet: Fleet, rig: ProcessRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, way: str, verb: Verb
) -> None:
    """The job comes to its end, it is told once, and the next supervisor does once what was left."""
    armed, journal = tmp_path / "armed", tmp_path / "journal"
    monkeypatch.setenv(VARIABLE, f"{name}@{armed}")
    busy = {"command": ["/bin/sh", "-c", f"! test -e {tmp_path}/finish"]}
    how = Drain(tell={"signal": "SIGQUIT"} if way == "told" else {}, busy=busy, interval=0.05)
    made = fleet.make("worker", rig.shell(ONE_JOB.format(tmp_path)), lifecycle=Lifecycle(grace=2.0, drain=how))
    wait_for(journal.exists, "the job to begin")
    armed.touch()
    assert drained(fleet, how, verb).activity is Activity.BUSY
    assert armed.exists() == (name == "settling")
    seen = fleet.see("worker")
    assert seen is not None
    assert (seen.state, seen.started_at) == (WorkerState.RUNNING, made.started_at)
    (tmp_path / "finish").touch()
    if name == "settling":
        wait_for(lambda: not armed.exists() and rig.supervisor() is None, "the supervisor to die")
        assert rig.objects() == 1, "nothing was done to it yet"
    fleet.provider.attend()
    if verb is Verb.DELETE:
        wait_for(lambda: fleet.see("worker") is None, "the worker to be deleted")
    elif verb is Verb.STOP:
        fleet.wait("worker", WorkerState.STOPPED)
    else:
        wait_for(lambda: (one := fleet.see("worker")) and one.started_at != made.started_at, "another run")
        wait_for(lambda: journal.read_text().count("finished") == 2, "the second job to end")
        assert fleet.wait("worker", WorkerState.RUNNING).draining is None
    assert rig.objects() == (verb is Verb.RESTART)
    lines = journal.read_text().split()
    assert lines.count("told") == (way == "told")
    assert [line for line in lines if line != "told"] == ["begun", "finished"] * (2 if verb is Verb.RESTART else 1)


#: What a service may send; each closes the connection after it.
SAYS_NOTHING = {
    "error": b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
    "unavailable": b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
    "beyond": b"HTTP/1.1 999 Denied\r\n\r\n",
    "early": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /idle\r\n\r\n",
    "login": b"HTTP/1.1 401 Unauthorized\r\n\r\n",
    "later": b"HTTP/1.1 429 Too Many Requests\r\n\r\n",
    "closed": b"",
    "empty": b"\r\n",
    "garbage": bytes(range(128, 256)) * 8,
    "endless": b"x" * 200_000,
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "words": b"HTTP/1.1 none at all\r\n\r\n",
    "negative": b"HTTP/1.1 -404 Not Found\r\n\r\n",
    "long": b"HTTP/1.1 4040 Not Found\r\n\r\n",
    "cut in the number": b"HTTP/1.1 40",
    "cut after the number": b"HTTP/1.1 404",
}
SAYS = {
    "busy": (b"HTTP/1.1 200 OK\r\n\r\n", Activity.BUSY),
    "idle": (b"HTTP/1.1 404 Not Found\r\n\r\n", Activity.IDLE),
}


class Service(socketserver.BaseRequestHandler):
    """Answers by the path that it is asked for; ``slow`` keeps the line open and says nothing but the beginning."""

    over = threading.Event()

    def handle(self) -> None:
        """Answer one request."""
        path = self.request.recv(65536).split()[1].decode().strip("/").replace("-", " ")
        answer = SAYS[path][0] if path in SAYS else SAYS_NOTHING.get(path, b"HTTP/1.1 404")
        try:
            self.request.sendall(answer)
        except ConnectionError:
            return  # whoever asked has heard enough
        if path == "slow":
            self.over.wait(60)


@pytest.fixture
def service() -> Iterator[int]:
    """The port of such a service."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        Service.over.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [{}, {"status": 200}, {"status": 204}], ids=["any", "200", "204"])
def test_an_answer_that_says_nothing_is_never_idle(
    fleet: Fleet, rig: ProcessRig, service: int, status: dict[str, Any]
) -> None:
    """Errors, garbage, silence, redirects and closed connections; also where the document names the status that means busy."""

    def asked(path: str) -> Drain:
        return Drain(busy={"http": {"port": service, "path": f"/{path.replace(' ', '-')}", **status}}, interval=0.05)

    fleet.make("worker", rig.shell("exec sleep 600"), lifecycle=Lifecycle(grace=2.0, drain=asked("busy")))
    for path, (_unused, activity) in SAYS.items():
        expected = activity if status.get("status", 200) == 200 else Activity.IDLE
        assert drained(fleet, asked(path)).activity is expected, path
    silent = ("slow",) if not status else ()
    answers = {path: drained(fleet, asked(path), Verb.DELETE) for path in (*SAYS_NOTHING, *silent)}
    if not status:
        assert answers.pop("redirect").activity is Activity.BUSY, "any status from 200 to 399"
    assert {path: one.activity for path, one in answers.items() if one.activity is not Activity.UNKNOWN} == {}
    assert all(one.reason for one in answers.values())
    assert patient(0.3, lambda: rig.objects() == 1)
    assert fleet.state("worker") is WorkerState.RUNNING

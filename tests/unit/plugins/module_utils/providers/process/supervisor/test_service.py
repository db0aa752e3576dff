# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole supervisor and the provider that talks to it, in one process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    CreateRequest,
    ExecRequest,
    Labels,
    LogRequest,
    Target,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.capacity import import_psutil
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.client import GoneError
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import (
    ProcessProvider,
    owner_directory,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import main

Served = Callable[[Callable[[ProcessProvider], None]], None]
WORKER = Address("worker", "w")
TARGET = Target(WORKER, 1, lifecycle=Lifecycle(grace=1.0))


def request(*command: str, **spec: object) -> CreateRequest:
    """Ask for the worker."""
    return CreateRequest(
        WORKER, 1, "op", {"command": list(command or ("sleep", "600")), **spec}, "d", Labels("o", "l", "k"), worker="w"
    )


def test_a_conversation(served: Served, tmp_path: Path) -> None:
    """Everything that a provider can be asked, and nothing left in the end."""

    def work(provider: ProcessProvider) -> None:
        assert provider.fingerprint().limits.bulk == 1000
        assert list(provider.create([])) == []
        (made,) = provider.create([request("sh", "-c", "echo hello; exec sleep 600")])
        assert made.error is None
        assert made.observation is not None
        assert [one.external_id for one in provider.list().observations] == ["w.1"]
        assert provider.capacity().workers == 1
        done = provider.exec(ExecRequest(TARGET, ("sh", "-c", "cat; echo err >&2; exit 3"), stdin=b"in"))
        assert (done.exit_code, done.stdout, done.stderr) == (3, b"in", b"err\n")
        assert provider.exec(ExecRequest(TARGET, ("no-such",))).exit_code == 127
        assert provider.exec(ExecRequest(TARGET, ("sleep", "600"), timeout=0.2)).timed_out
        deadline = time.monotonic() + 20
        while b"hello" not in provider.logs(LogRequest(TARGET, tail=1)).text:
            assert time.monotonic() < deadline
        assert provider.logs(LogRequest(TARGET, follow=0.2)).text == b"hello\n"
        (updated,) = provider.update([request("sh", "-c", "echo hello; exec sleep 600")])
        assert updated.error is None
        outcomes = [next(iter(provider.act(verb, [TARGET]))) for verb in (Verb.PAUSE, Verb.RESUME, Verb.STOP)]
        assert [one.observation.state for one in outcomes if one.observation] == [
            WorkerState.PAUSED,
            WorkerState.RUNNING,
            WorkerState.STOPPED,
        ]
        with pytest.raises(HodeiError) as caught:
            provider.exec(ExecRequest(TARGET, ("true",)))
        assert caught.value.kind is Kind.CONFLICT
        (gone,) = provider.act(Verb.DELETE, [TARGET])
        assert (gone.error, gone.observation) == (None, None)
        assert [event.event for event in provider.events(TARGET, 100)][:2] == ["created", "started"]
        with pytest.raises(HodeiError) as caught:
            provider.logs(LogRequest(TARGET))
        assert caught.value.kind is Kind.NOT_FOUND
        provider.close()

    served(work)
    assert not any((tmp_path / "inside").iterdir())


def test_refusals_are_errors_with_a_place(served: Served) -> None:
    """Of their kind, about the worker; a bad request does not end the supervisor."""

    def work(provider: ProcessProvider) -> None:
        (failed,) = provider.create([request("/nowhere/x")])
        assert failed.error is not None
        assert (failed.error.kind, failed.error.where) == (Kind.NOT_FOUND, "worker.w")
        assert failed.observation is not None
        (answer,) = provider._client.ask({"op": "create", "items": [{}]})
        assert answer["error"]["kind"] == "internal"
        connection = provider._client.connect()
        assert connection is not None
        with connection:
            connection._sock.sendall(b"no json\n")
            assert connection._sock.recv(100) == b""
        list(provider.act(Verb.DELETE, [TARGET]))

    served(work)


def test_a_caller_who_hangs_up_ends_its_command(served: Served) -> None:
    """Nobody would read what it says."""

    def work(provider: ProcessProvider) -> None:
        list(provider.create([request()]))
        connection = provider._client.demand()
        null = os.open(os.devnull, os.O_RDWR)
        mark = f"602.{os.getpid()}"
        message = {
            "op": "exec", "target": {"name": "w", "key": None, "generation": 1}, "command": ["sleep", mark], "timeout": 60,
            "env": {}, "cwd": "", "user": "",
        }  # fmt: skip
        asked = connection.ask(message, 0.0, (null, null, null))

        def wait() -> None:
            with suppress(GoneError):
                list(asked)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: commands(f"sleep\0{mark}".encode()) == 1)
        connection.hang_up()
        thread.join(20)
        connection.close()
        os.close(null)
        wait_until(lambda: commands(f"sleep\0{mark}".encode()) == 0)
        list(provider.act(Verb.DELETE, [TARGET]))

    served(work)


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll for twenty seconds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def commands(words: bytes) -> int:
    """Count processes by their command line."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found += words in (entry / "cmdline").read_bytes()
            except OSError:
                continue
    return found


def test_a_successor_takes_the_place(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """By exec, with the lock that is held."""
    executed: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda path, words: executed.append(words))

    def work(provider: ProcessProvider) -> None:
        connection = provider._client.connect()
        assert connection is not None
        with connection:
            assert list(connection.ask({"op": "handover", "command": ["/next", "--x"]})) == [{"end": True}]

    served(work)
    assert executed[0][:3] == ["/next", "--x", "--lock-fd"]
    options = main.read_options(['{"directory": "/d"}', *executed[0][2:]])
    assert options["lock"] == int(executed[0][3])
    assert not options["detach"]


def test_the_lock(tmp_path: Path) -> None:
    """One at a time; a lock file that was removed under us is not one."""
    fd = os.open(tmp_path, os.O_RDONLY)
    first = main.take_lock(fd, -1)
    assert main.take_lock(fd, -1) == -1
    assert main.take_lock(fd, first) == first
    (tmp_path / "lock").unlink()
    second = main.take_lock(fd, -1)
    assert second >= 0
    for one in (first, second, fd):
        os.close(one)


@pytest.mark.parametrize(
    ("config", "environ", "expected"),
    [
        ({"directory": "/srv/w"}, {"HODEI_STATE_DIR": "/x"}, "/srv/w/ci/process"),
        ({}, {"HODEI_STATE_DIR": "/x", "XDG_STATE_HOME": "/y"}, "/x/ci/process"),
        ({}, {"XDG_STATE_HOME": "/y"}, "/y/hodei/ci/process"),
        ({}, {}, os.path.expanduser("~/.local/state/hodei/ci/process")),
    ],
)
def test_where_an_owners_workers_lie(config: dict[str, str], environ: dict[str, str], expected: str) -> None:
    """Configuration, environment, default."""
    assert owner_directory(config, "ci", environ) == expected


def test_what_is_missing_or_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command and the variable that cure it."""
    for ports in ("9-1", "0-5", "1-99999"):
        with pytest.raises(HodeiError) as caught:
            ProcessProvider("local", {"port_range": ports}, "o")
        assert caught.value.kind is Kind.CONFIGURATION
    monkeypatch.setitem(__import__("sys").modules, "psutil", None)
    with pytest.raises(HodeiError) as caught:
        import_psutil()
    assert "-m pip install psutil" in caught.value.hint
    assert "ansible_python_interpreter" in caught.value.hint
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(HodeiError) as caught:
        ProcessProvider("local", {"directory": str(tmp_path)}, "o").fingerprint()
    assert caught.value.kind is Kind.COMPATIBILITY

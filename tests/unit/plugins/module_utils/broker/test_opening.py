# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a broker and its clients know each other: each part of it by itself."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.broker import hardening, processes
from ansible_collections.hodei.workers.plugins.module_utils.broker import playbook as playbooks
from ansible_collections.hodei.workers.plugins.module_utils.broker.playbook import (
    Playbook,
    playbook_at,
    this_playbook,
)
from ansible_collections.hodei.workers.plugins.module_utils.broker.wire import Opening
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.support.forks import in_child
from ansible_collections.hodei.workers.tests.support.places import short_directory

PLAYBOOK = Playbook(10, 1000, "/tmp/x", bytes(32))


def test_a_proof_is_of_one_side_of_one_connection() -> None:
    """Nobody can send one back, pass it on to another process, or show it a second time."""
    one = Opening(PLAYBOOK, 20, 30)
    made = one.proof(b"broker", b"a" * 16, b"b" * 16)
    others = [
        one.proof(b"client", b"a" * 16, b"b" * 16),
        one.proof(b"broker", b"c" * 16, b"b" * 16),
        one.proof(b"broker", b"a" * 16, b"c" * 16),
        one._replace(broker=21).proof(b"broker", b"a" * 16, b"b" * 16),
        one._replace(client=31).proof(b"broker", b"a" * 16, b"b" * 16),
        one._replace(playbook=PLAYBOOK._replace(key=b"k" * 32)).proof(b"broker", b"a" * 16, b"b" * 16),
    ]
    assert one.proof(b"broker", b"a" * 16, b"b" * 16) == made
    assert made not in others
    assert repr(PLAYBOOK.key) not in repr((PLAYBOOK, one)), "and no traceback shows what they are made with"


@pytest.mark.skipif(not playbooks.possible(), reason="takes Linux")
def test_a_key_is_of_one_process_and_not_of_who_gets_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of the program that it runs: the random bytes are the kernel's."""

    def key(pid: int, started: int, random: bytes) -> bytes:
        monkeypatch.setattr(playbooks, "started_at", lambda _pid: started)
        monkeypatch.setattr(playbooks, "_random", lambda: random)
        return playbook_at(pid, "").key

    made = key(10, 1000, b"r" * 16)
    assert key(10, 1000, b"r" * 16) == made
    assert made not in (key(11, 1000, b"r" * 16), key(10, 1001, b"r" * 16), key(10, 1000, b"s" * 16))


def test_a_fork_that_has_outlived_its_playbook_belongs_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has that id now is somebody else."""
    parent = SimpleNamespace(pid=os.getppid())
    monkeypatch.setattr("multiprocessing.parent_process", lambda: parent)
    assert this_playbook("").pid == os.getppid(), "the control"
    parent.pid = os.getpid()  # one that lives
    with pytest.raises(HodeiError, match="ansible-playbook has ended"):
        this_playbook("")


def test_a_broker_that_somebody_traces_already_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it has been given anything."""
    monkeypatch.setattr(hardening, "_status", lambda _name: "4711")

    def begin() -> None:
        with pytest.raises(HodeiError, match="is being traced"):
            hardening.harden("hodei-test")

    assert in_child(begin) == 0


def test_a_process_that_has_ended_is_none() -> None:
    """Though its exit status is still there, and with it its place in the tree: what it has asked for is given to nobody."""
    with short_directory() as place, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "s"))
        listener.listen()
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.getsockname())
                theirs.recv(1)
                os._exit(0)
        connection, _unused = listener.accept()
        with connection, ours, theirs:
            handle = processes._handle(connection)
            assert processes.started_at(pid) is not None
            assert processes.descends(connection, os.getpid()), "the control"
            ours.send(b"x")
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert processes.started_at(pid) is None
            if handle is not None:  # since Linux 6.5
                os.close(handle)
                assert not processes.descends(connection, os.getpid())
        os.waitpid(pid, 0)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks the broker and must not, and who answers in its place. Each test has its control: one who may, or what is there to find."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.broker.directory import PrivateDirectory
from ansible_collections.hodei.workers.plugins.module_utils.broker.playbook import Playbook, playbook_at
from ansible_collections.hodei.workers.plugins.module_utils.broker.processes import peer_of
from ansible_collections.hodei.workers.plugins.module_utils.broker.wire import (
    Frame,
    HungUpError,
    Opening,
    open_as_broker,
    receive,
    send,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.tests.support.broker_program import canary
from ansible_collections.hodei.workers.tests.support.brokers import Bed, Fork, collections, forked, read
from ansible_collections.hodei.workers.tests.support.places import short_directory
from ansible_collections.hodei.workers.tests.support.plain_user import run_plainly

CANARY, REFUSED = canary("db/password"), "refused"
NOBODY = 65534
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A playbook's directory; whatever broker serves there is ended."""
    with short_directory() as place, closing(Bed(place)) as made:
        yield made


def asked(playbook: Playbook, key: bytes = b"", path: str = "") -> str:
    """Ask a broker by hand, without any check that the client makes; ``key`` is one that may be another."""
    address = path or os.path.join(playbook.directory, playbook.name)
    ours = playbook._replace(key=key or playbook.key)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(address)
        opening = Opening(ours, peer_of(connection).pid, os.getpid())
        try:
            asking = os.urandom(16)
            connection.sendall(asking)
            answered = connection.recv(48, socket.MSG_WAITALL)[:16]
            send(connection, Frame(read()), before=opening.proof(b"client", asking, answered))
            frame = receive(connection)
        except (HungUpError, ConnectionError):
            return REFUSED
    return frame.body.decode() if frame else REFUSED


def test_a_process_of_the_same_user_that_is_no_descendant_gets_nothing(bed: Bed) -> None:
    """Though it has the key: it is the mother of the playbook here, not its child."""
    with forked(bed.value) as play:
        assert play.said() == CANARY, "the control"
        assert asked(playbook_at(play.pid, str(bed.meeting))) == REFUSED
        with pytest.raises(HodeiError, match="hangs up"):
            bed.client(playbook_at(play.pid, str(bed.meeting))).ask(read())
    assert len(bed.lines("use")) == 1


def test_a_descendant_without_the_key_gets_nothing(bed: Bed) -> None:
    """A command that a play runs on this machine is a descendant and no fork: its random bytes are its own."""
    playbook = bed.playbook
    bed.client().ask(read())
    code = f"""if True:
        import sys; sys.path.insert(0, {str(collections())!r})
        from {asked.__module__} import asked, playbook_at
        theirs = playbook_at({playbook.pid}, {playbook.directory!r})
        print(theirs.name == {playbook.name!r}, asked(theirs, path=theirs.directory + "/" + {playbook.name!r}))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", REFUSED]
    assert asked(playbook, key=os.urandom(32)) == REFUSED
    assert asked(playbook) == CANARY, "the control"


@root
def test_another_user_gets_nothing(bed: Bed) -> None:
    """Not through the directory, and not when all doors are open and it is a descendant that has the key."""
    playbook = bed.playbook
    bed.client().ask(read())

    def as_nobody(ask: Callable[[], str]) -> str:
        def work() -> str:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                return ask()
            except (PermissionError, HodeiError) as error:
                return type(error).__name__

        fork = Fork(work, stay=False)
        try:
            return fork.said()
        finally:
            fork.end()

    for above in bed.meeting.parents:  # pytest closes its directories
        if above.stat().st_mode & 0o777 == 0o700:
            above.chmod(0o755)
    assert as_nobody(lambda: asked(playbook)) == "PermissionError"
    assert as_nobody(lambda: bed.value(playbook)) == "HodeiError"
    bed.meeting.chmod(0o755)
    (bed.meeting / playbook.name).chmod(0o777)
    assert as_nobody(lambda: asked(playbook)) == REFUSED
    assert asked(playbook) == CANARY, "the control"


def test_nobody_gets_anything_by_the_id_of_a_dead_playbook(bed: Bed) -> None:
    """A process that has got the id since started at another time: nobody serves it for the dead one."""
    playbook = bed.playbook
    with pytest.raises(HodeiError, match="ansible-playbook has ended"):
        bed.start(playbook._replace(started=playbook.started - 1))
    assert bed.client(playbook).ask(read()).body.decode() == CANARY, "the control"


def impostor(bed: Bed, playbook: Playbook, key: bytes, uid: int) -> AbstractContextManager[Fork]:
    """Have somebody listen in the broker's place, and answer whoever asks with a value of theirs."""

    def work() -> str:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(bed.meeting / playbook.name))
        os.chown(bed.meeting / playbook.name, uid, uid)
        os.setuid(uid)
        listener.listen()
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        return "listens"

    def answer(listener: socket.socket) -> None:
        while True:
            connection, _unused = listener.accept()
            with connection, suppress(HungUpError, OSError):
                opening = Opening(playbook._replace(key=key), os.getpid(), peer_of(connection).pid)
                open_as_broker(connection, opening)
                frame = receive(connection)
                (bed.place / "stolen").write_text(str(frame.head if frame else ""))
                send(connection, Frame({"version": 1}, b"theirs"))

    return forked(work)


@pytest.mark.parametrize("uid", [os.geteuid(), pytest.param(NOBODY, marks=root)])
def test_a_socket_made_beforehand_is_not_asked(bed: Bed, uid: int) -> None:
    """Whoever made it: without the key it is told nothing, and nobody believes it."""
    playbook = bed.playbook
    with impostor(bed, playbook, os.urandom(32), uid) as fork:
        assert fork.said() == "listens"
        with pytest.raises(HodeiError) as caught:
            bed.client().ask(read())
    assert caught.value.kind is Kind.AUTHENTICATION
    assert not (bed.place / "stolen").exists()
    assert not bed.brokers()


def test_the_control_of_the_impostor(bed: Bed) -> None:
    """With the key it would be believed, so it is the key that keeps it out."""
    playbook = bed.playbook
    with impostor(bed, playbook, playbook.key, os.geteuid()) as fork:
        assert fork.said() == "listens"
        assert bed.client().ask(read()).body == b"theirs"


@root
def test_another_user_is_not_believed_with_the_key(bed: Bed) -> None:
    """The kernel says who listens, before a word is exchanged."""
    playbook = bed.playbook
    with impostor(bed, playbook, playbook.key, NOBODY) as fork:
        assert fork.said() == "listens"
        with pytest.raises(HodeiError, match=f"a process of user {NOBODY}"):
            bed.client().ask(read())
    assert not (bed.place / "stolen").exists()


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_directory_that_others_can_enter_is_refused(bed: Bed, mode: int) -> None:
    """Before anything is made in it."""
    bed.meeting.chmod(mode)
    with pytest.raises(HodeiError, match="cannot be trusted"):
        bed.client()
    assert not list(bed.meeting.iterdir())


def test_a_link_to_a_directory_is_refused(bed: Bed, tmp_path: Path) -> None:
    """Whoever can make the link chooses what is behind it."""
    (tmp_path / "link").symlink_to(bed.meeting)
    with pytest.raises(HodeiError, match="cannot be trusted"):
        PrivateDirectory(str(tmp_path / "link"))


def test_nothing_of_a_value_is_in_files_arguments_or_environment(bed: Bed) -> None:
    """The broker leaves a socket and two empty lock files; the log and the journal are the test's."""
    bed.client().ask(read())
    (broker,) = bed.brokers()
    for name in ("cmdline", "environ", "comm"):
        text = Path(f"/proc/{broker}/{name}").read_bytes()
        assert CANARY.encode() not in text
        assert bed.playbook.key.hex().encode() not in text
    files = {path.name: path.stat().st_size for path in bed.meeting.iterdir()}
    assert sorted(files.values()) == [0, 0, 0]
    assert len(files) == 3


def test_nobody_of_the_same_user_looks_into_it(testbed: Any) -> None:
    """Neither memory nor environment nor files, and no debugger."""
    needed = (
        "plugins/module_utils/model",
        "plugins/module_utils/broker",
        "plugins/module_utils/ansible/broker_program.py",
        "tests/support/brokers.py",
        "tests/support/broker_program.py",
        "tests/testbed/wait.py",
    )
    with tempfile.TemporaryDirectory(prefix="hodei-") as place:
        os.chmod(place, 0o755)
        run_plainly(Path(place), testbed, needed, "broker_scenarios", "closed")


def test_no_core_and_locked_where_it_may(bed: Bed) -> None:
    """As the kernel shows it."""
    bed.client().ask(read())
    (broker,) = bed.brokers()
    limits = Path(f"/proc/{broker}/limits").read_text()
    assert next(line for line in limits.splitlines() if "core" in line).split()[4:6] == ["0", "0"]
    if os.geteuid() == 0:
        locked = Path(f"/proc/{broker}/status").read_text().partition("VmLck:")[2].split()[0]
        assert int(locked) > 1000

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile worker of another user, below a supervisor that is root: nothing outside its own directory is touched."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, LogRequest, Verb
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig, wait_log


@pytest.fixture
def rig(open_place: Path, user: pwd.struct_passwd) -> Iterator[ProcessRig]:
    """Processes that others can walk to, of a supervisor that is itself in a group which no worker is to have."""
    groups = os.getgroups()
    os.setgroups([*groups, user.pw_gid + 1])
    with closing(ProcessRig(open_place)) as made:
        yield made
    os.setgroups(groups)


def hostile(fleet: Fleet, user: pwd.struct_passwd, script: str, **more: Any) -> dict[str, Any]:
    """Return a spec of a worker that runs a script as the other user."""
    return {**fleet.rig.shell(f"{script}; echo done; sleep 600"), "user": user.pw_name, **more}


def test_it_is_the_other_user_and_nobody_else(fleet: Fleet, rig: ProcessRig, user: pwd.struct_passwd) -> None:
    """Groups, group and user are dropped, privileges cannot come back, nothing but three streams is open."""
    script = "id -u; id -g; id -G; grep -E 'NoNewPrivs|CapEff|Uid|Gid' /proc/self/status; ls /proc/$$/fd; umask; pwd"
    fleet.make("other", hostile(fleet, user, script))
    wait_log(fleet, "other", b"done")
    text = fleet.provider.logs(LogRequest(fleet.target("other"))).text.decode()
    lines = text.split("\n")
    assert lines[:3] == [str(user.pw_uid), str(user.pw_gid), str(user.pw_gid)]
    for name, number in (("Uid", user.pw_uid), ("Gid", user.pw_gid)):
        four = [str(number)] * 4
        assert "\t".join((f"{name}:", *four)) in lines, "real, effective, saved, of files: nothing to go back to"
    assert "NoNewPrivs:\t1" in lines
    assert "CapEff:\t0000000000000000" in lines
    assert lines[7:10] == ["0", "1", "2"]
    assert "0022" in lines
    assert f"{rig.directory}/workers/other.1" in lines
    result = fleet.provider.exec(ExecRequest(fleet.target("other"), ("id", "-u")))
    assert result.stdout.decode().strip() == str(user.pw_uid)


def test_links_are_not_followed_when_it_is_deleted(fleet: Fleet, open_place: Path, user: pwd.struct_passwd) -> None:
    """What a link points to stays, a file as well as a directory."""
    precious = open_place / "precious"
    (precious / "deep").mkdir(parents=True)
    (precious / "deep" / "file").write_text("stays")
    script = f"mkdir -p a/b; ln -s {precious} a/link; ln -s {precious}/deep/file file; cd ..; ln -s {precious} x 2>&1"
    fleet.make("links", hostile(fleet, user, script))
    wait_log(fleet, "links", b"done")
    assert fleet.do(Verb.DELETE, "links") is None
    assert (precious / "deep" / "file").read_text() == "stays"
    assert precious.stat().st_uid == os.geteuid()


def test_directories_that_are_swapped_for_links_while_it_is_deleted(
    fleet: Fleet, open_place: Path, user: pwd.struct_passwd
) -> None:
    """The race that naive deletion loses."""
    precious = open_place / "precious"
    precious.mkdir()
    for number in range(20):
        (precious / f"file{number}").write_text("stays")
    swap = f"""
    while :; do
      for n in 1 2 3 4 5 6 7 8; do rm -rf d$n 2>/dev/null; mkdir -p d$n/sub 2>/dev/null; touch d$n/file0 2>/dev/null; done
      for n in 1 2 3 4 5 6 7 8; do mv d$n e$n 2>/dev/null; ln -s {precious} d$n 2>/dev/null; done
    done & disown; (setsid sh -c 'while :; do ln -sfn {precious} d1; done' &)"""
    for round_ in range(3):
        fleet.make(
            "racer", hostile(fleet, user, swap.replace("disown; ", "")), generation=round_ + 1, digest=f"d{round_}"
        )
        fleet.do(Verb.DELETE, "racer", generation=round_ + 1, grace=0.0)
    assert len(list(precious.iterdir())) == 20


def test_a_planted_volume_link_is_not_entered(fleet: Fleet, open_place: Path, user: pwd.struct_passwd) -> None:
    """A volume below a link that the worker has planted is refused at the next start, and nothing is given away."""
    precious = open_place / "precious"
    precious.mkdir(mode=0o755)
    spec = hostile(
        fleet,
        user,
        f"rm -rf data; ln -sfn {precious} data",
        volumes=[{"name": "inner", "path": "data/inner", "type": "empty"}],
    )
    fleet.make("volume", spec)
    wait_log(fleet, "volume", b"done")
    outcome = fleet.act(Verb.RESTART, "volume")
    assert outcome.error is not None
    assert "link" in outcome.error.hint
    assert list(precious.iterdir()) == []
    assert precious.stat().st_uid == os.geteuid()


def test_files_are_written_nowhere_else(fleet: Fleet, open_place: Path, user: pwd.struct_passwd) -> None:
    """Links on the way and in the place, and a directory of somebody else that was moved in: nothing of it is written."""
    precious = open_place / "precious"
    (precious / "deep").mkdir(parents=True)
    (precious / "passwd").write_text("stays")
    shared = open_place / "shared"
    shared.mkdir()
    foreign = shared / "foreign"
    foreign.mkdir()
    shared.chmod(0o777)
    foreign.chmod(0o777)
    script = f"ln -s {precious} conf; ln -s {precious}/passwd app.toml; mv {foreign} moved"

    def spec(*paths: str) -> dict[str, Any]:
        return hostile(fleet, user, script, files=[{"path": path, "content": "planted"} for path in paths])

    fleet.make("files", spec())
    wait_log(fleet, "files", b"done")
    for path in ("conf/x", "conf/deep/x", "moved/x"):
        request = fleet.request("files", spec(path), digest=f"d-{path}")
        (outcome,) = fleet.provider.update([request])
        assert outcome.error is not None, path
        assert path in outcome.error.message
    (outcome,) = fleet.provider.update([fleet.request("files", spec("app.toml"), digest="d-link")])
    assert outcome.error is None
    home = open_place / "conformance" / "process" / "workers" / "files.1"
    assert (home / "app.toml").read_text() == "planted"
    assert not (home / "app.toml").is_symlink()
    assert (home / "app.toml").owner() == user.pw_name
    assert (precious / "passwd").read_text() == "stays"
    assert sorted(path.name for path in precious.rglob("*")) == ["deep", "passwd"]
    assert list((home / "moved").iterdir()) == []
    # And what it plants in the place of a file is not followed when that one leaves the document.
    assert (
        fleet.provider.exec(ExecRequest(fleet.target("files"), ("ln", "-sfn", str(precious), "app.toml"))).exit_code
        == 0
    )
    (outcome,) = fleet.provider.update([fleet.request("files", spec(), digest="d-none")])
    assert outcome.error is None
    assert (precious / "passwd").read_text() == "stays"


def test_an_owner_of_its_own(fleet: Fleet, open_place: Path, user: pwd.struct_passwd) -> None:
    """A file that the worker may read and not write, given away by root."""
    own = {"path": "fixed", "content": "fixed", "owner": f"root:{user.pw_gid}", "mode": "0440"}
    fleet.make("owned", hostile(fleet, user, "cat fixed; echo x > fixed", files=[own]))
    wait_log(fleet, "owned", b"ermission denied")
    found = (open_place / "conformance" / "process" / "workers" / "owned.1" / "fixed").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, user.pw_gid, 0o440)
    seen = fleet.see("owned")
    assert seen is not None
    assert seen.drift == {}


def test_it_cannot_reach_what_is_not_its_own(fleet: Fleet, rig: ProcessRig, user: pwd.struct_passwd) -> None:
    """Records (with everybody's environment), logs, the socket and its neighbours are closed to it."""
    fleet.make("neighbour", {**rig.shell("echo secret > note; sleep 600"), "env": {"PASSWORD": "hunter22"}})
    own = rig.directory
    script = (
        f"cat {own}/records/* {own}/logs/* {own}/workers/neighbour.1/note {own}/events.jsonl; "
        f"ls {own} {own}/workers; touch {own}/x {own}/workers/x"
    )
    fleet.make("curious", hostile(fleet, user, script))
    wait_log(fleet, "curious", b"done")
    text = fleet.provider.logs(LogRequest(fleet.target("curious"))).text
    assert b"hunter22" not in text
    assert text.count(b"ermission denied") >= 8
    assert not (own / "x").exists()


def test_it_cannot_talk_to_the_supervisor(fleet: Fleet, rig: ProcessRig, user: pwd.struct_passwd) -> None:
    """The socket is closed to others, and the peer is asked who it is."""
    import socket
    import sys

    script = f"{sys.executable} -I -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{rig.directory}/socket\")' 2>&1"
    fleet.make("caller", hostile(fleet, user, script.replace(sys.executable, "/usr/bin/python3")))
    wait_log(fleet, "caller", b"done")
    assert b"done" in fleet.provider.logs(LogRequest(fleet.target("caller"))).text
    (rig.directory / "socket").chmod(0o666)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(rig.directory / "socket"))
                code = 0 if client.recv(100) == b"" else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_nest_that_is_deeper_than_our_stack_is_deleted(
    fleet: Fleet, rig: ProcessRig, user: pwd.struct_passwd
) -> None:
    """Two thousand directories in each other, which Python's own deletion cannot follow."""
    script = "i=0; while [ $i -lt 2000 ]; do mkdir d; cd -P d || exit 1; i=$((i+1)); done"
    fleet.make("deep", hostile(fleet, user, script))
    wait_log(fleet, "deep", b"done")
    assert fleet.do(Verb.DELETE, "deep", grace=0.0) is None
    assert list((rig.directory / "workers").iterdir()) == []

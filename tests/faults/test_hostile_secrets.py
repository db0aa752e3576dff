# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile worker tries to get at what is not its own: as another user it gets nothing.

As the user of the task, whom the provider was told to trust, it gets all of it, which shows that the attempts are real ones.
"""

from __future__ import annotations

import json
import os
import pwd
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Delivery
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    ExecRequest,
    LogRequest,
    Observation,
    Verb,
)
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig, secret, wait_log
from ansible_collections.hodei.workers.tests.support.plain_user import python_of
from ansible_collections.hodei.workers.tests.support.secret_fleets import SecretFleet
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

CANARY = "canary-of-the-victim"
#: Whom the victim runs as: a user that nobody is.
VICTIM = "23456"

#: Each attempt either works or fails; nothing of it depends on time.
ATTACKS = """
import ctypes, json, os, socket, sys
told = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
done = {}

def attempt(name):
    def run(function):
        try:
            done[name] = bool(function())
        except OSError:
            done[name] = False
    return run

def read(path):
    with open(path, "rb") as file:
        return file.read(1) or True

def all_files(place):
    return [read(os.path.join(top, name)) for top, _d, names in os.walk(place, onerror=fail) for name in names]

def fail(error):
    raise error

def made(path):
    os.mkdir(path)
    os.rmdir(path)
    return True

def linked(path):
    target = os.path.join(os.environ["HODEI_SECRETS_DIR"], "v", "hard")
    os.chmod(os.path.dirname(target), 0o700)
    os.link(path, target)
    os.unlink(target)
    return True

def connected():
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(told["socket"])
        return client.recv(10)

def traced(pid):
    if libc.ptrace(0x4206, pid, 0, 0) != 0:  # PTRACE_SEIZE
        raise OSError(ctypes.get_errno(), "ptrace")
    libc.ptrace(0x4207, pid, 0, 0)  # PTRACE_INTERRUPT: only who is stopped can be let go
    os.waitpid(pid, 0x40000000)
    libc.ptrace(17, pid, 0, 0)  # PTRACE_DETACH
    return True

def memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if "[stack]" in line)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(start)
        return file.read(8)

def descriptors(pid):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    return found

def taken(pid):
    other = os.pidfd_open(pid)
    got = libc.syscall(438, other, 0, 0)  # pidfd_getfd
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    os.close(got)
    return True

for name in ("keys", "state"):
    attempt(name)(lambda name=name: all_files(told[name]))
for name in ("records", "logs"):
    attempt(name)(lambda name=name: all_files(f"{told['directory']}/{name}"))
attempt("events")(lambda: read(f"{told['directory']}/events.jsonl"))
attempt("supervisor's socket")(connected)
attempt("names of all")(lambda: os.listdir(told["base"]))
attempt("write where all lie")(lambda: made(f"{told['base']}/planted"))
attempt("names of the victim")(lambda: os.listdir(told["gate"]))
attempt("file of the victim")(lambda: read(f"{told['gate']}/current/key"))
attempt("volume of the victim")(lambda: read(f"{told['gate']}/current/v/a"))
attempt("environment of the victim, kept")(lambda: read(f"{told['gate']}/{told['version']}.env"))
attempt("link to a file of the victim")(lambda: linked(f"{told['gate']}/current/key"))
attempt("through its directory")(lambda: read(f"{told['home']}/secrets/key"))
for who in ("supervisor", "victim"):
    pid = told[who]
    attempt(f"memory of the {who}")(lambda: memory(pid))
    attempt(f"environment of the {who}")(lambda: read(f"/proc/{pid}/environ"))
    attempt(f"descriptors of the {who}")(lambda: descriptors(pid))
    attempt(f"root of the {who}")(lambda: os.listdir(f"/proc/{pid}/root/"))
    attempt(f"trace the {who}")(lambda: traced(pid))
    attempt(f"take a descriptor of the {who}")(lambda: taken(pid))
own = os.path.realpath(os.environ["HODEI_SECRETS_DIR"])
attempt("plant in its own")(lambda: made(f"{own}/planted"))
attempt("plant beside its own")(lambda: made(f"{os.path.dirname(own)}/planted"))
attempt("its own kept environment")(lambda: read(f"{own}.env"))
print("DONE " + json.dumps(done), flush=True)
"""


@pytest.fixture
def rig(open_place: Path) -> Iterator[ProcessRig]:
    """Processes that others can walk to."""
    with closing(ProcessRig(open_place)) as made:
        yield made


def update(fleet: Fleet, name: str, spec: dict[str, Any], *secrets: Delivery) -> Any:
    (outcome,) = fleet.provider.update([fleet.request(name, spec, secrets=secrets)])
    return outcome


def attempts(fleet: Fleet, name: str, spec: dict[str, Any], told: dict[str, Any], python: str) -> dict[str, bool]:
    """Run all attacks as a worker of its own, with secrets of its own, and return which of them worked."""
    command = [python, "-I", "-c", f"{ATTACKS}\nimport time; time.sleep(600)", json.dumps(told)]
    given = secret("volume", "v", {"a": "own"}), secret("env", "OWN", "own")
    fleet.make(name, {"command": command, **spec}, secrets=given)
    wait_log(fleet, name, b"DONE ")
    text = fleet.provider.logs(LogRequest(fleet.target(name))).text.decode()
    found: dict[str, bool] = json.loads(text.partition("DONE ")[2].partition("\n")[0])
    return found


def pid_of(seen: Observation) -> int:
    return int(seen.details["pid"])


def test_it_gets_at_nothing(fleet: Fleet, rig: ProcessRig, open_place: Path, user: pwd.struct_passwd) -> None:
    """Keys, state, stores, the supervisor, its neighbour: all of it is closed to another user, and open to a trusted one."""
    (open_place / "caller").mkdir(mode=0o711)  # as a home may be
    SecretFleet(open_place / "caller")
    for path in (open_place / "caller").rglob("*"):
        if path.is_dir():
            path.chmod(0o711)
    keys = open_place / "caller" / "stores"
    victim = fleet.make(
        "victim",
        {**rig.shell("sleep 600"), "user": VICTIM},
        secrets=(secret("env", "PW", CANARY), secret("file", "key", CANARY), secret("volume", "v", {"a": CANARY})),
    )
    link = rig.directory / "workers" / victim.external_id / "secrets"
    gate = Path(os.readlink(link)).parent
    told = {
        "keys": str(keys),
        "state": str(open_place / "caller"),
        "directory": str(rig.directory),
        "socket": str(rig.directory / "socket"),
        "base": str(gate.parent),
        "gate": str(gate),
        "version": os.readlink(gate / "current"),
        "home": str(link.parent),
        "supervisor": rig.supervisor(),
        "victim": pid_of(victim),
    }
    python = python_of(user)
    trusted = attempts(fleet, "trusted", {}, told, python)
    assert [name for name, worked in trusted.items() if not worked] == [], (
        "the negative control: an attack that cannot work"
    )
    hostile = attempts(fleet, "hostile", {"user": user.pw_name}, told, python)
    assert hostile.keys() == trusted.keys()
    assert [name for name, worked in hostile.items() if worked] == []


def test_nothing_of_it_is_in_what_others_see(fleet: Fleet, rig: ProcessRig) -> None:
    """The process list, events, logs, records and the supervisor's environment."""
    given = (secret("env", "PW", CANARY), secret("file", "key", CANARY))
    spec = {**rig.shell(": '$(PW)'; sleep 600"), "env": {"URL": "db://u:$(PW)@host"}, "restart": {"policy": "never"}}
    fleet.make("victim", spec, secrets=given)
    seen = fleet.see("victim")
    assert seen is not None
    environ = Path(f"/proc/{pid_of(seen)}/environ").read_bytes()
    assert f"URL=db://u:{CANARY}@host".encode() in environ, "it has what it should have"
    for pid in Path("/proc").glob("[0-9]*"):
        try:
            assert CANARY.encode() not in (pid / "cmdline").read_bytes()
        except OSError:
            continue
    supervisor = rig.supervisor()
    assert CANARY.encode() not in Path(f"/proc/{supervisor}/environ").read_bytes()
    assert rig.hold([CANARY]) == {"secrets"}


def test_what_it_says_at_its_end_is_blanked_out(fleet: Fleet, rig: ProcessRig) -> None:
    """A program that fails and prints what it was given must not bring that into results and state."""
    script = 'echo "cannot log in with $PW"; cat "$HODEI_SECRETS_DIR/key" "$HODEI_SECRETS_DIR/v/a"; exit 3'
    given = (
        secret("env", "PW", CANARY),
        secret("file", "key", "line-one\nline-two\n"),
        secret("volume", "v", {"a": "in-volume"}),
    )
    outcome = fleet.create("w", {**rig.shell(script), "restart": {"policy": "never"}}, secrets=given)
    assert outcome.error is not None
    assert "cannot log in with ***" in outcome.error.message
    for value in (CANARY, "line-one", "line-two", "in-volume"):
        assert value not in outcome.error.message
        assert value not in repr(fleet.provider.list())


def test_links_in_what_it_was_given_are_not_followed(
    fleet: Fleet, rig: ProcessRig, open_place: Path, user: pwd.struct_passwd
) -> None:
    """Its volume belongs to it: it opens it, plants links and directories there, again and again, while the supervisor changes it."""
    precious = open_place / "precious"
    precious.mkdir(mode=0o755)
    (precious / "a").write_text("stays")
    script = textwrap.dedent(f"""
        cd "$HODEI_SECRETS_DIR"/; echo ready
        while :; do
          d=$(readlink -f "$HODEI_SECRETS_DIR")/v; chmod 700 "$d"
          rm -f "$d/a"; ln -s {precious}/a "$d/a"; ln -s {precious} "$d/.hodei-0.new"
          mkdir -p "$d/x/y"; ln -s {precious} "$d/x/y/z"; rm -rf "$d/w"; ln -s {precious} "$d/w"
        done 2>/dev/null
    """)
    spec = {**rig.shell(script), "user": user.pw_name}
    fleet.make("racer", spec, secrets=(secret("volume", "v", {"a": "0"}),))
    wait_log(fleet, "racer", b"ready")
    for number in range(1, 31):
        outcome = update(fleet, "racer", spec, secret("volume", "v", {"a": str(number), "w": "w"}, number))
        assert outcome.error is None, outcome.error
    gate = Path(os.readlink(rig.directory / "workers" / "racer.1" / "secrets")).parent
    # Old versions go, however much was planted there.
    wait_for(lambda: len([one for one in gate.iterdir() if one.is_dir() and not one.is_symlink()]) == 1, "one version")
    assert fleet.do(Verb.DELETE, "racer", grace=0.0) is None
    assert not gate.exists()
    assert [(path.name, path.read_text(), path.stat().st_uid) for path in precious.iterdir()] == [("a", "stays", 0)]
    assert (precious.stat().st_uid, precious.stat().st_mode & 0o7777) == (0, 0o755)


@pytest.mark.parametrize("planted", ["ln -sfn PRECIOUS secrets", "rm secrets; cp /etc/hostname secrets"])
def test_what_lies_in_the_place_of_its_link_is_replaced(
    fleet: Fleet, rig: ProcessRig, open_place: Path, user: pwd.struct_passwd, planted: str
) -> None:
    """The directory is the worker's own: a link or a file there is put right, and nothing is written through it."""
    precious = open_place / "precious"
    precious.mkdir(mode=0o777)
    spec = {**rig.shell(f"{planted.replace('PRECIOUS', str(precious))}; echo ready; sleep 600"), "user": user.pw_name}
    fleet.make("w", spec, secrets=(secret("file", "key", "one"),))
    wait_log(fleet, "w", b"ready")
    outcome = update(fleet, "w", spec, secret("file", "key", "two", 2))
    assert outcome.error is None, outcome.error
    assert list(precious.iterdir()) == []
    shown = fleet.provider.exec(ExecRequest(fleet.target("w"), ("sh", "-c", 'cat "$HODEI_SECRETS_DIR/key"')))
    assert shown.stdout == b"two"


@pytest.mark.parametrize(
    "planted",
    ["rm secrets; mkdir -p secrets/x", "ln -s PRECIOUS conf", "mv FOREIGN conf", "mkdir -p conf/app.toml"],
)
def test_what_stands_in_the_way_is_refused(
    fleet: Fleet, rig: ProcessRig, open_place: Path, user: pwd.struct_passwd, planted: str
) -> None:
    """A directory in the place of a link; a link or somebody else's directory on the way: it is told, and all stays as it was."""
    precious, foreign = open_place / "precious", open_place / "shared" / "foreign"
    precious.mkdir(mode=0o755)
    foreign.mkdir(parents=True)
    foreign.parent.chmod(0o777)
    foreign.chmod(0o777)
    script = planted.replace("PRECIOUS", str(precious)).replace("FOREIGN", str(foreign))
    spec = {**rig.shell(f"{script}; echo ready; sleep 600"), "user": user.pw_name}
    old = (secret("file", "key", "one"),)
    fleet.make("w", spec, secrets=old)
    wait_log(fleet, "w", b"ready")
    outcome = update(
        fleet, "w", spec, secret("file", "key", "two", 2), secret("file", "conf/app.toml", "x", in_home=True)
    )
    assert outcome.error is not None
    assert "cannot be put into the worker's directory" in outcome.error.message
    assert "nothing was changed" in outcome.error.message
    seen = fleet.see("w")
    assert seen is not None
    assert seen.secrets == {"file.key": old[0].version}
    assert list(precious.iterdir()) == []
    gate = next(path for path in Path(os.readlink(rig.directory / "secrets")).iterdir())
    assert (gate / "current" / "key").read_text() == "one"


def test_two_workers_of_one_user_are_told_of(fleet: Fleet, rig: ProcessRig, user: pwd.struct_passwd) -> None:
    """By the doctor; those with users of their own, and those without secrets, are not."""
    for name, who, given in (("a", user.pw_name, True), ("b", VICTIM, True), ("c", user.pw_name, False)):
        fleet.make(
            name, {**rig.shell("sleep 600"), "user": who}, secrets=(secret("file", "key", "x"),) if given else ()
        )

    def shared() -> list[str]:
        return [one.message for one in fleet.provider.examine() if "each other" in one.message]  # type: ignore[attr-defined]

    assert shared() == []
    fleet.make("d", {**rig.shell("sleep 600"), "user": user.pw_name}, secrets=(secret("file", "key", "x"),))
    (said,) = shared()
    assert said.endswith(f"because they run as {user.pw_name}: a, d")

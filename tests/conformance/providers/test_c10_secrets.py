# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C10: secrets reach a worker, change under it, and leave with it; nothing of them is anywhere else."""

from __future__ import annotations

import os
from typing import Any, cast

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import OnChange, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Delivery
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import (
    ExecRequest,
    LogRequest,
    Observation,
    Outcome,
    Verb,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, SecretRig, needs, secret, wait_log
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

MANY = 50
BINARY = bytes(range(256))
#: Says with what it begins, and stays.
SHOWING = 'echo "began with <$PASSWORD>"; while :; do sleep 0.05; done'
#: Opens the directory of a volume again and again, and says when what lies there does not belong together.
READING = """
import os, time
place = os.path.join(os.environ["HODEI_SECRETS_DIR"], "pair")
rounds = 0
while True:
    began = time.monotonic()
    try:
        fd = os.open(place, os.O_RDONLY)
        names = sorted(os.listdir(fd))
        found = {open(os.open(name, os.O_RDONLY, dir_fd=fd)).read() for name in names}
        os.close(fd)
        if names != ["a", "b"] or len(found) != 1:
            print("torn", names, found, flush=True)
    except OSError as error:
        if time.monotonic() - began < 3:  # who is held up for longer than a version can be read may miss it
            print("torn", error, flush=True)
    rounds += 1
    if rounds % 100 == 0:
        print("round", rounds, found, flush=True)
"""


@pytest.fixture(autouse=True)
def carried(fleet: Fleet) -> None:
    """Only where the provider carries them."""
    needs(fleet, "secrets.env", "secrets.file", "secrets.volume")


def output(fleet: Fleet, script: str, name: str = "w") -> str:
    """Run a script beside a worker."""
    result = fleet.provider.exec(ExecRequest(fleet.target(name), ("sh", "-c", f'cd "$HODEI_SECRETS_DIR"; {script}')))
    return result.stdout.decode() + result.stderr.decode()


def update(fleet: Fleet, spec: dict[str, Any], *secrets: Delivery, name: str = "w", **more: Any) -> Outcome:
    (outcome,) = fleet.provider.update([fleet.request(name, spec, secrets=secrets, **more)])
    return outcome


def updated(fleet: Fleet, spec: dict[str, Any], *secrets: Delivery, **more: Any) -> Observation:
    outcome = update(fleet, spec, *secrets, **more)
    assert outcome.error is None, outcome.error
    assert outcome.observation is not None
    return outcome.observation


def seen(fleet: Fleet, name: str = "w") -> Observation:
    found = fleet.see(name)
    assert found is not None
    return found


def versions(*secrets: Delivery) -> dict[str, str]:
    return {one.mount.key: one.version for one in secrets}


def test_they_are_there_when_it_starts(fleet: Fleet) -> None:
    """In the environment, as a file of any bytes, and as a directory; who reads them is the worker's user alone."""
    given = (
        secret("env", "PASSWORD", "s3cret-$(HOME)"),
        secret("file", "deep/er/key.bin", BINARY, mode="0440"),
        secret("file", "plain", "text"),
        secret("volume", "tls", {"tls.key": "k", "ca.crt": ""}),
    )
    made = fleet.make("w", fleet.rig.shell(SHOWING), secrets=given)
    assert made.secrets == versions(*given) == seen(fleet).secrets
    wait_log(fleet, "w", b"began with <s3cret-$(HOME)>\n")
    raw = ExecRequest(fleet.target("w"), ("sh", "-c", 'cat "$HODEI_SECRETS_DIR/deep/er/key.bin"'))
    assert fleet.provider.exec(raw).stdout == BINARY
    assert output(fleet, "cat plain tls/tls.key; ls tls") == "textkca.crt\ntls.key\n"
    modes = output(fleet, "stat -L -c %a deep/er/key.bin plain tls tls/tls.key").split()
    assert modes == ["440", "400", "500", "400"]
    assert output(fleet, '[ "$(stat -L -c %u plain tls tls/tls.key | sort -u)" = "$(id -u)" ] && echo own') == "own\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_mode_and_owner_are_as_asked(fleet: Fleet) -> None:
    """And they change without another version."""
    spec = fleet.rig.shell(SHOWING)
    given = secret("file", "key", "k", mode="0440", owner="1234:1235"), secret("volume", "v", {"x": "y"}, owner="1234")
    fleet.make("w", spec, secrets=given)
    assert output(fleet, "stat -L -c '%a %u %g' key; stat -L -c '%a %u' v v/x") == "440 1234 1235\n500 1234\n400 1234\n"
    updated(fleet, spec, secret("file", "key", "k", mode="0400"), given[1], digest="digest-2")
    assert output(fleet, "stat -L -c '%a %u' key") == "400 0\n"


def test_files_change_while_it_runs(fleet: Fleet) -> None:
    """What is new comes, what is named no more goes; who has opened a file keeps what was in it, the process is the same."""
    spec = fleet.rig.shell('exec 3<"$HODEI_SECRETS_DIR/key"; sleep 0.5; while :; do cat <&3; sleep 0.05; done')
    fleet.make("w", spec, secrets=(secret("file", "key", "one\n"), secret("volume", "v", {"a": "1", "b": "2"})))
    before = seen(fleet)
    given = secret("file", "key", "two\n", 2), secret("volume", "v", {"b": "3"}, 2), secret("file", "more", "x")
    assert updated(fleet, spec, *given).secrets == versions(*given)
    assert output(fleet, "cat key v/b more; ls v") == "two\n3xb\n"
    less = given[:1]
    assert updated(fleet, spec, *less, digest="digest-2").secrets == versions(*less)
    assert output(fleet, "ls -A | grep -v '^[.]'") == "key\n"
    after = seen(fleet)
    assert (after.started_at, after.restarts, after.stale) == (before.started_at, before.restarts, False)
    wait_log(fleet, "w", b"one")
    assert b"two" not in fleet.provider.logs(LogRequest(fleet.target("w"))).text
    assert updated(fleet, spec, digest="digest-3").secrets == {}
    assert "key" not in output(fleet, "ls -A $HODEI_SECRETS_DIR")


def test_a_busy_reader_of_a_volume_sees_one_version(fleet: Fleet) -> None:
    """Whoever opens its directory and reads all of it finds all old or all new, and finds it."""
    shell = fleet.rig.shell(f"python3 -c '{READING}'")
    fleet.make("w", shell, secrets=(secret("volume", "pair", {"a": "0", "b": "0"}),))
    wait_log(fleet, "w", b"round")
    for number in range(1, 21):
        updated(fleet, shell, secret("volume", "pair", {"a": str(number), "b": str(number)}, number))
    wait_log(fleet, "w", b"{'20'}")
    text = fleet.provider.logs(LogRequest(fleet.target("w"))).text
    assert b"torn" not in text, text[text.index(b"torn") :][:300]


def test_an_environment_is_that_of_the_start(fleet: Fleet) -> None:
    """It is not said to have the new one before it was started again, even if who asked for that has died."""
    spec, old, new = fleet.rig.shell(SHOWING), secret("env", "PASSWORD", "one"), secret("env", "PASSWORD", "two", 2)
    if cell(fleet.provider.fingerprint().column, "secrets.env").on_change is OnChange.REPLACE:
        pytest.skip("its column says that another environment takes another object")
    fleet.make("w", spec, secrets=(old,))
    wait_log(fleet, "w", b"began with <one>")
    assert updated(fleet, spec, new).secrets == versions(old) == seen(fleet).secrets
    done = fleet.do(Verb.RESTART, "w")
    assert done is not None
    assert done.secrets == versions(new) == seen(fleet).secrets
    wait_log(fleet, "w", b"began with <two>")


def test_one_that_is_stopped_is_given_them_too(fleet: Fleet) -> None:
    """It starts with what was delivered last; and one that is made stopped starts with what it was made with."""
    spec = fleet.rig.shell(f'cat "$HODEI_SECRETS_DIR/key"; {SHOWING}')
    fleet.make("w", spec, secrets=(secret("file", "key", "one\n"),))
    fleet.do(Verb.STOP, "w")
    given = (secret("file", "key", "two\n", 2),)
    assert updated(fleet, spec, *given).secrets == versions(*given)
    fleet.do(Verb.START, "w")
    wait_log(fleet, "w", b"two\n")
    fleet.make("later", spec, intent=Intent.STOPPED, secrets=given)
    assert seen(fleet, "later").secrets == versions(*given)
    fleet.do(Verb.START, "later")
    wait_log(fleet, "later", b"two\n")


def test_a_new_run_has_them(fleet: Fleet) -> None:
    """After a restart that was asked for, and after one that the provider made because it had died."""
    spec = {**fleet.rig.shell(f'cat "$HODEI_SECRETS_DIR/key"; {SHOWING}'), "restart": {"backoff": {"initial": 0.1}}}
    given = secret("env", "PASSWORD", "pw"), secret("file", "key", "k3y\n")
    fleet.make("w", spec, secrets=given)
    fleet.do(Verb.RESTART, "w")
    needs(fleet, "healing")
    fleet.rig.lose(seen(fleet))

    def three_runs() -> bool:
        return fleet.provider.logs(LogRequest(fleet.target("w"))).text.count(b"k3y\nbegan with <pw>\n") == 3

    wait_for(three_runs, "a third run that has them")
    assert seen(fleet).secrets == versions(*given)


def test_what_was_lost_is_seen_and_delivered_again(fleet: Fleet) -> None:
    """As after the start of a machine: nothing is there, so nothing is said to be; no run begins with half of it."""
    needs(fleet, "losing")
    spec, given = fleet.rig.shell(SHOWING), (secret("volume", "v", {"a": "x"}), secret("file", "key", "k"))
    fleet.make("w", spec, secrets=given)
    cast(SecretRig, fleet.rig).lose_secrets(seen(fleet))
    assert seen(fleet).secrets == {}
    outcome = fleet.act(Verb.RESTART, "w")
    assert outcome.error is not None
    assert "secrets" in outcome.error.message
    assert "onverge" in outcome.error.message + outcome.error.hint
    assert fleet.state("w") is WorkerState.FAILED
    assert updated(fleet, spec, *given).secrets == versions(*given)
    fleet.do(Verb.START, "w")
    assert output(fleet, "cat key v/a") == "kx"


def test_a_delivery_that_fails_leaves_the_old_whole(fleet: Fleet) -> None:
    """One that cannot be given as asked, among others that can, changes nothing; and nothing is told of a value."""
    spec, old = fleet.rig.shell(SHOWING), (secret("file", "key", "one"), secret("volume", "v", {"a": "1"}))
    fleet.make("w", spec, secrets=old)
    for bad in (
        secret("volume", "v", {"../../escaped": "canary-1"}, 2),
        secret("env", "PASSWORD", b"canary-1\xff"),
        secret("env", "PASSWORD", b"canary-1\0"),
    ):
        outcome = update(fleet, spec, secret("file", "key", "two", 2), bad, digest="digest-2")
        assert outcome.error is not None
        assert "canary-1" not in repr(outcome.error) + str(outcome.error.as_dict())
        assert seen(fleet).secrets == versions(*old)
        assert output(fleet, "cat key v/a") == "one1"
        assert fleet.create("other", spec, secrets=(bad,)).error is not None
        fleet.do(Verb.DELETE, "other")


def test_what_cannot_start_does_not_show_them(fleet: Fleet) -> None:
    """Not even where the program is searched."""
    spec = {**fleet.rig.shell(SHOWING), "program": "to-be-found"}
    outcome = fleet.create(
        "w", spec, secrets=(secret("env", "PATH", "/canary-1"), secret("env", "PASSWORD", "canary-2"))
    )
    # On a busy machine an Engine may see the end only after the time that a worker has to live to count as started.
    wait_for(lambda: fleet.state("w") not in (WorkerState.RUNNING, WorkerState.STARTING), "it to have ended")
    assert "canary" not in repr(outcome.observation) + repr(fleet.see("w"))
    if outcome.error is not None:
        assert "to-be-found" in str(outcome.error)
        assert "canary" not in repr(outcome.error) + str(outcome.error.as_dict())


def test_files_that_name_secrets_lie_with_the_others(fleet: Fleet) -> None:
    """In the worker's own directory; and they change and go like files."""
    needs(fleet, "files")
    spec = fleet.rig.shell(f"cat conf/app.toml; {SHOWING}")
    one = secret("file", "conf/app.toml", "password = one\n", mode="0440", in_home=True)
    two = secret("file", "conf/app.toml", "password = two\n", 2, in_home=True)
    assert fleet.make("w", spec, secrets=(one,)).secrets == {"home.conf/app.toml": one.version}
    wait_log(fleet, "w", b"password = one")
    told = updated(fleet, spec, two)
    assert (told.secrets, told.stale) == ({"home.conf/app.toml": two.version}, True)
    in_place = ExecRequest(fleet.target("w"), ("sh", "-c", "cat conf/app.toml; stat -L -c %a conf/app.toml; ls conf"))
    assert fleet.provider.exec(in_place).stdout == b"password = two\n400\napp.toml\n"
    # It names none any more, and does again.
    plain = {**spec, "files": [{"path": "conf/app.toml", "content": "plain\n", "mode": "0644"}]}
    assert updated(fleet, plain, digest="digest-2").secrets == {}
    assert fleet.provider.exec(in_place).stdout == b"plain\n644\napp.toml\n"
    assert updated(fleet, spec, two, digest="digest-3").secrets == {"home.conf/app.toml": two.version}
    assert fleet.provider.exec(in_place).stdout == b"password = two\n400\napp.toml\n"


def test_who_says_how_is_told(fleet: Fleet) -> None:
    """A worker with a ``reload`` hears of a new file, as it does of its other files."""
    needs(fleet, "files", "reload")
    script = "trap 'cat \"$HODEI_SECRETS_DIR/key\"' HUP; echo ready; while :; do sleep 0.05; done"
    spec = {**fleet.rig.shell(script), "reload": {"signal": "SIGHUP"}}
    fleet.make("w", spec, secrets=(secret("file", "key", "one\n"),))
    wait_log(fleet, "w", b"ready")
    assert not updated(fleet, spec, secret("file", "key", "two\n", 2)).stale
    wait_log(fleet, "w", b"two")
    assert updated(fleet, spec, secret("file", "key", "two\n", 2)).restarts == 0
    assert fleet.provider.logs(LogRequest(fleet.target("w"))).text.count(b"two") == 1


def test_they_are_gone_with_it_and_nowhere_else(fleet: Fleet) -> None:
    """Neither in what is listed nor in what the provider keeps, while it lives; and nothing at all afterwards."""
    values = ("canary-env-4711", "canary-file-4712", "canary-volume-4713")
    given = secret("env", "A", values[0]), secret("file", "b", values[1]), secret("volume", "c", {"d": values[2]})
    fleet.make("w", fleet.rig.shell(SHOWING), secrets=given)
    shown = repr((fleet.provider.list(), fleet.provider.events(fleet.target("w"), 10)))
    assert not [one for one in values if one in shown]
    rig = cast(SecretRig, fleet.rig)
    assert rig.hold(values) <= {"secrets"}, "they lie where secrets lie"
    fleet.do(Verb.DELETE, "w")
    assert rig.hold(values) == set()


def test_fifty_live_workers_get_another_one(fleet: Fleet) -> None:
    """Their credentials change under them: none is lost, none is restarted, all have the new one."""
    needs(fleet, "many")
    spec, names = fleet.rig.shell(SHOWING), range(MANY)
    first, second = (secret("file", "key", "one"),), (secret("file", "key", "two", 2),)
    outcomes = list(fleet.provider.create([fleet.request("many", spec, key=one, secrets=first) for one in names]))
    started = {one.address: one.observation and one.observation.started_at for one in outcomes}
    outcomes = list(fleet.provider.update([fleet.request("many", spec, key=one, secrets=second) for one in names]))
    assert [one.error for one in outcomes if one.error] == []
    listed = [one for one in fleet.provider.list().observations if one.address.name == "many"]
    assert {one.address: one.started_at for one in listed} == started
    assert all(one.state is WorkerState.RUNNING and one.secrets == versions(*second) for one in listed)
    assert len(listed) == MANY

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of containers on a real Engine, kept in memory and in volumes: who can read them, where they are, and where they are not."""

from __future__ import annotations

import io
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Delivery
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import DockerRig, wait_log
from ansible_collections.hodei.workers.tests.support.docker_secrets import Workers, given
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

pytestmark = pytest.mark.xdist_group("docker")
CANARY = "canary-4711-yellow"
#: Opens a directory and reads what is in it, again if that went away meanwhile, and tells what it has not seen before.
READER = """
import os
def read(name, at):
    with open(os.open(name, os.O_RDONLY, dir_fd=at)) as file:
        return file.read()
seen = set()
while True:
    at = os.open("/run/secrets/v", os.O_RDONLY)
    try:
        both = read("a", at) + "+" + read("b", at)
    except FileNotFoundError:
        both = ""
    os.close(at)
    if both and both not in seen:
        seen.add(both)
        print(both, flush=True)
"""


@pytest.fixture(params=["memory", "volume"])
def workers(shared_testbed: Testbed, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workers]:
    """A fleet on the Engine."""
    engine = shared_testbed.need("docker")
    rig = DockerRig(tmp_path, engine, secrets_in=request.param)
    found = Workers(rig, engine, request.param)
    yield found
    rig.close()
    assert found.kept() == []


def test_who_can_read_them_and_where_they_are_not(workers: Workers) -> None:
    """The worker's own user, and the users that it names: in a container whose root is read-only."""
    made = workers.make(
        "a",
        workers.spec(user="1000:1000", security={"read_only_root": True}, volumes=[{"name": "e", "path": "/e"}]),
        secrets=(
            given("env", "TOKEN", "of-the-environment"),
            given("file", "tls/key.pem", CANARY),
            given("file", "/run/secrets/theirs", "x", mode="0440", owner="nobody:1000"),
            given("volume", "db", {"user": "u", "password": CANARY}),
            given("file", "/e/outside", CANARY, mode="0444"),
        ),
    )
    assert made.secrets.keys() == {
        "env.TOKEN",
        "file.tls/key.pem",
        "file./run/secrets/theirs",
        "volume.db",
        "file./e/outside",
    }
    assert workers.inside("echo $TOKEN $HODEI_SECRETS_DIR") == "of-the-environment /run/secrets"
    listed = "stat -L -c '%a %u:%g' tls/key.pem theirs db db/password /e/outside"
    assert workers.inside(f"cd /run/secrets; {listed}").split("\n") == [
        "400 1000:1000", "440 65534:1000", "500 1000:1000", "400 1000:1000", "444 1000:1000",
    ]  # fmt: skip
    assert workers.inside("cd /run/secrets; cat tls/key.pem db/* /e/outside theirs") == f"{CANARY}{CANARY}u{CANARY}x"
    assert "Permission denied" in workers.inside("cat /run/secrets/tls/key.pem", user="2000")
    assert "Read-only" in workers.inside("touch /run/secrets/mine", user="0")
    assert ("tmpfs" in workers.inside("grep /run/secrets /proc/mounts")) == (workers.secrets_in == "memory")
    container = made.external_id
    assert CANARY not in workers.docker("inspect", container)
    assert CANARY not in workers.docker("diff", container)
    image = workers.engine.api.commit(container, "hodei-secrets-test", "1")["Id"]
    try:
        saved = b"".join(workers.engine.api.get_image(image))
        assert CANARY.encode() not in saved
        assert b"of-the-environment" in saved, "what is in the environment goes with an image: the page says so"
    finally:
        workers.docker("rmi", "-f", image)
    with tarfile.open(fileobj=io.BytesIO(b"".join(workers.engine.api.export(container)))) as whole:
        assert not [one.name for one in whole if one.isreg() and one.name.startswith("run/secrets")]


def test_another_version_is_swapped_while_it_runs(workers: Workers) -> None:
    """A reader that never rests finds all old or all new."""
    spec = {"image": workers.engine.image, "command": ["python3", "-c", READER], "init": True}
    made = workers.make("a", spec, secrets=(given("volume", "v", {"a": "a1", "b": "b1"}), given("file", "f", "f1")))
    began = time.time()
    for number in (2, 3):
        both = {"a": f"a{number}", "b": f"b{number}"}
        secrets = (given("volume", "v", both, number), given("file", "f", "f1"))
        outcome = workers.update(*secrets, spec=spec)
        wait_log(workers, "a", f"a{number}+b{number}".encode())
        assert outcome.error is None
        assert outcome.observation is not None
        assert outcome.observation.secrets == {"volume.v": f"local:s@{number}", "file.f": "local:s@1"}
        assert (outcome.observation.external_id, outcome.observation.started_at) == (made.external_id, made.started_at)
    assert workers.docker("logs", made.external_id).split() == ["a1+b1", "a2+b2", "a3+b3"]
    told = workers.engine.api.events(
        since=began, until=time.time(), decode=True, filters={"container": made.external_id}
    )
    paused = [one["Action"] for one in told if "pause" in one["Action"]]
    assert paused == (["pause", "unpause"] * 2 if workers.secrets_in == "volume" else []), (
        "a link is not replaced in one step"
    )
    if workers.secrets_in == "memory":
        assert "a2" in workers.inside("cat /run/secrets/..[!.d]*/v/a"), "whoever has opened a directory reads on"
        workers.provider.close()
    assert workers.inside("cat /run/secrets/..[!.d]*/v/a") == "a3", "what was before is gone"
    assert workers.do(Verb.RESTART, "a") is not None
    assert workers.inside("cat /run/secrets/v/a /run/secrets/f") == "a3f1"


def test_what_was_lost_is_given_again(workers: Workers) -> None:
    """As after a reboot; a container that runs, and cannot see what is put there now, is drift that takes another one."""
    secrets = (given("env", "E", "not so short"), given("file", "f", "f1"))
    workers.make("a", workers.spec(), secrets=secrets, intent=Intent.STOPPED)
    both = {"env.E": "local:s@1", "file.f": "local:s@1"}
    assert workers.seen() == both, "one that never ran has them, too"
    if workers.secrets_in == "volume":
        return  # the Engine keeps what a container has
    (kept,) = workers.kept()
    shutil.rmtree(kept)
    assert workers.seen() == {"env.E": "local:s@1"}
    refused = workers.act(Verb.START, "a")
    assert refused.error is not None
    assert "Its secrets have gone from memory" in refused.error.hint
    assert workers.update(*secrets).error is None
    assert workers.seen() == both
    workers.do(Verb.START, "a")
    assert workers.inside("cat /run/secrets/f") == "f1"
    for one in Path(kept).glob("..*"):
        shutil.rmtree(one, ignore_errors=True)
    assert workers.seen() == {"env.E": "local:s@1"}
    assert workers.update(*secrets).error is None
    assert workers.inside("cat /run/secrets/f") == "f1"
    shutil.rmtree(kept)
    lost = workers.see("a")
    assert lost is not None
    assert lost.drift == {"secrets": f"{kept} is gone"}


def test_nothing_is_left_of_those_that_are_gone(workers: Workers) -> None:
    """Deleted by us, by somebody else, released, and never finished."""
    secrets = (given("file", "f", CANARY), given("file", "/etc/key", CANARY))
    workers.make("a", workers.spec(), secrets=secrets)
    assert len(workers.kept()) == 1
    workers.do(Verb.DELETE, "a")
    assert workers.kept() == []
    made = workers.make("a", workers.spec(), secrets=secrets)
    workers.provider.attend()
    assert workers.inside("cat /run/secrets/f") == CANARY, "who lives keeps them"
    workers.docker("rm", "-f", made.external_id)
    assert len(workers.kept()) == 1
    workers.provider.attend()
    assert workers.kept() == []
    made = workers.make("a", workers.spec(), secrets=secrets)
    workers.do(Verb.RELEASE, "a")
    workers.provider.attend()
    found = workers.docker("exec", made.external_id, "sh", "-c", "cat /run/secrets/..*/* /etc/key; ls /run/secrets")
    assert CANARY not in found
    workers.docker("restart", "-t", "0", made.external_id)
    outcome = workers.create("b", workers.spec(user="nobody-here"), secrets=secrets)
    assert outcome.error is not None
    assert "no user 'nobody-here'" in outcome.error.message
    assert len(workers.kept()) == 1, "the released one's, which is empty"


def test_what_cannot_be_given_is_told_and_nothing_starts(workers: Workers) -> None:
    """What no variable and no file name can be; the value is in no message."""
    binary = Delivery(given("env", "E", "").mount, "v", {"": SecretValue(b"\xff" + CANARY.encode())})
    for secret, what in (
        (given("env", "E", f"{CANARY}\0"), "NUL"),
        (binary, "no UTF-8 text"),
        (given("volume", "v", {"a/b": CANARY}), "'a/b' of secret s cannot be the name of a file"),
        (given("volume", "v", {"..": CANARY}), "cannot be the name"),
        (given("file", "/bin", CANARY), "there is a directory in its place"),
    ):
        outcome = workers.create("a", workers.spec(), secrets=(secret,))
        assert outcome.error is not None
        assert what in outcome.error.message
        assert CANARY not in repr(outcome)
        assert workers.seen() is None


@pytest.mark.parametrize("workers", ["memory"], indirect=True)
def test_files_that_name_secrets(workers: Workers) -> None:
    """They lie where other files do; such a file may become a plain one, and the other way round."""
    home = given("file", "conf/app.toml", "key = one", mode="0440", in_home=True)
    workers.make("a", workers.spec(), secrets=(home, given("file", "/etc/app.key", "two")))
    assert workers.inside("cat conf/app.toml /etc/app.key; stat -L -c %a conf/app.toml") == "key = onetwo440"
    plain = workers.spec(files=[{"path": "conf/app.toml", "content": "plain"}])
    rest = given("file", "/etc/app.key", "two")
    for spec, secrets, wanted in (
        (plain, (rest,), "plain"),
        (workers.spec(), (rest, home), "key = one"),
        (workers.spec(), (rest,), "gone"),
        (workers.spec(), (rest, given("file", "conf/app.toml", "key = 3", 3, in_home=True)), "key = 3"),
    ):
        outcome = workers.update(*secrets, spec=spec, digest=f"digest of {wanted}")
        assert outcome.error is None
        assert outcome.observation is not None
        assert (outcome.observation.drift, outcome.observation.stale) == ({}, True)
        assert workers.inside("cat conf/app.toml 2>/dev/null || echo gone") == wanted
    assert workers.inside("cat /etc/app.key") == "two"

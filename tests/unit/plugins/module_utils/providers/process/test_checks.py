# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot work here is said before anything is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.mounts import Mount, Source
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Drain, Instance, Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.checks import instance_problems


def problems(spec: dict[str, Any], *, trusting: bool = True, **more: Any) -> list[str]:
    """Return the problems as a user reads them."""
    whole = {"command": ["/bin/sh"], **spec}
    instance = Instance(Address("worker", "w"), "local", whole, whole, "d", source="ci.yml", **more)
    return [str(problem) for problem in instance_problems(instance, "local", trusting=trusting)]


def mount(way: str, place: str, **more: Any) -> Mount:
    return Mount(way, place, (Source("local", SecretName("x")),), **more)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"program": "/nowhere/x"}, "worker.w.program: program not found: /nowhere/x"),
        ({"command": ["no-such-program"]}, "worker.w.command: program not found: no-such-program"),
        ({"command": []}, "nothing to run"),
        ({"program": "/etc/passwd"}, "permission denied"),
        ({"user": "no-such-user"}, "worker.w.user: there is no user 'no-such-user'"),
        ({"volumes": [{"name": "v", "path": "/data"}]}, "worker.w.volumes.v: an absolute path"),
        ({"volumes": [{"name": "v", "path": "a/../../b"}]}, "remove .."),
        ({"volumes": [{"name": "v", "path": "a", "read_only": True}]}, "remove read_only"),
        ({"volumes": [{"name": "v", "path": "a", "type": "tmpfs"}]}, "type: empty"),
        ({"volumes": [{"name": "v", "path": "a", "size": 5}]}, "remove size"),
        ({"resources": {"ulimits": {"wings": {"soft": 1, "hard": 1}}}}, "resources.ulimits.wings"),
        ({"security": {"drop_capabilities": ["FLY"]}}, "no capability named FLY"),
    ],
)
def test_a_problem_is_told_with_its_place(spec: dict[str, Any], words: str) -> None:
    """One each."""
    (found,) = problems(spec)
    assert words in found
    assert found.startswith("ci.yml: ")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"command": ["sh", "-c", "exit"]},
        {"command": ["./relative"]},
        {"program": "$(TOOL)/x"},
        {"image": "nginx", "command": []},
        {"command": ["tool"], "env_from_host": ["PATH"]},
        {"volumes": [{"name": "v", "path": "data", "type": "host", "source": "/srv"}]},
        {
            "resources": {"ulimits": {"nofile": {"soft": 1, "hard": 1}}},
            "security": {"drop_capabilities": ["ALL", "CAP_CHOWN"]},
        },
    ],
)
def test_what_works_or_cannot_be_known_yet_is_no_problem(spec: dict[str, Any]) -> None:
    """A program below the worker's own directory may come to be."""
    assert problems(spec) == []


def test_degraded_volumes_are_the_users_own_wish() -> None:
    """They have been told."""
    assert problems({"volumes": [{"name": "v", "path": "a", "read_only": True}]}, degrade=("volumes",)) == []


def test_a_program_on_the_workers_own_path(tmp_path: Path) -> None:
    """Its PATH counts, not ours."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert problems({"command": ["tool"], "env": {"PATH": str(tmp_path)}}) == []
    assert len(problems({"command": ["sh"], "env": {"PATH": str(tmp_path)}})) == 1


def test_non_root() -> None:
    """Root is refused, another user is not."""
    if os.geteuid() != 0:
        pytest.skip("only root would run as root")
    (found,) = problems({"security": {"non_root": True}})
    assert "worker.w.security.non_root" in found
    assert problems({"security": {"non_root": True}, "user": "nobody"}) == []


@pytest.mark.parametrize(
    ("one", "spec", "words"),
    [
        (
            mount("file", "/etc/tls.key"),
            {},
            "worker.w.secrets.file./etc/tls.key: an absolute path needs a mount namespace",
        ),
        (mount("volume", ".home/x"), {}, "worker.w.secrets.volume..home/x: here the files lie that name secrets"),
        (
            mount("file", "key", owner="no-such-user"),
            {},
            "worker.w.secrets.file.key.owner: there is no user 'no-such-user'",
        ),
        (
            mount("file", "key"),
            {"files": [{"path": "secrets/x", "content": ""}]},
            "worker.w.files.secrets/x: here the secrets",
        ),
        (mount("file", "key"), {"volumes": [{"name": "v", "path": "secrets"}]}, "worker.w.volumes.v: here the secrets"),
        (mount("env", "PW"), {"command": ["sh", "-c", "$(PW)"]}, "worker.w.command: $(PW) is a secret"),
        (mount("env", "PW"), {"health": {"http": {"path": "/?$(PW)"}}}, "worker.w.health: $(PW) is a secret"),
    ],
)
def test_secrets_that_a_process_cannot_be_given_so(one: Mount, spec: dict[str, Any], words: str) -> None:
    (found,) = problems(spec, mounts=(one,))
    assert words in found
    assert "give" in found or "choose" in found or "read $PW itself" in found


def test_a_secret_in_a_drain_is_seen() -> None:
    drain = Drain(tell={"command": ["finish", "$(PW)"]})
    (found,) = problems({}, mounts=(mount("env", "PW"),), lifecycle=Lifecycle(drain=drain))
    assert "worker.w.lifecycle.drain: $(PW) is a secret" in found


def test_secrets_that_need_nothing() -> None:
    """What a variable is made of is seen by the worker alone; ``$$`` is no reference."""
    assert (
        problems({"env": {"URL": "db://$(PW)@h"}, "command": ["sh", "-c", "$$(PW)"]}, mounts=(mount("env", "PW"),))
        == []
    )


def test_who_runs_as_we_do_is_given_none() -> None:
    """Whatever its user is called; and it may be trusted."""
    given = (mount("file", "key"),)
    for user in ("", str(os.geteuid()), f"{os.geteuid()}:1234"):
        (found,) = problems({"user": user}, trusting=False, mounts=given)
        assert "worker.w.secrets: the worker would run as the user of this task" in found
        assert "user: of its own" in found
        assert "`trust: same_user` in provider 'local'" in found
        assert problems({"user": user}, trusting=False) == []
        assert problems({"user": user}, trusting=True, mounts=given) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs workers as others")
def test_who_runs_as_another_is_given_some() -> None:
    assert problems({"user": "65534"}, trusting=False, mounts=(mount("file", "key"),)) == []

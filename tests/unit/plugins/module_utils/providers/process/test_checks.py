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
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Instance
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.checks import instance_problems


def problems(spec: dict[str, Any], **more: Any) -> list[str]:
    """Return the problems as a user reads them."""
    whole = {"command": ["/bin/sh"], **spec}
    instance = Instance(Address("worker", "w"), "local", whole, whole, "d", source="ci.yml", **more)
    return [str(problem) for problem in instance_problems(instance)]


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

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What test_supervisor_plain_user.py runs as a user without rights, by ``python -c``: no pytest here."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Support, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import ExecRequest, Verb
from ansible_collections.hodei.workers.plugins.module_utils.model.states import WorkerState
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import Fleet, ProcessRig, secret
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for


def life(place: str) -> None:
    """All that needs no root, down to the last file."""
    assert os.geteuid() != 0
    rig = ProcessRig(Path(place))
    fleet = Fleet(rig)
    fleet.make("w", {**rig.shell("sleep 600 & setsid sleep 600 & wait"), "env": {"A": "b"}})
    assert fleet.provider.exec(ExecRequest(fleet.target("w"), ("id", "-u"))).stdout == f"{os.geteuid()}\n".encode()
    fleet.do(Verb.PAUSE, "w")
    fleet.do(Verb.RESTART, "w")
    assert fleet.state("w") is WorkerState.RUNNING
    for path in (rig.directory, *rig.directory.rglob("*")):
        assert path.lstat().st_mode & 0o077 == 0 or path.name == "socket", f"{path} is open to others"
    refused = fleet.create("r", {**rig.shell("sleep 600"), "user": "root"})
    assert refused.error is not None
    assert refused.error.kind is Kind.AUTHORIZATION
    fleet.do(Verb.DELETE, "w")
    fleet.do(Verb.DELETE, "r")
    wait_for(lambda: not rig.directory.exists(), "the supervisor to leave and tidy up")


def secrets(place: str) -> None:
    """In memory; and nobody looks into the supervisor, not even its own user, as whom the worker runs."""
    rig = ProcessRig(Path(place))
    fleet = Fleet(rig)
    given = [secret("file", "key", "one"), secret("volume", "v", {"a": "one"}), secret("env", "PW", "pw")]
    fleet.make("w", rig.shell("sleep 600"), secrets=tuple(given))
    assert not fleet.provider.fingerprint().warnings or "disk" not in repr(fleet.provider.fingerprint().warnings)
    given[:2] = [secret("file", "key", "two", 2), secret("volume", "v", {"b": "two"}, 2)]
    (outcome,) = fleet.provider.update([fleet.request("w", rig.shell("sleep 600"), secrets=tuple(given))])
    assert outcome.error is None, outcome.error
    script = f'cat "$HODEI_SECRETS_DIR/key" "$HODEI_SECRETS_DIR/v/b"; head -c1 /proc/$$/environ; cat /proc/{rig.supervisor()}/environ'
    shown = fleet.provider.exec(ExecRequest(fleet.target("w"), ("sh", "-c", script)))
    assert shown.stdout[:-1] == b"twotwo", shown
    assert b"ermission denied" in shown.stderr, shown
    held = Path(os.readlink(rig.directory / "secrets"))
    for path in (held, *held.rglob("*")):
        assert path.is_symlink() or path.lstat().st_mode & 0o077 == 0, f"{path} is open to others"
    fleet.do(Verb.DELETE, "w")
    assert not held.exists()
    rig.close()


def limits(place: str) -> None:
    """The table says what holds for this user: memory by sampling, the others not at all, unless a group is delegated."""
    rig = ProcessRig(Path(place))
    fleet = Fleet(rig)
    column = fleet.provider.fingerprint().column
    memory = cell(column, "resources.memory").support
    assert memory in (Support.EMULATED, Support.NATIVE)
    assert memory is Support.NATIVE or cell(column, "resources.cpu").support is Support.NONE
    script = "x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 600"
    fleet.create("greedy", {**rig.shell(script), "resources": {"memory": 30 << 20}, "restart": {"policy": "never"}})
    seen = fleet.wait("greedy", WorkerState.FAILED)
    assert "memory limit of 30 MiB exceeded" in seen.reason, seen.reason
    rig.close()

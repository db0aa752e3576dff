# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Podman's socket has not is known before the plan, and is told as what it is."""

from __future__ import annotations

from email import message_from_string
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.carry import OnChange
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.endpoint import Endpoint
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.engine import Engine
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.fields import COLUMN, column
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.limits import ENFORCED, enforces
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.sdk import engine_error

DOCKER, PODMAN = ({"Components": [{"Name": name}]} for name in ("Engine", "Podman Engine"))
#: What is said of a call that is not there, and of a container that is not there.
NO_CALL, NO_CONTAINER = "Not Found\n", 'no container with name or ID "hodei-is-nobody" found: no such container'


@pytest.mark.parametrize(
    ("about", "said", "updates", "asked"),
    [(DOCKER, "", True, 0), ({}, "", True, 0), (PODMAN, NO_CALL, False, 1), (PODMAN, NO_CONTAINER, True, 1)],
)
def test_whether_it_changes_containers_that_live(
    monkeypatch: pytest.MonkeyPatch, about: Any, said: str, updates: bool, asked: int
) -> None:
    """Only Podman is asked."""
    calls = []

    def post(self: Engine, path: str, body: Any = None) -> None:
        calls.append(path)
        raise engine_error(404, said)

    monkeypatch.setattr(Engine, "post", post)
    engine = Engine(Endpoint("unix:///none"), 1.0)
    engine.__dict__["about"] = about
    assert (engine.updates, len(calls)) == (updates, asked)


def test_what_cannot_be_changed_is_made_anew() -> None:
    """And nothing else is."""
    found = column("", reaper=True, updates=False)
    differing = {name: one.on_change for name, one in found.items() if one != COLUMN[name]}
    assert differing == dict.fromkeys(
        ("resources.cpu", "resources.memory", "resources.pids", "restart"), OnChange.REPLACE
    )
    assert column("", reaper=True, updates=True) == COLUMN


@pytest.mark.parametrize(("rootless", "cgroup"), [(True, "1"), (True, "2"), (False, "1")])
def test_limits_that_it_ignores(rootless: bool, cgroup: str) -> None:
    """It says that it has them all the same."""
    info = {"Rootless": rootless, "CgroupVersion": cgroup, **dict.fromkeys(ENFORCED.values(), True)}
    assert {enforces(info, field) for field in ENFORCED} == {not (rootless and cgroup == "1")}


def test_a_call_that_is_not_there() -> None:
    """Is no container that is not there, for which somebody would look again."""
    error = engine_error(404, NO_CALL)
    assert (error.kind, error.message) == (Kind.COMPATIBILITY, "this Engine has no such call")
    assert engine_error(404, NO_CONTAINER).kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    ("head", "data", "found"),
    [
        ("", b'{"a": 1}', {"a": 1}),
        ("Content-Type: application/json; charset=utf-8", b"[1]", [1]),
        ("Content-Type: text/plain", b"[1]", None),
        ("", b"text", None),
        ("", b"", None),
    ],
)
def test_json_that_nobody_says_is_json(monkeypatch: pytest.MonkeyPatch, head: str, data: bytes, found: Any) -> None:
    """The figures of its containers come so."""
    answer = SimpleNamespace(headers=message_from_string(f"{head}\n\n"))
    monkeypatch.setattr(Engine, "_whole", lambda *words, **more: (answer, data))
    engine = Engine(Endpoint("unix:///none"), 1.0)
    engine.__dict__["version"] = "1.41"
    assert engine.get("/x") == found

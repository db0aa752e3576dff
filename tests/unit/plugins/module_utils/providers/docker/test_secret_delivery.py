# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the secrets of one Engine lie."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker import secret_delivery
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_delivery import (
    Secrets,
    engine_name,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.secret_memory import Memory

PLAIN = {"ID": "2WJG:X2O7", "DockerRootDir": "/var/lib/docker", "SecurityOptions": ["name=seccomp,profile=builtin"]}


def secrets(
    monkeypatch: pytest.MonkeyPatch, *, wanted: str = "", uid: int = 0, here: bool = True, **info: Any
) -> Secrets:
    """The secrets of an Engine that tells this of itself."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(secret_delivery, "is_here", lambda _info: here)
    monkeypatch.setattr(Memory, "place", "/run")
    engine: Any = SimpleNamespace(endpoint=SimpleNamespace(local=True))
    return Secrets(engine, "me", lambda: PLAIN | info, wanted)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"uid": 1000}, "does not run as root"),
        ({"here": False}, "not on this machine"),
        ({"SecurityOptions": ["name=rootless"]}, "runs with rootless"),
        ({"SecurityOptions": ["name=seccomp", "name=userns"]}, "runs with userns"),
        ({"SecurityOptions": ["name=selinux"]}, "runs with selinux"),
    ],
)
def test_where_memory_is_not_the_containers_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], why: str
) -> None:
    """Files there would be of other users than asked, or of another machine. Who wants memory is refused, with the reason."""
    assert secrets(monkeypatch).why_not_in_memory == secrets(monkeypatch, wanted="memory").why_refused() == ""
    assert why in secrets(monkeypatch, **known).why_not_in_memory
    assert secrets(monkeypatch, **known).why_refused() == ""
    assert why in secrets(monkeypatch, wanted="memory", **known).why_refused()
    with pytest.raises(HodeiError, match=why):
        secrets(monkeypatch, **known).remove("/run/hodei-secrets/x/me/y")


def test_only_what_no_container_has_is_removed_and_only_ours_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of somebody else that a container has at our place is neither believed nor touched."""
    done: list[tuple[str, str]] = []
    monkeypatch.setattr(Memory, "remove", lambda _self, source: done.append(("remove", source)))
    monkeypatch.setattr(Memory, "drop_old", lambda _self, source: done.append(("drop", source)))
    found, base = secrets(monkeypatch), "/run/hodei-secrets/e/me"

    def has(source: str) -> dict[str, Any]:
        return {"Mounts": [{"Destination": "/run/secrets", "Type": "bind", "Source": source}]}

    assert found.source_of(has(f"{base}/one")) == f"{base}/one"
    assert found.source_of(has("/etc")) == ""
    found.keep([has(f"{base}/one"), has("/etc")], [f"{base}/one", f"{base}/gone"])
    assert done == [("remove", f"{base}/gone"), ("drop", f"{base}/one")]


def test_engines_of_one_machine_have_places_of_their_own() -> None:
    """Engines that share /etc/docker have one ID; each would take the other's secrets for left over."""
    one = {"ID": "2WJG:X2O7", "DockerRootDir": "/var/lib/docker"}
    assert engine_name(one) == engine_name(dict(one))
    assert engine_name(one) != engine_name({**one, "DockerRootDir": "/srv/docker"})
    assert engine_name(one) != engine_name({**one, "ID": "ABCD:EFGH"})
    assert engine_name(one).isalnum()

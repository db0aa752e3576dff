# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which registry an image comes from, and who we are there."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.credential import Credential
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.registries import (
    Registries,
    registry_of,
    server_name,
)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("app", "docker.io"),
        ("team/app:1", "docker.io"),
        ("docker.io/team/app", "docker.io"),
        ("reg.example/app", "reg.example"),
        ("reg.example:5000/app@sha256:00", "reg.example:5000"),
        ("localhost/app", "localhost"),
    ],
)
def test_registry_of_an_image(image: str, registry: str) -> None:
    """As the docker command tells it."""
    assert registry_of(image) == registry


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://Reg.example:5000/v2/", "reg.example:5000"),
        ("reg.example", "reg.example"),
    ],
)
def test_however_a_registry_is_written(written: str, meant: str) -> None:
    """A host, or a URL."""
    assert server_name(written) == meant


def registries(way: dict[str, Any], found: Any = None) -> Registries:
    """Return what is written for one registry; ``found`` is what `docker login` left for others."""
    config = SimpleNamespace(resolve_authconfig=lambda registry: found)
    engine: Any = SimpleNamespace(api=SimpleNamespace(_auth_configs=config))
    return Registries(engine, [{"server": "https://reg.example", "username": "ci", **way}])


def told(headers: dict[str, str]) -> Any:
    """Read what the Engine is told."""
    return json.loads(base64.urlsafe_b64decode(headers["X-Registry-Auth"]))


def test_ways_to_give_a_password() -> None:
    """As it stands there, or looked up when it is needed; a line end after it is none of it."""
    assert told(registries({"password": "as text"}).headers("reg.example/app"))["password"] == "as text"
    asked: list[str] = []
    password = Credential("a place", lambda: asked.append("once") or SecretValue(b"in a store\n"))  # type: ignore[func-returns-value]
    found = registries({"password": password})
    assert asked == []
    assert told(found.headers("reg.example/app"))["password"] == "in a store"
    assert found.credentials("reg.example/app") == [password]
    assert found.credentials("other.example/app") == []
    found.headers("reg.example/other")
    assert asked == ["once"]


def test_what_docker_login_left() -> None:
    """Is used where nothing is written; and nothing is told to a registry that nobody knows."""
    login = {"username": "me", "password": "mine"}
    assert told(registries({"password": "x"}, login).headers("other.example/app")) == login
    assert registries({"password": "x"}).headers("other.example/app") == {}

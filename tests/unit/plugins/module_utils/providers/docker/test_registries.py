# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which registry an image comes from, and who we are there."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
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


def registries(way: dict[str, str], found: Any = None) -> Registries:
    """Return what is written for one registry; ``found`` is what `docker login` left for others."""
    config = SimpleNamespace(resolve_authconfig=lambda registry: found)
    engine: Any = SimpleNamespace(api=SimpleNamespace(_auth_configs=config))
    return Registries(engine, [{"server": "https://reg.example", "username": "ci", **way}], {"TOKEN": "in env"})


def told(headers: dict[str, str]) -> Any:
    """Read what the Engine is told."""
    return json.loads(base64.urlsafe_b64decode(headers["X-Registry-Auth"]))


def test_three_ways_to_give_a_password(tmp_path: Path) -> None:
    """Each is read when it is needed; a line end after it is none of it."""
    (tmp_path / "token").write_text("in file\n")
    ways = {"password": "as text", "password_env": "TOKEN", "password_file": str(tmp_path / "token")}
    found = [told(registries({way: value}).headers("reg.example/app"))["password"] for way, value in ways.items()]
    assert found == ["as text", "in env", "in file"]


@pytest.mark.parametrize("way", [{"password_env": "NOBODY"}, {"password_file": "/not/there"}])
def test_a_password_that_is_not_there(way: dict[str, str]) -> None:
    """Says where it was looked for."""
    with pytest.raises(HodeiError, match="the password for registry") as caught:
        registries(way).headers("reg.example/app")
    assert caught.value.kind is Kind.CONFIGURATION
    assert next(iter(way.values())) in caught.value.message


def test_what_docker_login_left() -> None:
    """Is used where nothing is written; and nothing is told to a registry that nobody knows."""
    login = {"username": "me", "password": "mine"}
    assert told(registries({"password": "x"}, login).headers("other.example/app")) == login
    assert registries({"password": "x"}).headers("other.example/app") == {}

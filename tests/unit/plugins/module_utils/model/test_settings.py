# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings: who wins, where it came from, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.settings import (
    Setting,
    resolve,
    state_directory,
)


def test_argument_beats_variable_beats_environment_beats_default() -> None:
    environ = {"DEFAULT_TIMEOUT": "3s"}
    assert resolve("default_timeout", "1s", "2s", environ) == Setting(1.0, "argument")
    assert resolve("default_timeout", None, "2s", environ) == Setting(2.0, "variable hodei_default_timeout")
    assert resolve("default_timeout", None, None, environ) == Setting(3.0, "environment DEFAULT_TIMEOUT")
    assert resolve("default_timeout", None, None, {}) == Setting(30.0, "default")


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("docker_host", "unix:///var/run/docker.sock"),
        ("vault_auth", "token"),
        ("rate_limits", {"wpm": 100, "ops": 50}),
        ("default_timeout", 30.0),
        ("kubeconfig", None),
        ("vault_addr", None),
        ("aws_region", None),
        ("nats_urls", None),
        ("keycloak_url", None),
        ("avp_policy_store", None),
        ("owner", None),
    ],
)
def test_the_defaults_are_those_of_table_16(name: str, default: Any) -> None:
    assert resolve(name, None, None, {}) == Setting(default, "default")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("RATE_LIMITS", '{"wpm": 10}', {"wpm": 10}),
        ("NATS_URLs", "nats://a:4222, nats://b:4222", ["nats://a:4222", "nats://b:4222"]),
        ("NATS_URLS", "nats://a:4222", ["nats://a:4222"]),
        ("VAULT_AUTH", "approle", "approle"),
        ("HODEI_OWNER", "ci", "ci"),
        ("KUBECONFIG", "/k", "/k"),
    ],
)
def test_the_environment_is_read(name: str, text: str, value: Any) -> None:
    found = resolve(name.lower().removeprefix("hodei_"), None, None, {name: text})
    assert found == Setting(value, f"environment {name}")


def test_an_empty_environment_variable_is_not_set() -> None:
    assert resolve("vault_auth", None, None, {"VAULT_AUTH": ""}).source == "default"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("default_timeout", "soon"),
        ("default_timeout", 0),
        ("default_timeout", True),
        ("rate_limits", "wpm: 100"),
        ("rate_limits", "[]"),
        ("rate_limits", {}),
        ("rate_limits", {"wpm": 0}),
        ("rate_limits", {"wpm": True}),
        ("rate_limits", {"qps": 1}),
        ("vault_auth", "magic"),
        ("nats_urls", "hunter2"),
        ("nats_urls", [1]),
        ("owner", 7),
    ],
)
def test_what_cannot_be_read_names_setting_and_source_but_not_the_value(name: str, value: Any) -> None:
    with pytest.raises(HodeiError) as caught:
        resolve(name, None, value, {})
    assert caught.value.kind is Kind.CONFIGURATION
    assert f"variable hodei_{name}" in caught.value.message
    assert caught.value.hint.startswith("It takes ")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "environ", "directory"),
    [
        (Setting("/srv/hodei", "argument"), {"XDG_STATE_HOME": "/x"}, "/srv/hodei"),
        (Setting(None, "default"), {"XDG_STATE_HOME": "/x"}, "/x/hodei"),
        (Setting(None, "default"), {"XDG_STATE_HOME": "relative"}, "/home/u/.local/state/hodei"),
        (Setting(None, "default"), {}, "/home/u/.local/state/hodei"),
    ],
)
def test_state_lies_where_the_setting_or_xdg_says(setting: Setting, environ: dict[str, str], directory: str) -> None:
    assert state_directory(setting, environ, "/home/u") == directory

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal form: one way to say each thing, whatever way it was written."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.check import compile_check
from ansible_collections.hodei.workers.plugins.module_utils.model.digest import canonical
from ansible_collections.hodei.workers.plugins.module_utils.model.normal import (
    humanise,
    normalise,
    normalise_field,
    with_defaults,
    written,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import fields
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import ENGINE_FIELDS, WORKER
from ansible_collections.hodei.workers.tests.support.schema_values import values

PATIENT = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@PATIENT
@given(values(WORKER))
def test_what_is_written_back_has_the_same_normal_form(worker: dict[str, Any]) -> None:
    normal = normalise(worker)
    assert compile_check(WORKER)(written(normal)) is None
    assert normalise(written(normal)) == normal


@PATIENT
@given(values(WORKER), st.randoms(use_true_random=False))
def test_the_order_of_sets_means_nothing(worker: dict[str, Any], chance: random.Random) -> None:
    shuffled = dict(worker)
    for name in ("ports", "volumes", "env_from_host", "env_visible", "degrade", "depends_on"):
        if name in shuffled:
            shuffled[name] = chance.sample(shuffled[name], len(shuffled[name]))
    assert canonical(normalise(shuffled)) == canonical(normalise(worker))


@PATIENT
@given(values(WORKER))
def test_merging_defaults_twice_changes_nothing(worker: dict[str, Any]) -> None:
    spec = {name: value for name, value in normalise(worker).items() if name not in ENGINE_FIELDS}
    full = with_defaults(spec)
    assert with_defaults(full) == full
    assert not ENGINE_FIELDS & full.keys()
    assert normalise({"name": "x", **written(full)}) == {"name": "x", **spec}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"resources": {"cpu": 0.5, "memory": "1Gi"}}, {"resources": {"cpu": "500m", "memory": "1024Mi"}}),
        ({"restart": "always"}, {"restart": {"policy": "always"}}),
        ({"restart": "on_failure"}, {}),
        ({"restart": {"backoff": {"initial": "1000ms", "max": 60}}}, {}),
        ({"state": "started", "env": {}, "log": {"max_size": "10240Ki"}}, {}),
        ({"security": {"no_new_privileges": True, "drop_capabilities": []}}, {}),
        ({"security": {"drop_capabilities": "all"}}, {"security": {"drop_capabilities": ["ALL"]}}),
        (
            {"security": {"add_capabilities": ["CAP_KILL", "chown"]}},
            {"security": {"add_capabilities": ["CHOWN", "KILL"]}},
        ),
        ({"env": {"A": 1}}, {"env": {"A": "1"}}),
        ({"user": 1000}, {"user": "1000"}),
        ({"resources": {"ulimits": {"nofile": 10}}}, {"resources": {"ulimits": {"nofile": {"soft": 10, "hard": 10}}}}),
        (
            {"health": {"https": {"port": 8443, "path": "/"}}},
            {"health": {"http": {"port": 8443, "scheme": "https", "verify": True}, "interval": "10s"}},
        ),
        (
            {"network": {"allow": [{"cidr": "10.0.0.1", "port": 1}]}},
            {"network": {"allow": [{"cidr": "10.0.0.1/32", "ports": [1], "protocol": "tcp"}]}},
        ),
        ({"lifecycle": {"grace": 10, "prevent_destroy": False}}, {}),
    ],
)
def test_what_means_the_same_is_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert normalise({"name": "x", **one}) == normalise({"name": "x", **other})


def test_an_empty_group_that_means_something_stays() -> None:
    normal = normalise({"name": "x", "health": {"tcp": {"port": 1}}, "count": 0})
    assert normal == {"name": "x", "health": {"tcp": {"port": 1}}, "count": 0}


def test_the_command_of_a_health_check_appears_only_where_it_was_given() -> None:
    full = with_defaults({"health": {"http": {"port": 80}}})
    assert full["health"]["http"] == {"port": 80, "path": "/", "scheme": "http", "verify": True}
    assert "command" not in full["health"]
    assert full["health"]["interval"] == 10.0


def test_nobody_can_change_a_default_for_everybody() -> None:
    with_defaults({})["security"]["drop_capabilities"].append("ALL")
    with_defaults({})["env"]["A"] = "b"
    assert with_defaults({})["security"]["drop_capabilities"] == []
    assert with_defaults({})["env"] == {}


def test_a_field_that_equals_its_default_normalises_to_nothing() -> None:
    assert normalise_field("restart", "on_failure") is None
    assert normalise_field("resources", {"memory": "1Ki"}) == {"memory": 1024}


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("resources.memory", 512 << 20, "512Mi"),
        ("resources.cpu", 500, "500m"),
        ("resources", {"cpu": 2000, "memory": 1 << 30}, "{cpu: 2, memory: 1Gi}"),
        ("health.interval", 30.0, "30s"),
        ("health.failures", 3, "3"),
        ("health.failures", None, "3"),
        ("health.http.verify", None, "true"),
        ("lifecycle.ttl", 28_800.0, "8h"),
        ("lifecycle.ttl", None, "(not set)"),
        ("image", "app:1", "app:1"),
        ("image", None, "(not set)"),
        ("env.PASSWORD", "hmac:0123456789ab", "(hidden)"),
        ("env", {"A": "hmac:0123456789ab", "B": "x"}, "{A: (hidden), B: x}"),
        ("command", ["sh", "-c", "x"], "[sh, -c, x]"),
        ("volumes", [{"name": "d", "path": "/d", "size": 1 << 30}], "[{name: d, path: /d, size: 1Gi}]"),
        ("volumes[0].size", 1 << 30, "1Gi"),
        ("security.read_only_root", True, "true"),
        ("restart.policy", None, "on_failure"),
        ("labels.example.org/x", "y", "y"),
        ("resources.ulimits.nofile.soft", 5, "5"),
    ],
)
def test_a_value_is_rendered_for_people(path: str, value: Any, text: str) -> None:
    assert humanise(path, value) == text


def test_every_default_is_a_valid_value_of_its_field() -> None:
    for path, schema, _required in fields(WORKER):
        if "default" in schema:
            assert compile_check(schema)(schema["default"]) is None, path

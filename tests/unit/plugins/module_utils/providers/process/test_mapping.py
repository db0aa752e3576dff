# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and rows, there and back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.address import Address
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.normal import with_defaults
from ansible_collections.hodei.workers.plugins.module_utils.model.ports import CreateRequest, Labels
from ansible_collections.hodei.workers.plugins.module_utils.model.states import Intent, WorkerState
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Lifecycle
from ansible_collections.hodei.workers.plugins.module_utils.providers.process import mapping
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import ROW

SETTINGS = mapping.Settings("local", "ci", (20000, 20010), 0.5)


def spec_of(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Map a spec alone."""
    request = CreateRequest(Address("worker", "w", 3), 2, "op", spec, "d", Labels("ci", "l", "k"), **more)
    return mapping.draft(request, SETTINGS, {"HOME": "/root", "LANG": "C"})["spec"]


@pytest.mark.parametrize("merge", [dict, with_defaults])
def test_a_bare_spec_gets_the_defaults_of_the_schema(merge: Any) -> None:
    """Whether the engine has merged them in or not."""
    found = spec_of(merge({"command": ["sleep", "1"]}))
    assert (found["program"], found["arguments"]) == ("sleep", ["1"])
    assert found["restart"] == {"policy": "on_failure", "max_retries": None, "initial": 1.0, "max": 60.0}
    assert found["log"] == {"max_size": 10 << 20, "max_files": 3}
    assert (found["health"], found["user"], found["limits"], found["ulimits"]) == (None, "", {}, {})
    assert (found["no_new_privileges"], found["non_root"], found["ttl"], found["grace"]) == (True, False, None, 10.0)
    assert (found["port_range"], found["settle"]) == ([20000, 20010], 0.5)


def test_a_program_takes_the_command_as_its_arguments() -> None:
    """The command alone brings its own."""
    assert mapping.command_line({"program": "/bin/x", "command": ["-a"]}) == ["/bin/x", "-a"]
    assert mapping.command_line({"command": ["x", "-a"]}) == ["x", "-a"]


def test_the_environment_of_the_host_comes_by_name_only() -> None:
    """And what the document says wins."""
    found = spec_of({"program": "x", "env_from_host": ["HOME", "LANG", "NONE"], "env": {"LANG": "es", "N": 5}})
    assert found["env"] == {"HOME": "/root", "LANG": "es", "N": "5"}


def test_health_checks() -> None:
    """Each kind with its defaults; times are kept."""
    check = spec_of(
        {"program": "x", "health": {"http": {"port": "web", "path": "/h", "status": 204}, "interval": 2.0}}
    )["health"]
    assert check["http"] == {
        "host": "127.0.0.1", "port": "web", "path": "/h", "scheme": "http", "verify": True, "status": [204],
    }  # fmt: skip
    assert (check["interval"], check["timeout"], check["failures"], check["successes"], check["start_period"]) == (
        2.0,
        1.0,
        3,
        1,
        0.0,
    )
    assert spec_of({"program": "x", "health": {"tcp": {"port": 80}}})["health"]["tcp"] == {
        "host": "127.0.0.1",
        "port": 80,
    }
    assert spec_of({"program": "x", "health": {"command": ["true"]}})["health"]["command"] == ["true"]


def test_resources_ports_and_volumes() -> None:
    """In the supervisor's words."""
    found = spec_of(
        {
            "program": "x",
            "resources": {"memory": 5, "cpu": 500, "gpu": 0, "ulimits": {"nofile": {"soft": 1, "hard": -1}}},
            "ports": [{"name": "web", "container": 80}, {"name": "dns", "host": 53, "protocol": "udp"}],
            "volumes": [{"name": "data", "path": "a/b/", "mode": "0700"}, {"name": "n", "path": "c", "type": "named"}],
        }
    )
    assert found["limits"] == {"memory": 5, "cpu": 500}
    assert found["ulimits"] == {"nofile": [1, -1]}
    assert found["ports"] == [
        {"name": "web", "host": 0, "protocol": "tcp"},
        {"name": "dns", "host": 53, "protocol": "udp"},
    ]
    assert found["volumes"][0] == {"name": "data", "path": "a/b", "type": "empty", "source": "data", "mode": 0o700}
    assert found["volumes"][1]["source"] == "n"


def test_lifecycle_and_labels() -> None:
    """What the supervisor keeps the time of, and what is shown again."""
    request = CreateRequest(
        Address("worker", "w"), 1, "op", {"program": "x", "labels": {"team": 7}}, "d", Labels("ci", "l", "k"),
        lifecycle=Lifecycle(grace=3.0, ttl=60.0, prevent_destroy=True), intent=Intent.PAUSED,
    )  # fmt: skip
    found = mapping.draft(request, SETTINGS, {})
    assert (found["spec"]["grace"], found["spec"]["ttl"], found["protected"], found["intent"]) == (
        3.0,
        60.0,
        True,
        "paused",
    )
    assert (found["labels"], found["lineage"], found["key_id"], found["provider"]) == ({"team": "7"}, "l", "k", "local")


def test_a_row_is_an_observation() -> None:
    """Field by field; a state of the future is Unknown."""
    row = dict.fromkeys(ROW, None) | {
        "id": "w+3.2", "name": "w", "key": 3, "generation": 2, "lineage": "l", "state": "degraded", "digest": "d",
        "etag": "t-1", "operation": "op", "key_id": "k", "intent": "paused", "protected": True, "reason": "ill",
        "exit_code": 4, "restarts": 5, "created_at": 1.0, "started_at": 2.0, "ports": {"web": 80}, "provider": "local",
    }  # fmt: skip
    seen = mapping.observation(list(row.values()))
    assert (seen.address, seen.generation, seen.external_id) == (Address("worker", "w", 3), 2, "w+3.2")
    assert (seen.state, seen.intent, seen.protected, seen.reason) == (WorkerState.DEGRADED, Intent.PAUSED, True, "ill")
    assert (seen.exit_code, seen.restarts, seen.created_at, seen.started_at) == (4, 5, 1.0, 2.0)
    assert (seen.ports, seen.etag, seen.spec_digest, seen.key_id) == ({"web": 80}, "t-1", "d", "k")
    assert mapping.observation(list((row | {"state": "dreaming"}).values())).state is WorkerState.UNKNOWN


def test_what_was_refused_is_an_error() -> None:
    """Of its kind, at its place; an unknown kind is internal."""
    found = mapping.error({"kind": "conflict", "message": "taken", "hint": "free it"}, "worker.w")
    assert (found.kind, found.where, found.hint) == (Kind.CONFLICT, "worker.w", "free it")
    assert mapping.error({"kind": "novel", "message": "x"}).kind is Kind.INTERNAL
    outcome = mapping.outcome(Address("worker", "w"), 1, {"row": None, "error": None})
    assert (outcome.observation, outcome.error) == (None, None)

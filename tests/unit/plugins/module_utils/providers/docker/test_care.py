# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container needs next, and when; what a record counts as a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker import draining
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.care import (
    Duty,
    Need,
    duty,
    failures,
    given_up,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.reaping import sources
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.records import (
    Finish,
    Record,
    counted,
    read,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.seeing import observation, seconds

STARTED = "2026-01-01T00:00:00Z"
START = seconds(STARTED) or 0.0
RECORD = Record("me", "local", "one", "web", None, 1, "digest", "key", "op")


def container(status: str = "running", health: str = "") -> dict[str, Any]:
    """Return what an Engine tells of one."""
    state = {"Status": status, "StartedAt": STARTED, "ExitCode": 0, "Error": ""}
    more = {"Health": {"Status": health, "FailingStreak": 3, "Log": []}} if health else {}
    return {
        "Id": "c" * 64,
        "Image": "sha256:0",
        "Created": STARTED,
        "RestartCount": 2,
        "State": {**state, **more},
        "Config": {"Env": [], "Image": "web:1"},
        "HostConfig": {},
    }


@pytest.mark.parametrize(
    ("changes", "seen", "expected"),
    [
        ({}, container(), None),
        ({"ttl": 60.0}, container(), Duty(Need.EXPIRE, START + 60.0)),
        ({"ttl": 60.0, "began": START - 50.0}, container(), Duty(Need.EXPIRE, START + 10.0)),
        ({"ttl": 60.0}, container("exited"), None),
        ({"ttl": 60.0, "draining": Finish(START, False, "ttl")}, container(), Duty(Need.PROLONG, 0.0)),
        ({"ended": ["stopped", "over", START + 9.0]}, container(), Duty(Need.END, 0.0)),
        ({"ended": ["stopped", "over", START - 9.0]}, container(), None),
        ({"drain": {"interval": 3.0}, "draining": Finish(START, True, "delete")}, container(), Duty(Need.SETTLE, 3.0)),
        ({"draining": Finish(START, True, "delete")}, container("exited"), Duty(Need.SETTLE, 0.0)),
        ({"backoff": [1.0, 60.0]}, container(), Duty(Need.WATCH)),
        ({"backoff": [1.0, 60.0]}, container(health="unhealthy"), Duty(Need.HEAL, START + 1.0)),
        ({"backoff": [1.0, 60.0], "failures": 3}, container(health="unhealthy"), Duty(Need.HEAL, START + 8.0)),
        (
            {"backoff": [1.0, 60.0], "draining": Finish(START, True, "")},
            container(health="unhealthy"),
            Duty(Need.WATCH),
        ),
        ({"backoff": [1.0, 60.0], "intent": "stopped"}, container("exited"), None),
    ],
)
def test_what_is_needed_next(changes: dict[str, Any], seen: dict[str, Any], expected: Duty | None) -> None:
    """Of several the first that is due."""
    assert duty(seen, replace(RECORD, **changes), START + 5.0) == expected


def test_a_run_that_lasts_makes_failures_forgotten() -> None:
    """And so begins to count anew how often it may fail."""
    limited = replace(
        RECORD,
        backoff=[1.0, 30.0],
        failures=2,
        wanted={"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}},
    )
    assert (failures(container(), limited, START + 29.0), given_up(container(), limited, START + 29.0)) == (2, True)
    assert (failures(container(), limited, START + 31.0), given_up(container(), limited, START + 31.0)) == (0, False)


CHECK = {"Interval": 10_000_000_000, "Timeout": 1_000_000_000, "StartPeriod": 120_000_000_000}


@pytest.mark.parametrize(
    ("age", "streak", "forgotten"),
    [
        (153.0, 3, False),  # it was never well: its check begins to count after two minutes
        (3600.0, 315, False),  # the same, and nobody has looked for an hour
        (3600.0, 3, True),
    ],
)
def test_a_run_that_was_never_well_has_failed_however_long_its_check_takes(
    age: float, streak: int, forgotten: bool
) -> None:
    """Or its failures would never count up to the limit, nor its pauses grow."""
    seen = container(health="unhealthy")
    seen["Config"]["Healthcheck"] = CHECK
    seen["State"]["Health"]["FailingStreak"] = streak
    failed = replace(RECORD, backoff=[1.0, 60.0], failures=2)
    assert failures(seen, failed, START + age) == (0 if forgotten else 2)


def test_what_others_watch_over_is_no_change_of_the_worker() -> None:
    """So that a plan stays good while a container drains; a stop is one."""
    drained = counted(RECORD, draining.left(draining.begun(RECORD, START), "delete"))
    assert drained.edits == 0
    assert drained.final
    assert counted(RECORD, replace(RECORD, intent="stopped")).edits == 1
    assert read(drained.text()) == replace(drained, draining=Finish(START, False, "delete"))


def test_what_a_later_version_has_written_stays() -> None:
    """An older one may change the record in between: a reaper that runs yet, or another machine."""
    later = read(RECORD.text().replace("{", '{"nap":[1,2],', 1))
    assert later is not None
    again = read(counted(later, replace(later, intent="stopped")).text())
    assert again is not None
    assert (again.unknown, again.intent, again.edits) == ({"nap": [1, 2]}, "stopped", 1)


def test_draining_and_its_end_can_be_seen() -> None:
    """Who was told to finish and has ended is stopped, and is not expected to be started again."""
    told = draining.begun(replace(RECORD, on_remove="forget", restarts=1), START, heard=True)
    running, ended = observation(container(), told), observation(container("exited"), told)
    assert running.draining == (START, True, None, False)
    assert (running.on_remove, running.restarts) == ("forget", 3)
    assert (ended.state.value, ended.draining, ended.reason) == ("stopped", None, "drained: exited with code 0")
    assert draining.taken_back(told).final
    assert draining.taken_back(draining.left(draining.begun(RECORD, START), "stop")) == RECORD


def test_the_reaper_brings_all_that_it_imports() -> None:
    """Also what is imported late."""
    names = {"/".join(one) for one in sources()}
    assert {"providers/docker/reaper", "providers/docker/keeping", "providers/docker/sdk", "model/errors"} <= names

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen in what an Engine tells of a container."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.records import Record
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.seeing import (
    is_unclear,
    seconds,
    worker_state,
)
from ansible_collections.hodei.workers.plugins.module_utils.providers.docker.starting import patience

RECORD = Record("me", "local", "one", "web", None, 1, "digest", "key", "op")
SECRET = "hunter2-" * 8
_S = 1_000_000_000
STARTED = "2026-01-01T00:00:00Z"
START = seconds(STARTED) or 0.0


def container(env: tuple[str, ...] = (), **state: Any) -> dict[str, Any]:
    """Return what an Engine tells of one."""
    return {
        "State": {"ExitCode": 0, "Error": "", "StartedAt": STARTED, **state},
        "Config": {"Env": [*env]},
        "RestartCount": 0,
    }


def test_a_secret_is_not_told_by_halves() -> None:
    """What a check wrote is cut, and a value across the cut may not show its end."""
    said = f"{SECRET} {'x' * 280}"
    health = {"Status": "unhealthy", "FailingStreak": 3, "Log": [{"ExitCode": 1, "Output": said}]}
    reason = worker_state(container((f"TOKEN={SECRET}",), Status="running", Health=health), RECORD)[1]
    assert "hunter2" not in reason
    assert reason.endswith(f"*** {'x' * 280}")


def test_our_own_words_are_no_secret() -> None:
    """Even where a value occurs in them; in the Engine's it is masked."""
    env = ("PYTHONUNBUFFERED=1", "WHY=code", f"TOKEN={SECRET}")
    assert worker_state(container(env, Status="exited", ExitCode=1), RECORD)[1] == "exited with code 1"
    for status in ("exited", "created"):
        told = worker_state(container(env, Status=status, ExitCode=127, Error=f'exec: "{SECRET}"'), RECORD)[1]
        assert told == 'exec: "***"'


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        (None, 10.0),
        ({"Test": ["CMD", "true"]}, 250.0),
        ({"Test": ["CMD", "true"], "Interval": _S, "Timeout": 2 * _S, "Retries": 1, "StartPeriod": 5 * _S}, 21.0),
        ({"Test": ["CMD", "true"], "Interval": 600 * _S}, 900.0),
    ],
)
def test_patience_with_a_health_check(check: dict[str, Any] | None, seconds: float) -> None:
    """All its rounds, and ten seconds; what it does not say is the Engine's 30 s, after which it is first asked."""
    assert patience({"Config": {"Healthcheck": check}}) == seconds


ENDED = {"Status": "exited", "StartedAt": STARTED, "FinishedAt": "2026-01-01T00:00:05Z"}


@pytest.mark.parametrize(
    ("policy", "state", "record", "expected"),
    [
        ("on-failure", {}, RECORD, True),
        ("no", {}, RECORD, False),
        ("unless-stopped", {}, RECORD, False),
        ("on-failure", {"ExitCode": 1}, RECORD, False),
        ("on-failure", {"OOMKilled": True}, RECORD, False),
        ("on-failure", {"Status": "running"}, RECORD, False),
        ("on-failure", {}, replace(RECORD, intent="stopped"), False),
        ("on-failure", {}, replace(RECORD, ended=["completed", "", START + 5.0]), False),
        ("on-failure", {}, replace(RECORD, ended=["completed", "", START - 5.0]), True),
    ],
)
def test_who_may_have_ended_with_its_engine(policy: str, state: dict[str, Any], record: Record, expected: bool) -> None:
    """It ended with 0, nobody noted that it had done its work in this run, and the Engine would not start it again."""
    shown = {**container(**{**ENDED, **state}), "HostConfig": {"RestartPolicy": {"Name": policy}}}
    assert is_unclear(shown, record) is expected

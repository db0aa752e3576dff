# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleets of examples/ that run CI jobs, each against the stand-in of its service."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from ansible_collections.hodei.workers.tests.support.examples import Example
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

OWNERS = {"github-runner": "ci-github", "gitlab-runner": "ci-gitlab", "jenkins-agent": "ci-jenkins"}
COUNTS = {"github-runner": "runners", "gitlab-runner": "runners", "jenkins-agent": "agents"}


@pytest.fixture(params=sorted(OWNERS))
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    """One of them, initialised and converged."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with closing(Example(name=request.param, port=port, owner=OWNERS[request.param])) as made:
        made.play("init")
        assert made.play("converge").changed == 1
        yield made


def test_jobs_run_and_the_fleet_scales(example: Example) -> None:
    """Runners register and do jobs, good and bad ones; more runners do more at a time; one less leaves the other alone."""
    name = example.directory.name
    assert len(example.runners()) == 2
    example.queue("good", "echo $((6 * 7))")
    example.queue("bad", "exit 3")
    assert example.until_job("good", "success")["output"] == "42\n"
    example.until_job("bad", "failure", "failed")

    example.extra[COUNTS[name]] = 3
    assert example.play("converge").changed == 1
    assert example.play("converge").changed == 0
    go = example.place / "go"
    for number in range(3):
        example.queue(f"long-{number}", f"while ! test -e {go}; do sleep 0.1; done")
    used = {example.until_job(f"long-{number}", "running")["runner"] for number in range(3)}
    assert len(used) == 3, "each has one job at a time"
    go.touch()
    for number in range(3):
        example.until_job(f"long-{number}", "success")

    example.extra[COUNTS[name]] = 1
    assert example.play("converge").changed == 1
    wait_for(lambda: len(example.runners()) == 1, "two runners to be gone")
    example.queue("last", "echo still here")
    example.until_job("last", "success")
    example.play("destroy", "-e", f"hodei_confirm={example.owner}")
    assert example.pids() == {}


def test_the_service_breaks(example: Example) -> None:
    """A service that is away for a while costs no job and no runner: the one that runs is reported when it is back."""
    go = example.place / "go"
    example.queue("before", f"while ! test -e {go}; do sleep 0.1; done; touch {go}.done")
    runner = example.until_job("before", "running")["runner"]
    before = example.runners()
    jobs = example.jobs()
    example.one("worker", state="paused", targets=["service"])
    go.touch()
    wait_for(lambda: (example.place / "go.done").exists(), "the job to end while nobody answers")
    assert example.runners() == before
    example.one("worker", state="started", targets=["service"])
    assert example.until_job("before", "success")["runner"] == runner
    example.queue("after", "echo after")
    example.until_job("after", "success")
    assert len(jobs) == 1


def test_no_token_is_in_state_plan_or_argv(example: Example) -> None:
    """Files with credentials are named by path; what is a value is digested."""
    texts = [example.play("plan").output, example.one("worker_info").__repr__()]
    for secret in ("glrt-of-the-stand-in", "any-token-will-do", "any-api-token-will-do"):
        assert all(secret not in text for text in texts)
        assert secret.encode() not in (example.home / "state.db").read_bytes()


@pytest.mark.parametrize("example", ["gitlab-runner"], indirect=True)
def test_a_changed_configuration_reaches_the_runner_in_mid_job(example: Example) -> None:
    """It is written in place and read again; neither the runner nor its job is disturbed."""
    go = example.place / "go"
    example.queue("long", f"while ! test -e {go}; do sleep 0.1; done")
    runner = example.until_job("long", "running")["runner"]
    before = example.runners()
    example.extra["gitlab_check_interval"] = 2
    assert example.play("converge").changed == 1
    assert example.runners() == before
    address = runner.replace("-", "[") + "]"

    def loaded() -> bool:
        return bool(example.one("worker_logs", address=address)["log"].count("Configuration loaded") == 2)

    wait_for(loaded, "the runner to read its configuration again")
    go.touch()
    example.until_job("long", "success")

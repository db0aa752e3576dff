# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleets of examples/ that run CI jobs, each against the stand-in of its service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from ansible_collections.hodei.workers.tests.support.examples import Example
from ansible_collections.hodei.workers.tests.testbed.resources import free_port
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

OWNERS = {"github-runner": "ci-github", "gitlab-runner": "ci-gitlab", "jenkins-agent": "ci-jenkins"}
COUNTS = {"github-runner": "runners", "gitlab-runner": "runners", "jenkins-agent": "agents"}


def mainly(first: str, *others: str) -> pytest.MarkDecorator:
    """With one example in `make test`, with the others, too, in `make soak`."""
    further = (pytest.param(name, marks=pytest.mark.soak) for name in others)
    return pytest.mark.parametrize("example", [first, *further], indirect=True)


@pytest.fixture(params=sorted(OWNERS))
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    """One of them, initialised and converged."""
    with closing(Example(name=request.param, port=free_port(), owner=OWNERS[request.param])) as made:
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


@mainly("gitlab-runner", "github-runner", "jenkins-agent")
def test_the_service_breaks(example: Example) -> None:
    """A service that is away for a while costs no job and no runner: the one that runs is reported when it is back."""
    go = example.place / "go"
    example.queue("before", f"while ! test -e {go}; do sleep 0.1; done; touch {go}.done")
    runner = example.until_job("before", "running")["runner"]
    before = example.runners()
    jobs = example.jobs()
    example.one("worker", state="paused", targets=["service"])
    go.touch()
    wait_for((example.place / "go.done").exists, "the job to end while nobody answers")
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


def occupy(example: Example, count: int) -> dict[str, str]:
    """Give jobs to so many runners, each until the file of its name is there; job by the worker that has it."""
    for number in range(count):
        example.queue(f"busy-{number}", f"while ! test -e {example.place}/busy-{number}; do sleep 0.1; done")
    running = {example.until_job(f"busy-{number}", "running")["runner"]: f"busy-{number}" for number in range(count)}
    return {worker(runner): job for runner, job in running.items()}


def worker(runner: str) -> str:
    """The worker's id in what the service calls its runner: vm-runner-0, ci-jenkins-agent-1."""
    return "-".join(runner.split("-")[-2:])


@mainly("jenkins-agent", "github-runner", "gitlab-runner")
def test_a_busy_runner_finishes_its_job_before_it_is_replaced(example: Example) -> None:
    """The idle one is replaced meanwhile; the busy one takes no second job, ends the first, and only then goes."""
    before = example.runners()
    ((busy, job),) = occupy(example, 1).items()
    (idle,) = before.keys() - {busy}
    name = busy.partition("-")[0]
    replacing = example.start("converge", "-e", f'{{"hodei_replace": ["{name}"]}}')
    example.until(
        replacing, lambda: example.runners().get(idle) not in (None, before[idle]), "the idle runner to be replaced"
    )
    example.queue("next", "echo $WORKER_ID")
    assert worker(example.until_job("next", "success")["runner"]) == idle
    assert replacing.poll() is None, "the converge waits"
    assert example.runners()[busy] == before[busy]
    assert example.jobs()[job]["state"] == "running"
    (example.place / job).touch()
    done = example.finish(replacing)
    assert done.code == 0, done.output
    assert example.jobs()[job]["state"] == "success"
    assert example.runners()[busy] != before[busy]
    assert example.play("converge").changed == 0
    occupy_again = [f"after-{number}" for number in range(2)]
    for after in occupy_again:
        example.queue(after, f"while ! test -e {example.place}/after; do sleep 0.1; done")
    assert {worker(example.until_job(after, "running")["runner"]) for after in occupy_again} == set(before), "both work"
    (example.place / "after").touch()


@mainly("github-runner", "gitlab-runner", "jenkins-agent")
def test_scale_down_waits_for_the_job_of_whom_it_ends(example: Example) -> None:
    """Without patience it says who works and goes on later; the other runner's job is nobody's concern."""
    jobs = occupy(example, 2)
    before = example.runners()
    ending = max(jobs)
    (staying,) = jobs.keys() - {ending}
    example.extra[COUNTS[example.directory.name]] = 1
    impatient = example.play("converge", "-e", "hodei_wait_for_drain=false")
    assert [one["status"] for one in impatient.results[0]["results"]] == ["waiting"]
    assert example.runners() == before
    (example.place / jobs[ending]).touch()
    example.until_job(jobs[ending], "success")
    example.play("converge")
    assert example.runners() == {staying: before[staying]}
    assert example.jobs()[jobs[staying]]["state"] == "running"
    (example.place / jobs[staying]).touch()
    example.until_job(jobs[staying], "success")


@mainly("github-runner", "jenkins-agent")
def test_a_service_that_cannot_be_asked_costs_no_job(example: Example) -> None:
    """Who cannot be asked counts as busy: the runner is not touched before its service says that it is idle."""
    ((busy, job),) = occupy(example, 1).items()
    before = example.runners()
    example.one("worker", state="paused", targets=["service"])
    name = busy.partition("-")[0]
    asked = example.play(
        "converge",
        "-e",
        f'{{"hodei_replace": ["{name}"], "hodei_excludes": ["service"], "hodei_wait_for_drain": false}}',
    )
    assert {one["status"] for one in asked.results[0]["results"]} == {"waiting"}
    assert example.runners() == before
    example.one("worker", state="started", targets=["service"])
    assert example.jobs()[job]["state"] == "running"
    (example.place / job).touch()
    example.until_job(job, "success")

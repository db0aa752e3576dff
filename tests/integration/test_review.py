# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pipeline does with a plan: fail on what it must not find, and put the plan as Markdown into a merge request."""

from __future__ import annotations

import os
import signal

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]


@pytest.fixture
def changed(site: Site) -> Site:
    """A fleet that somebody killed a worker of, and whose document lost one and got one."""
    site.set([{"name": "a", "command": SLEEP, "restart": "never"}, {"name": "b", "command": SLEEP}])
    site.play("init")
    site.play("converge")
    os.kill(site.pids()["a"], signal.SIGKILL)
    wait_for(lambda: "a" not in site.pids(), "the worker to die")
    site.set([{"name": "a", "command": SLEEP, "restart": "never"}, {"name": "c", "command": SLEEP}])
    return site


def test_plan_fails_on_what_was_asked(changed: Site) -> None:
    """The plan is shown first; then the play fails and names what it found. Nothing asked for, or nothing found, passes."""
    done = changed.run("plan", "-e", '{"hodei_fail_on": ["drift", "delete"]}')
    assert done.code == 2
    assert "Plan for ci-test: 1 to create, 1 to start, 1 to delete; 0 unchanged." in done.output
    said = done.results[-1]["msg"]
    assert said == "hodei_fail_on: 1 worker is changed from outside (worker.a); 1 worker is to be deleted (worker.b)"
    assert changed.run("plan", "-e", "hodei_fail_on=change").code == 2
    changed.play("plan", "-e", "hodei_targets=c", "-e", "hodei_fail_on=drift,delete")
    assert sorted(changed.pids()) == ["b"]


def test_converge_refuses_before_it_touches_anything(changed: Site) -> None:
    """In check mode too; and it goes on when what was found is not among what was named."""
    for options in ((), ("--check",)):
        done = changed.run("converge", "-e", "hodei_fail_on=delete", *options)
        assert done.code == 2
        said = done.results[-1]["msg"]
        assert "nothing was touched" in said
        assert "delete: 1 worker is to be deleted (worker.b)" in said
        assert "drift" not in said
    assert sorted(changed.pids()) == ["b"]
    changed.play("converge", "-e", '{"hodei_fail_on": "delete, "}', "-e", "hodei_targets=a")
    assert sorted(changed.pids()) == ["a", "b"]
    changed.play("converge")
    changed.play("converge", "-e", '{"hodei_fail_on": "drift, change, delete"}')
    changed.play("plan", "-e", "hodei_fail_on=drift,change,delete")


@pytest.mark.parametrize("playbook", ["plan", "converge"])
def test_unknown_words_are_refused_with_the_known_ones(site: Site, playbook: str) -> None:
    """Before anything is looked at."""
    site.set([{"name": "a", "command": SLEEP}])
    site.play("init")
    done = site.run(playbook, "-e", '{"hodei_fail_on": ["drfit"]}')
    assert done.code == 2
    assert "drfit" in done.output
    assert "drift, change, delete" in done.output
    assert not site.pids()


def test_plan_as_markdown(changed: Site) -> None:
    """The playbook writes it beside where it was started, also in check mode; no secret is in it."""
    changed.set(
        [
            {"name": "a", "command": SLEEP, "restart": "never", "env": {"TOKEN": "hush-hush"}},
            {"name": "c", "command": ["sh", "-c", "echo '```' '{{ '{{ no }}' }}' </details>; sleep 1000"]},
        ]
    )
    changed.play("plan", "-e", "hodei_plan_markdown=plan.md", "-e", "hodei_plan=plan.json")
    text = (changed.place / "plan.md").read_text()
    assert text.startswith(
        "### Plan for <code>ci-test</code>\n\n**1 to create, 1 to replace, 1 to delete; 0 unchanged.**"
    )
    assert "-   worker.b" in text
    assert "TOKEN" in text
    assert "hush" not in text
    done = changed.play("plan", "--check", "-e", "hodei_plan_markdown=plan.md", "-e", "hodei_plan_markdown_limit=900")
    assert done.changed == 1
    short = (changed.place / "plan.md").read_text()
    assert "did not fit in here" in short
    assert len(short.encode()) <= 900
    assert "markdown" in changed.one("fleet_plan", markdown=True)


def test_no_markdown_unless_asked(site: Site) -> None:
    """A task that nobody asked for Markdown does not return any."""
    site.set([{"name": "a", "command": SLEEP}])
    _made, planned = site.tasks(task("fleet_init"), task("fleet_plan"))
    assert "markdown" not in planned
    assert planned["findings"] == {"change": "1 worker is not as the document says (worker.a)"}

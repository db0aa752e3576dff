# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaching into a worker: worker_exec and worker_logs."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

#: Says a line, then one for each line that exec tells it by a file.
TALK = "echo first; echo oops >&2; while :; do sleep 0.1; echo tick; done"


def test_exec(site: Site) -> None:
    """Exit codes, both outputs apart, input, limits of time and size, the worker's own environment."""
    site.set([{"name": "a", "command": ["sleep", "infinity"], "env": {"COLOUR": "blue"}}])

    def run(*command: str, **options: Any) -> dict[str, Any]:
        return task("worker_exec", address="a", command=list(command), **options)

    good, seven, missing, echoed, slow, long, raw, where, dry, nobody = site.tasks(
        task("fleet_init"),
        task("fleet"),
        run("sh", "-c", "echo $COLOUR; echo $WORKER_ID >&2; pwd"),
        run("sh", "-c", "echo partly; exit 7"),
        run("no-such-program"),
        run("cat", stdin="through\nthe pipe"),
        run("sh", "-c", "echo begun; sleep 60", timeout="2s"),
        run("sh", "-c", "echo BEGIN; yes | head -c 100000", limit="1Ki"),
        run("printf", "\\377\\376"),
        run("pwd", chdir="/"),
        run("true", check=True),
        task("worker_exec", address="b", command=["true"]),
    )[2:]

    assert (good["rc"], good["changed"], good["failed"]) == (0, True, False)
    assert good["stdout_lines"][0] == "blue"
    assert good["stderr"] == "a\n"
    assert seven["failed"]
    assert (seven["rc"], seven["stdout"]) == (7, "partly\n")
    assert "exit code 7" in seven["msg"]
    assert (missing["failed"], missing["rc"]) == (True, 127)
    assert "no-such-program" in missing["msg"] + missing["stderr"]
    assert echoed["stdout"] == "through\nthe pipe"
    assert slow["failed"]
    assert slow["timed_out"]
    assert slow["stdout"] == "begun\n"
    assert "did not end within 2s" in slow["msg"]
    assert slow["seconds"] < 30
    assert long["stdout_truncated"]
    assert len(long["stdout"]) == 1024
    assert long["stdout"].startswith("BEGIN\n")
    assert not good["stdout_truncated"]
    assert raw["stdout_base64"] == "//4="
    assert where["stdout"] == "/\n"
    assert "rc" not in dry
    assert nobody["failed"]
    assert "worker.b: there is no such worker. There are: worker.a." in nobody["msg"]


def test_logs(site: Site) -> None:
    """The tail, what is recent, and what comes while one watches."""
    site.set([{"name": "a", "command": ["sh", "-c", TALK]}])
    everything, tail, followed, cut, recent = site.tasks(
        task("fleet_init"),
        task("fleet"),
        task("worker_logs", address="a"),
        task("worker_logs", address="worker.a", tail=1),
        task("worker_logs", address="a", tail=1, follow="2s"),
        task("worker_logs", address="a", limit=4),
        task("worker_logs", address="a", since="500ms"),
    )[2:]
    assert everything["log_lines"][0].endswith("first")
    assert any(line.endswith("oops") for line in everything["log_lines"])
    assert len(tail["log_lines"]) == 1
    assert "tick" in recent["log"]
    assert "first" not in recent["log"], "that was more than a second ago"
    assert len(followed["log_lines"]) >= 2, "one line of the past, more while it was watched"
    assert cut["truncated"]
    assert len(cut["log"]) == 4

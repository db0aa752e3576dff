# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person gets wrong: each has one message that says where, what, and what to do."""

from __future__ import annotations

from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed

SLEEP = ["sleep", "infinity"]
DYING = ["sh", "-c", "echo reading config; echo cannot open /etc/app.toml >&2; exit 3"]


def fleet(**fields: Any) -> dict[str, Any]:
    return task("fleet", workers=[{"name": "a", "command": SLEEP, **fields}])


def test_problems_of_a_document_come_first_and_all_at_once(site: Site) -> None:
    """Before an owner exists, a document with mistakes is told about the mistakes, a good one about init."""
    several = {"name": "a", "comand": SLEEP, "count": "two", "resources": {"memory": "512Mb"}}
    mistakes, good = site.tasks(task("fleet", workers=[several]), fleet())
    assert mistakes["failed"]
    assert "the document has 3 problems" in mistakes["msg"]
    for words in (
        "workers[0]: unknown field 'comand'; did you mean command?",
        "workers[0].count: expected a whole number, got 'two'",
        "workers[0].resources.memory: '512Mb' is not a size such as 512Mi or 2Gi; did you mean 512Mi?",
    ):
        assert words in mistakes["msg"], mistakes["msg"]
    assert [problem["path"] for problem in mistakes["problems"]] == [
        "workers[0]",
        "workers[0].count",
        "workers[0].resources.memory",
    ]
    assert good["failed"]
    assert "owner 'ci-test' was never initialised here" in good["msg"]
    assert "Run the playbook hodei.workers.init once" in good["msg"]
    assert not site.home.exists()


def test_files_that_cannot_be_read_as_documents(site: Site) -> None:
    """Line and column, and the usual cause."""
    site.write("tabs.yml", "workers:\n\t- name: a\n")
    site.write("comma.json", '{"workers": [{"name": "a",}]}')
    site.write("text.yml", "just text\n")
    site.write("equals.toml", "owner: ci\n")
    tabs, comma, top, equals = site.tasks(
        *(task("fleet", document=name, check=True) for name in ("tabs.yml", "comma.json", "text.yml", "equals.toml"))
    )
    for result, name in ((tabs, "tabs.yml"), (comma, "comma.json"), (top, "text.yml"), (equals, "equals.toml")):
        assert result["failed"], name
        assert name in result["msg"], result["msg"]
    assert "line 2" in tabs["msg"]
    assert "tab" in tabs["msg"]
    assert "line 1" in comma["msg"]
    assert "workers:" in top["msg"]
    assert "line 1" in equals["msg"]


def test_what_cannot_run_here(site: Site, testbed: Testbed) -> None:
    """Refused before anything is touched where that can be known; else failed, with the program's own last words."""
    taken = testbed.need("http").port
    site.tasks(task("fleet_init"))
    missing, provider, kind, port, dies, sick, user, duration, sizes = site.tasks(
        fleet(command=["no-such-program", "--fast"], count=3),
        fleet(provider="docker"),
        task("fleet", providers={"local": {"type": "dokcer"}}, workers=[{"name": "a", "command": SLEEP}]),
        fleet(ports=[{"name": "http", "host": taken}]),
        fleet(command=DYING, restart="never"),
        fleet(health={"tcp": {"port": 1}, "interval": "100ms", "timeout": "5s", "failures": 2}, restart="never"),
        fleet(user="nobody-of-that-name"),
        task("fleet", lease_timeout="soon", workers=[]),
        task("worker_logs", address="a", limit="much"),
    )
    for result in (missing, provider, kind, port, dies, sick, user, duration, sizes):
        assert result["failed"]
    assert "no-such-program" in missing["msg"]
    assert "PATH" in missing["msg"]
    assert missing["msg"].count("program not found") == 1, "equal instances have one problem together"
    assert "there is no provider 'docker'; configured: local" in provider["msg"]
    assert "providers.local.type" in kind["msg"]
    assert "dokcer" in kind["msg"]
    assert f"create failed: port http: tcp {taken} is taken by another process. Free it, or choose" in port["msg"]
    assert "exited with code 3" in dies["msg"]
    assert "cannot open /etc/app.toml" in dies["msg"], "its last words"
    assert dies["results"][0]["status"] == "failed"
    assert "health" in sick["msg"]
    assert "nobody-of-that-name" in user["msg"]
    assert "lease_timeout: 'soon' is not a duration; write a duration such as 30s" in duration["msg"]
    assert "limit: 'much' is not a size" in sizes["msg"]


def test_one_of_several_fails_alone(site: Site) -> None:
    """A failure blocks what depends on it and nothing else; the next run goes on from there."""
    workers = [
        {"name": "good", "command": SLEEP},
        {"name": "bad", "command": DYING, "restart": "never"},
        {"name": "after", "command": SLEEP, "depends_on": ["bad"]},
    ]
    mended = [workers[0], {**workers[1], "command": SLEEP}, workers[2]]
    first, second = site.tasks(task("fleet_init"), task("fleet", workers=workers), task("fleet", workers=mended))[1:]
    assert first["failed"]
    assert first["changed"]
    assert {one["address"]: one["status"] for one in first["results"]} == {
        "worker.bad": "failed",
        "worker.after": "skipped",
    }
    assert "2 of 3 changes did not succeed:" in first["msg"]
    assert not second["failed"], second.get("msg")
    assert sorted(site.pids()) == ["after", "bad", "good"]

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a document comes from: variables, fragments, files of three kinds, arguments, the environment; and who wins."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.hodei.workers.tests.support.playbook import Site, task

SLEEP = ["sleep", "infinity"]
FACT = "ansible.builtin.set_fact"
TOML = """
owner = "toml"
[backend]
allow_ephemeral = true
[[workers]]
name = "t"
command = ["sleep", "infinity"]
[workers.lifecycle]
grace = "3s"
"""


def desired(result: dict[str, Any]) -> dict[str, Any]:
    return {one["address"]: one["desired"] for one in result["workers"]}


def test_files_of_three_kinds(site: Site) -> None:
    """YAML, JSON and TOML say the same; a document brings owner and backend along; templates in it are worked out."""
    head = {"owner": "files", "backend": {"allow_ephemeral": True}}
    site.write("fleet.yml", {**head, "workers": [{"name": "y", "command": ["sleep", "{{ seconds | string }}"]}]})
    site.write("fleet.json", json.dumps({**head, "workers": {"j": {"command": SLEEP}}}))
    site.write("fleet.toml", TOML)
    site.set(None, seconds=1000)
    del site.variables["hodei_owner"]
    results = site.tasks(
        task("fleet_init", owner="files"),
        task("fleet_init", owner="toml"),
        task("fleet", document="fleet.yml", check=True),
        task("fleet", document=str(site.place / "fleet.json"), check=True),
        task("fleet", document="fleet.toml", check=True),
        task("fleet", workers=[{"name": "y", "command": ["sleep", "{{ seconds }}"]}], owner="files"),
        task("fleet", document=["fleet.yml", "fleet.json"]),
        task("worker_info", document="fleet.yml"),
        task("fleet", document="missing.yml"),
    )
    planned = [[one["address"] for one in result["plan"]["changes"]] for result in results[2:5]]
    assert planned == [["worker.y"], ["worker.j"], ["worker.t"]]
    assert sorted(site.pids()) == ["j", "y"]
    number, _unused, info, missing = results[5:]
    assert number["failed"]
    assert (
        "workers[0].command[1]: expected text, got a whole number; put it in quotes; a template needs | string"
        in number["msg"]
    )
    assert desired(info)["worker.y"]["command"] == ["sleep", "1000"]
    assert missing["failed"]
    assert "the document missing.yml was not found" in missing["msg"]


def test_fragments_are_merged_and_names_are_unique(site: Site) -> None:
    """hodei_workers and every hodei_workers__* together; the same name twice names both places, in files as in variables."""
    site.set([{"name": "a", "command": SLEEP}], hodei_workers__b={"b": {"command": SLEEP}})
    site.groups = {"ci": {"hosts": ["localhost"], "vars": {"hodei_workers__c": [{"name": "c", "command": SLEEP}]}}}
    twice = {"hodei_workers__d": [{"name": "a", "command": SLEEP}]}
    one, other = (site.write(name, {"workers": [{"name": "x", "command": SLEEP}]}) for name in ("one.yml", "two.yml"))
    made, variables, files = site.tasks(
        task("fleet_init"),
        task("fleet", check=True),
        task("fleet", check=True) | {"vars": twice},
        task("fleet", document=[str(one), str(other)], check=True),
    )[1:]
    assert [change["address"] for change in made["plan"]["changes"]] == ["worker.a", "worker.b", "worker.c"]
    assert variables["failed"]
    assert (
        "hodei_workers__d[0]: there is another worker 'a' at hodei_workers[0]; rename one of them" in variables["msg"]
    )
    assert files["failed"]
    assert f"{other}: workers[0]: there is another worker 'x' at {one}: workers[0]" in files["msg"]


def test_precedence(site: Site) -> None:
    """An argument wins over a variable, that over the environment, that over the default; and each says so."""
    site.environment |= {"HODEI_OWNER": "from-environment", "DEFAULT_TIMEOUT": "7s"}

    def owner(**options: Any) -> dict[str, Any]:
        return task("fleet_init", check=True, **options)

    without = {"vars": {"hodei_owner": None}}
    group = {"group/hodei.workers.workers": {"owner": "from-defaults"}}
    argument, defaults, variable, environment, nobody, settings = site.tasks(
        task("fleet_init", owner="from-environment"),
        owner(owner="from-argument") | {"module_defaults": group},
        owner() | {"module_defaults": group},
        owner(),
        owner() | without,
        owner() | without | {"environment": {"HODEI_OWNER": ""}},
        task("worker_info") | without,
    )[1:]
    assert argument["owner"] == "from-argument"
    assert defaults["owner"] == "from-defaults"
    assert variable["owner"] == site.owner
    assert environment["owner"] == "from-environment"
    assert nobody["failed"]
    assert "the owner is missing; set hodei_owner" in nobody["msg"]
    assert settings["settings"]["owner"] == {"value": "from-environment", "source": "environment HODEI_OWNER"}
    assert settings["settings"]["default_timeout"]["source"] == "environment DEFAULT_TIMEOUT"
    assert settings["settings"]["rate_limits"]["source"] == "default"


def test_values_of_every_kind_that_ansible_has(site: Site) -> None:
    """Facts, registered results, loops, numbers that a template made text of, and text that is no template."""
    workers = [
        {
            "name": "a",
            "count": "{{ number }}",
            "command": ["sh", "-c", "echo $SAID $RAW; exec sleep infinity"],
            "env": {"SAID": "{{ said.stdout }}", "RAW": "{{ raw }}"},
            "env_visible": ["SAID", "RAW"],
        }
    ]
    results = site.tasks(
        task("fleet_init"),
        task("ansible.builtin.command", argv=["echo", "out of a command"]) | {"register": "said"},
        task(FACT, number="{{ 1 + 1 }}", raw="{% raw %}{{ not a template }}{% endraw %}"),
        task(FACT, listed=workers),
        task("fleet", workers="{{ listed }}"),
        task("fleet", workers="{{ listed }}"),
        task("worker_logs", address="a[1]"),
    )
    assert not any(result["failed"] for result in results)
    assert sorted(site.pids()) == ["a-0", "a-1"]
    assert not results[5]["changed"]
    assert results[6]["log"] == "out of a command {{ not a template }}\n"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages for those who come from elsewhere: their examples run, and what they name exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.compose import reasons
from ansible_collections.hodei.workers.plugins.module_utils.compose.convert import convert
from ansible_collections.hodei.workers.plugins.module_utils.compose.worker import KNOWN
from ansible_collections.hodei.workers.plugins.module_utils.compose.written import inventory
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.resources import free_port
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("from-community-docker.md", "from-compose.md", "from-terraform.md")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def blocks(name: str, language: str = "yaml") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)


def take(site: Site, inventory: str) -> dict[str, Any]:
    """Have the variables of an inventory on a page; state stays with the site."""
    variables = yaml.safe_load(inventory)["all"]["vars"]
    site.owner = variables["hodei_owner"]
    site.set(**variables)
    workers: dict[str, Any] = variables["hodei_workers"]
    return workers


def test_compose_example(site: Site) -> None:
    """Both files say the same, and the one without containers runs: the readers see the store."""
    compose, fleet = (
        next(one for one in blocks("from-compose.md") if word in one) for word in ("services:", 'env: {PAUSE: "1"}')
    )
    port = free_port()
    workers = take(site, fleet.replace("18734", str(port)))
    services = yaml.safe_load(compose)["services"]
    assert list(workers) == list(services)
    assert workers["reader"]["env"] == services["reader"]["environment"]
    assert workers["reader"]["count"] == services["reader"]["deploy"]["replicas"]
    assert workers["reader"]["lifecycle"]["grace"] == services["reader"]["stop_grace_period"]
    assert workers["store"]["health"]["failures"] == services["store"]["healthcheck"]["retries"]
    site.play("init")
    site.play("converge")
    assert sorted(site.pids()) == ["reader-0", "reader-1", "store"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        assert answer.status == 200
    wait_for(lambda: "seen by reader-1" in site.one("worker_logs", address="reader[1]")["log"], "a reader to see it")
    assert site.play("converge").changed == 0


def test_terraform_example(site: Site) -> None:
    """The document beside the HCL: converge, replace, target, rename, drift, protection."""
    (inventory,) = blocks("from-terraform.md")
    (hcl,) = blocks("from-terraform.md", "hcl")
    workers = take(site, inventory)
    assert list(workers) == re.findall(r'^resource "docker_container" "(\w+)"', hcl, re.MULTILINE)
    site.play("init")
    site.play("converge")
    first = site.pids()
    assert sorted(first) == ["ticker", "web-0", "web-1"]

    site.play("converge", "-e", '{"hodei_replace": ["web[1]"]}')
    second = site.pids()
    assert (second["web-0"], second["ticker"]) == (first["web-0"], first["ticker"])
    assert second["web-1"] != first["web-1"]

    renamed = {"site": workers["web"], "ticker": {**workers["ticker"], "depends_on": ["site"]}}
    site.set(renamed, hodei_moved=[{"from": "worker.web", "to": "worker.site"}])
    site.play("converge")
    assert set(site.pids().values()) == set(second.values()), "a renamed worker is not made anew"

    os.kill(second["ticker"], signal.SIGKILL)
    wait_for(
        lambda: site.pids().get("ticker", second["ticker"]) != second["ticker"], "its supervisor to start it again"
    )

    site.set({"site": workers["web"]})
    assert "lifecycle.prevent_destroy protects it" in site.refused("fleet")
    refused = site.run("destroy", "-e", f"hodei_confirm={site.owner}")
    assert refused.code == 2
    assert "prevent_destroy" in refused.output


def test_drift_as_on_the_page(site: Site) -> None:
    """The two lines of a plan that the page for Terraform shows."""
    site.set([{"name": "ticker", "command": ["sleep", "infinity"], "restart": "never"}])
    site.tasks(task("fleet_init"), task("fleet"))
    os.kill(site.pids()["ticker"], signal.SIGKILL)
    wait_for(lambda: "ticker" not in site.pids(), "the worker to die")
    (shown,) = blocks("from-terraform.md", "text")
    assert shown.strip() in site.one("fleet_plan")["text"]


def test_compose_converted(tmp_path: Path) -> None:
    """What the page says that comes of its Compose file does, and what is told of it."""
    compose, shown = blocks("from-compose.md")[1:3]
    place = tmp_path / "shop"
    place.mkdir()
    (place / "compose.yaml").write_text(compose)
    converted = convert([str(place / "compose.yaml")], lambda path: Path(path).read_bytes(), {})
    written = inventory(converted)
    assert shown in written
    told = blocks("from-compose.md", "text")
    assert [f"{one.kind}: {one}" for one in converted.findings] == told[1].splitlines()
    wrong = (
        "services:\n  web:\n    image: x\n    init: true\n    restart: always\n    ports:\n      - 80:x\n    user: a\n"
    )
    wrong += "    enviroment: {}\n"
    (place / "compose.yaml").write_text(wrong)
    with pytest.raises(InvalidDocument) as refused:
        convert([str(place / "compose.yaml")], lambda path: Path(path).read_bytes(), {})
    assert [str(problem) for problem in refused.value.problems] == told[0].splitlines()


def test_compose_keys_are_all_on_the_page() -> None:
    """Each key that a service may have is in the table, or in the list of what is not carried."""
    text = page("from-compose.md")
    table, _unused, left = text.partition("**Not carried**")
    for key in reasons.SERVICE:
        assert f"`{key}`" in left, key
    for key in set(KNOWN.split()) - {"build", "profiles", "stop_signal", "deploy", "cpu_period", "memswap_limit"}:
        assert re.search(rf"`[^`\n]*\b{key}\b", table), key


def carried(provider: str) -> dict[str, str]:
    """What docs/providers/fields.md says of a provider, by field."""
    side_by_side = (ROOT / "docs/providers/fields.md").read_text().partition("## Side by side")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in side_by_side.splitlines() if line.startswith("|")]
    column = rows[0].index(provider)
    return {row[0].strip("`"): row[column] for row in rows if row[0].startswith("`") and len(row) == len(rows[0])}


def exists(path: str) -> None:
    """Fail unless a worker has such a field."""
    node = json.loads((ROOT / "schemas/worker.json").read_text())
    for part in path.split("."):
        node = next(
            one for one in (node, *node.get("anyOf", ()), *node.get("oneOf", ())) if part in one.get("properties", {})
        )
        node = node["properties"][part]


@pytest.mark.parametrize(("number", "provider"), [(1, "docker"), (2, "process")])
def test_compose_fields_exist_and_are_carried_as_told(number: int, provider: str) -> None:
    """Each field of the table is one of a worker, and its word is that of the field table."""
    word = "native|emulated|ignored|none|by the engine"
    rows = re.findall(rf"^\| .+? \| `([a-z_.]+)` \| ({word}) \| ({word}) \|", page("from-compose.md"), re.M)
    assert len(rows) > 35
    told = carried(provider)
    for row in rows:
        exists(row[0])
        kept = {value for field, value in told.items() if field == row[0] or field.startswith(f"{row[0]}.")}
        if not kept and "." in row[0]:
            kept = {value for field, value in told.items() if field == row[0].rpartition(".")[0]}
        assert row[0] == "name" or row[number] in (kept or {"by the engine"}), (row, kept)


def test_community_docker_options_have_fields() -> None:
    """Each option once, and each field of the table is one of a worker."""
    table = page("from-community-docker.md").partition("## Option by option")[2]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    options = [option for row in rows for option in re.findall(r"`(\w+)`", row[0])]
    assert len(options) == len(set(options)) > 90
    for row in rows:
        for field in re.findall(r"^`([a-z_.]+)`", row[1]):
            exists(field)


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_exists(name: str) -> None:
    """Playbooks, modules, and the variables that are given to playbooks."""
    text = page(name)
    playbooks = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    kinds = ("filter", "inventory", "connection")
    plugins = {path.stem for kind in kinds for path in (ROOT / "plugins" / kind).glob("*.py")}
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    for one in re.findall(r"hodei\.workers\.(\w+)", text):
        assert one in playbooks | modules | plugins, one
    known = "".join(path.read_text() for path in (ROOT / "playbooks").glob("*.yml"))
    for one in re.findall(r"""-e '?\{?"?(hodei_\w+)""", text):
        assert re.search(rf"\b{one}\b", known), one
    for arguments in re.findall(r"-a ('[^']+')", text):
        (words,) = shlex.split(arguments)
        assert json.loads(words) if words.startswith("{") else all("=" in word for word in words.split())


def test_words_of_compose_are_answered_with_ours(site: Site) -> None:
    """Whoever writes what Compose calls it is told what it is called here."""
    message = site.refused("fleet", check=True, workers=[{"name": "a", "command": ["true"], "environment": {"A": "b"}}])
    told = re.search(r"`(unknown field 'environment'[^`]*)`", page("from-compose.md"))
    assert told
    assert told[1] in message


def test_an_env_file_as_on_the_page(site: Site) -> None:
    """The expression of the table takes over a file of NAME=value lines."""
    (expression,) = re.findall(r'`"(\{\{ dict\(.*?\}\})"`', page("from-compose.md"))
    site.write(".env", "LEVEL=info\nURL=http://a/?b=c\n")
    workers = [{"name": "a", "command": ["sleep", "infinity"], "env": expression.replace("\\|", "|")}]
    site.set(workers)
    results = site.tasks(task("fleet_init"), task("fleet"), task("worker_exec", address="a", command=["env"]))
    assert not any(result["failed"] for result in results)
    assert {"LEVEL=info", "URL=http://a/?b=c"} <= set(results[2]["stdout"].splitlines())

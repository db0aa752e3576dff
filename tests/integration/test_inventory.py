# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin: a fleet as hosts, by ansible-inventory as people look at it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

FLEET: list[dict[str, Any]] = [
    {
        "name": "ticker",
        "command": ["sleep", "infinity"],
        "labels": {"queue": "default", "note": "{% raw %}{{ 1 + 1 }}{% endraw %}"},
    },
    {"name": "web", "count": 2, "command": ["sleep", "infinity"], "ports": [{"name": "http"}], "restart": "never"},
]


@pytest.fixture
def fleet(site: Site) -> Site:
    """Three workers that run, and a file that lists them."""
    site.set(FLEET)
    site.tasks(task("fleet_init"), task("fleet"))
    site.write("ci.hodei.yml", settings())
    return site


def settings(**options: Any) -> dict[str, Any]:
    """Return the content of a file."""
    return {"plugin": "hodei.workers.workers", "owner": "ci-test", "backend": {"allow_ephemeral": True}, **options}


def listed(site: Site, *options: str, source: str = "ci.hodei.yml") -> tuple[dict[str, Any], str]:
    """Run ansible-inventory; return what it lists and what it says besides."""
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", source, "--list", "--export", *options]
    done = subprocess.run(command, cwd=site.place, env=site.environment, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), done.stderr


def plain(value: Any) -> Any:
    """Undo how ansible-inventory marks text that is no template."""
    if isinstance(value, dict):
        return (
            plain(value["__ansible_unsafe"]) if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
        )
    return [plain(one) for one in value] if isinstance(value, list) else value


def hosts(found: dict[str, Any], group: str) -> list[str]:
    """Return the hosts of a group."""
    return sorted(found.get(group, {}).get("hosts", []))


def test_groups_and_variables(fleet: Site) -> None:
    """Each worker by its name, in the groups of its owner, provider, name, state and labels."""
    found, _said = listed(fleet)
    everyone = ["ticker", "web-0", "web-1"]
    assert found["hodei_workers"]["children"] == ["hodei_owner_ci_test"]
    for group in ("hodei_owner_ci_test", "hodei_provider_local", "hodei_state_running"):
        assert hosts(found, group) == everyone
    assert hosts(found, "hodei_name_web") == ["web-0", "web-1"]
    assert hosts(found, "hodei_label_queue_default") == ["ticker"]
    web = plain(found["_meta"]["hostvars"]["web-1"])
    assert (web["hodei_address"], web["hodei_provider"], web["hodei_state"]) == ("worker.web[1]", "local", "running")
    assert (web["hodei_native_id"], web["hodei_index"]) == ("web+1.1", 1)
    assert 20000 <= web["hodei_ports"]["http"] <= 29999
    shared = plain(found["hodei_owner_ci_test"]["vars"])
    assert (shared["ansible_connection"], shared["hodei_owner"]) == ("hodei.workers.worker", "ci-test")
    assert plain(found["hodei_provider_local"]["vars"]["ansible_python_interpreter"]) == sys.executable
    note = plain(found["_meta"]["hostvars"]["ticker"])["hodei_labels"]["note"]
    assert note == "{{ 1 + 1 }}", "what is in the world is no template"


def test_the_dead_and_those_that_run(fleet: Site) -> None:
    """A dead worker is in the group of its state; `only_running` leaves it out; a deleted one is gone."""
    os.kill(fleet.pids()["web-0"], signal.SIGKILL)
    wait_for(lambda: hosts(listed(fleet)[0], "hodei_state_failed") == ["web-0"], "the death to be seen")
    fleet.write("ci.hodei.yml", settings(only_running=True))
    assert hosts(listed(fleet)[0], "hodei_owner_ci_test") == ["ticker", "web-1"]
    fleet.set(FLEET[1:])
    fleet.one("fleet")
    assert hosts(listed(fleet)[0], "hodei_owner_ci_test") == ["web-0", "web-1"]


def test_constructed(fleet: Site) -> None:
    """keyed_groups, groups and compose; strict makes of a mistake an error."""
    options = {
        "keyed_groups": [{"key": "hodei_labels.queue", "prefix": "queue"}],
        "groups": {"webs": "'http' in hodei_ports"},
        "compose": {"url": "'http://127.0.0.1:' ~ hodei_ports.http"},
    }
    fleet.write("ci.hodei.yml", settings(**options))
    found, _said = listed(fleet)
    assert hosts(found, "queue_default") == ["ticker"]
    assert hosts(found, "webs") == ["web-0", "web-1"]
    assert plain(found["_meta"]["hostvars"]["web-0"])["url"].startswith("http://127.0.0.1:2")
    fleet.write("ci.hodei.yml", settings(**options, strict=True))
    found, said = listed(fleet)
    assert "hodei_workers" not in found or "ticker" not in hosts(found, "queue_default")
    assert "url" in said


def test_a_cache_is_used_until_it_is_refreshed(fleet: Site) -> None:
    """As every inventory plugin does it."""
    cached = settings(cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(fleet.place / "cache"))
    fleet.write("ci.hodei.yml", cached)
    assert len(hosts(listed(fleet)[0], "hodei_owner_ci_test")) == 3
    fleet.set(FLEET[1:])
    fleet.one("fleet")
    assert len(hosts(listed(fleet)[0], "hodei_owner_ci_test")) == 3
    assert len(hosts(listed(fleet, "--flush-cache")[0], "hodei_owner_ci_test")) == 2


def test_two_fleets(fleet: Site) -> None:
    """The same names need a prefix."""
    (fleet.place / "both").mkdir()
    for owner in ("ci-test", "other"):
        fleet.write(f"both/{owner}.hodei.yml", settings(owner=owner))
    fleet.set(FLEET, hodei_owner="other")
    fleet.tasks(task("fleet_init"), task("fleet"))
    _found, said = listed(fleet, source="both")
    assert "set host_prefix" in said
    fleet.write("both/other.hodei.yml", settings(owner="other", host_prefix="other."))
    found, _said = listed(fleet, source="both")
    assert hosts(found, "hodei_owner_other") == ["other.ticker", "other.web-0", "other.web-1"]
    assert len(hosts(found, "hodei_owner_ci_test")) == 3


def test_where_the_settings_come_from(fleet: Site) -> None:
    """A document beside the file, the environment, an extra variable; and mistakes are told."""
    bare = {"plugin": "hodei.workers.workers"}
    fleet.write("fleet.yml", {"owner": "ci-test", "backend": {"allow_ephemeral": True}, "workers": FLEET})
    fleet.write("ci.hodei.yml", bare | {"document": "fleet.yml"})
    assert len(hosts(listed(fleet)[0], "hodei_owner_ci_test")) == 3
    fleet.write("ci.hodei.yml", bare)
    assert "the owner is missing" in listed(fleet)[1]
    assert len(hosts(listed(fleet, "-e", "hodei_owner=ci-test")[0], "hodei_owner_ci_test")) == 3
    fleet.environment["HODEI_OWNER"] = "ci-test"
    assert len(hosts(listed(fleet)[0], "hodei_owner_ci_test")) == 3
    del fleet.environment["HODEI_OWNER"]
    fleet.write("ci.hodei.yml", bare | {"document": "nowhere.yml"})
    assert "nowhere.yml cannot be read: No such file" in listed(fleet)[1]


def test_before_there_is_a_fleet(site: Site) -> None:
    """No hosts, a word about it, and nothing is made."""
    site.write("ci.hodei.yml", settings())
    found, said = listed(site)
    assert "there is no fleet of owner 'ci-test'" in " ".join(said.split())
    assert not found["_meta"]["hostvars"]
    assert not (site.place / "state").exists()

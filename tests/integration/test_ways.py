# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which Ansible runs tasks: asynchronously, in a role, over SSH, under a service manager; and time that passes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

SLEEP = ["sleep", "infinity"]
ROLE = "ansible.builtin.include_role"


def test_async_task_and_role(site: Site) -> None:
    """A converge in the background, and the role with its argument specs."""
    site.set([{"name": "a", "command": SLEEP}])
    role = {ROLE: {"name": "hodei.workers.converge"}}
    done = site.run(
        site.write_play(
            [
                task("fleet_init"),
                task("fleet") | {"async": 60, "poll": 1},
                task("fleet", check=True),
                role,
                role | {"vars": {"converge_max_deletes": "many"}},
            ]
        )
    )
    background, again = done.results[1:3]
    assert background["changed"], background
    assert not again["changed"]
    by_role = next(one for one in done.tasks if one["task"] == "hodei.workers.converge : Converge the fleet")
    assert by_role["status"] == "ok"
    assert not by_role["result"]["changed"]
    assert "Validation of arguments failed" in done.results[-1]["msg"]
    assert "converge_max_deletes" in str(done.results[-1])


def test_packed_or_direct(site: Site) -> None:
    """A task that asks for more than this machine as it is goes the long way of every module, to the same end."""
    site.set([{"name": "a", "command": SLEEP}])
    packed = task("fleet") | {"environment": {"SOME_VARIABLE": "1"}}
    delegated = task("fleet") | {"delegate_to": "localhost"}
    asked = task("worker_exec", address="a", command=["echo", "one"])
    done = site.run(site.write_play([task("fleet_init"), packed, task("fleet"), delegated, asked]), "-vvv")
    assert [one["failed"] for one in done.results] == [False] * 5
    assert [one["changed"] for one in done.results] == [True, True, False, False, True]
    assert done.results[-1]["stdout_lines"] == ["one"]
    assert done.output.count("Using module file") == 1


def test_time_to_live(site: Site) -> None:
    """Its end is enforced by the supervisor, told as drift, and the next converge starts it anew."""
    site.set([{"name": "a", "command": SLEEP, "lifecycle": {"ttl": "4s"}}])
    made = site.tasks(task("fleet_init"), task("fleet"))[1]
    assert made["changed"]
    wait_for(lambda: not site.pids(), "the end of its time")
    seen, anew = site.tasks(task("fleet_info"), task("fleet"))
    assert "its time to live of 4 s is over" in seen["drift"][0]["reason"]
    assert [one["action"] for one in anew["results"]] == ["start"]


@pytest.mark.real
def test_worker_of_another_user(site: Site, testbed: Testbed) -> None:
    """It runs as that user, and what it leaves in its directory leads nobody who deletes that elsewhere."""
    user = testbed.need("second_user")
    precious = site.write("precious/file", "kept")
    site.place.chmod(0o711)
    workers = site.place / "workers"
    trap = f"ln -s {precious.parent} link; mkdir -p deep/er; ln -s {precious} deep/er/link; exec sleep infinity"
    until = "until test -L deep/er/link; do sleep 0.05; done"
    site.set(
        [{"name": "a", "user": user.pw_name, "command": ["sh", "-c", trap]}],
        hodei_providers={"local": {"type": "process", "directory": str(workers)}},
    )
    _unused, made, asked = site.tasks(
        task("fleet_init"), task("fleet"), task("worker_exec", address="a", command=["sh", "-c", f"{until}; id -u; ls"])
    )
    assert not made["failed"], made.get("msg")
    assert asked["stdout_lines"] == [str(user.pw_uid), "deep", "link"]
    assert os.stat(f"/proc/{site.pids()['a']}").st_uid == user.pw_uid
    gone = site.one("worker", name="a", state="absent")
    assert gone["changed"]
    assert not [path for path in workers.rglob("*") if path.is_symlink()]
    assert precious.read_text() == "kept"


@pytest.mark.real
def test_over_ssh(site: Site, testbed: Testbed) -> None:
    """The task's own machine is another host: nothing of the checkout is there, only what Ansible ships."""
    host = testbed.need("sshd").variables
    state = str(site.place / "there")
    site.hosts = {"localhost": {}, "far": {**host, "ansible_connection": "ssh"}}
    site.set([{"name": "a", "command": SLEEP}], hodei_backend={"path": state, "allow_ephemeral": True})
    everything = ("-e", "hodei_hosts=far")
    site.play("init", *everything)
    assert site.play("converge", *everything).changed == 1
    assert list(site.pids()) == ["a"]
    assert site.play("converge", *everything).changed == 0
    site.play("destroy", *everything, "-e", f"hodei_confirm={site.owner}")
    assert Path(state).is_dir()
    assert not site.pids()


@pytest.mark.real
def test_under_a_service_manager(site: Site, testbed: Testbed) -> None:
    """The supervisor has a scope of its own, so that workers outlive the session that converged them."""
    testbed.need("systemd")
    site.set([{"name": "a", "command": SLEEP}])
    *_unused, info = site.tasks(task("fleet_init"), task("fleet"), task("fleet_info"))
    assert info["providers"]["local"]["survives"] in ("login", "boot")
    cgroup = Path(f"/proc/{site.supervisor()}/cgroup").read_text()
    assert re.search(rf"hodei-{site.owner}-[0-9a-f]+\.scope", cgroup)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process fleets on hosts that are reached over SSH, each a shard of its own; on good and on bad days of the network.

The hosts are one machine under several names, each with a state directory of its own: what separates shards is where their state is.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.playbook import Run, Site, task
from ansible_collections.hodei.workers.tests.testbed.bed import Testbed
from ansible_collections.hodei.workers.tests.testbed.resources import free_port
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

pytestmark = pytest.mark.real

SLEEP = ["sleep", "infinity"]
HOSTS = ("far1", "far2")
FAR = ("-e", "hodei_hosts=far")


def far_host(site: Site, testbed: Testbed, name: str) -> dict[str, Any]:
    """The variables of a host with a state directory of its own."""
    backend = {"path": str(site.place / name / "state"), "allow_ephemeral": True}
    return {**testbed.need("sshd").variables, "ansible_connection": "ssh", "hodei_backend": backend}


@pytest.fixture
def remote(site: Site, testbed: Testbed) -> Site:
    """Two hosts in a group, with one worker each that bears the host's name."""
    site.hosts = {"localhost": {}}
    for host in HOSTS:
        site.hosts[host] = far_host(site, testbed, host)
    site.groups["far"] = {"hosts": HOSTS}
    site.set([{"name": "w-{{ inventory_hostname }}", "command": SLEEP}])
    return site


def by_host(done: Run, module_task: str) -> dict[str, dict[str, Any]]:
    """What a task returned on each host."""
    return {one["host"]: {"status": one["status"], **one["result"]} for one in done.tasks if one["task"] == module_task}


CONVERGE = "Make the world what the document says"


@pytest.mark.parametrize(
    "forks", [pytest.param("1", marks=pytest.mark.soak, id="one after another"), pytest.param("5", id="at once")]
)
def test_each_host_is_a_fleet_of_its_own(remote: Site, forks: str) -> None:
    """Own state, own lineage, own workers; a host that --limit leaves out is not touched; nothing of the checkout is there."""
    everywhere = (*FAR, "--forks", forks)
    remote.play("init", *everywhere)
    remote.play("converge", *everywhere)
    assert sorted(remote.pids()) == [f"w-{host}" for host in HOSTS]
    done = remote.play("converge", *everywhere)
    assert done.changed == 0
    before = remote.pids()
    remote.set([{"name": "w-{{ inventory_hostname }}", "command": ["sleep", "1000"]}])
    remote.play("converge", *everywhere, "--limit", "far2")
    after = remote.pids()
    assert [name for name in before if after[name] != before[name]] == ["w-far2"]
    planned = remote.play("plan", *everywhere, "-e", "hodei_plan_markdown=plan.md")
    assert {host: one["pending"] for host, one in by_host(planned, "Compare the document with the world").items()} == {
        "far1": 1,
        "far2": 0,
    }
    text = (remote.place / "plan.md").read_text()
    assert [f"## Host <code>{host}</code>" in text for host in HOSTS] == [True, True]
    examined = by_host(remote.play("doctor", *everywhere), "Examine everything")
    assert len(examined) == len(HOSTS)
    for host, one in examined.items():
        assert f"{remote.place / host}/state" in one["table"]
        assert "the same time as on the controller" in one["table"]
        assert "1 object remembered" in one["table"]
    remote.play("destroy", *everywhere, "-e", f"hodei_confirm={remote.owner}")
    assert not remote.pids()


def test_one_host_is_away(remote: Site) -> None:
    """The other converges, the exit code says that not all did, and the next converge settles the rest."""
    remote.play("init", *FAR)
    port = remote.hosts["far2"]["ansible_port"]
    remote.hosts["far2"]["ansible_port"] = free_port()
    done = remote.run("converge", *FAR)
    assert done.code == 4
    assert {host: one["status"] for host, one in by_host(done, CONVERGE).items()} == {
        "far1": "ok",
        "far2": "unreachable",
    }
    assert list(remote.pids()) == ["w-far1"]
    remote.hosts["far2"]["ansible_port"] = port
    assert remote.play("converge", *FAR).changed == 1
    assert sorted(remote.pids()) == ["w-far1", "w-far2"]


def test_connection_is_cut_in_the_middle(remote: Site) -> None:
    """The module notices that nobody waits any more and gives its lease back; no worker is lost or doubled."""
    health = {
        "command": ["test", "-e", str(remote.place / "go")],
        "interval": "200ms",
        "start_period": "10m",
        "failures": 1000,
    }
    quick = [{"name": f"q{number}", "command": SLEEP} for number in range(3)]
    slow = {"name": "slow", "command": SLEEP, "health": health, "restart": "never", "depends_on": ["q0"]}
    late = {"name": "late", "command": SLEEP, "depends_on": ["slow"]}
    remote.set([*quick, slow, late])
    far = ("-e", "hodei_hosts=far1")
    remote.play("init", *far)
    first = remote.start("converge", *far)
    remote.until(first, lambda: "slow" in remote.pids(), "the slow worker")
    before = remote.pids()
    module = opener(remote.place / "far1" / "state" / "state.db")
    assert module
    for client in ssh_clients(first.pid):
        os.kill(client, signal.SIGKILL)
    assert remote.finish(first).code in (2, 4), "Ansible calls it failed or unreachable"
    wait_for(lambda: not Path(f"/proc/{module}").exists(), "the module to notice, give up and end")
    assert "late" not in remote.pids(), "nothing new was started"
    looked = by_host(remote.run("doctor", *far, "-e", "hodei_doctor_fail_on=never"), "Examine everything")["far1"]
    assert [one["message"] for one in looked["findings"] if one["area"] == "lease"] == ["free"]
    remote.write("go", "")
    remote.play("converge", *far)
    after = remote.pids()
    assert sorted(after) == ["late", "q0", "q1", "q2", "slow"]
    assert {name: after[name] for name in before if name != "slow"} == {
        name: pid for name, pid in before.items() if name != "slow"
    }
    assert remote.play("converge", *far).changed == 0


def opener(path: Path) -> int:
    """Return the process that has a file open, 0 when none has."""
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry) == str(path):
                return int(entry.parts[2])
        except OSError:
            continue
    return 0


def ssh_clients(ancestor: int) -> list[int]:
    """Return the ssh programs that a process started, however far below."""
    parents, names = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _unused, tail = path.read_text().rpartition(")")
        except OSError:
            continue
        pid = int(path.parts[2])
        parents[pid], names[pid] = int(tail.split()[1]), head.partition("(")[2]
    found = []
    for pid, name in names.items():
        above = pid
        while above > 1 and above != ancestor:
            above = parents.get(above, 0)
        if name == "ssh" and above == ancestor:
            found.append(pid)
    return found


def test_wrong_python_on_one_host(remote: Site, testbed: Testbed) -> None:
    """One that is not there, and one that is too old: the message names the cure, and another host converges."""
    remote.hosts["far3"] = far_host(remote, testbed, "far3")
    remote.groups["far"] = {"hosts": (*HOSTS, "far3")}
    remote.hosts["far1"]["ansible_python_interpreter"] = "/usr/bin/python-that-is-not-there"
    remote.hosts["far2"]["ansible_python_interpreter"] = testbed.need("old_python")
    done = remote.run("init", *FAR)
    assert done.code == 2
    told = by_host(done, "Make lineage, state and key")
    assert {host: one["status"] for host, one in told.items()} == {"far1": "failed", "far2": "failed", "far3": "ok"}
    assert "python-that-is-not-there" in str(told["far1"])
    assert "Python 3.11" in told["far2"]["msg"]
    assert "ansible_python_interpreter" in told["far2"]["msg"]


def test_role_target_prepares_a_host(remote: Site, testbed: Testbed) -> None:
    """Check mode changes nothing, the second run changes nothing, and then the fleet's playbooks work."""
    state = remote.place / "prepared" / "state"
    remote.set(hodei_state_dir=str(state))
    for host in HOSTS:
        remote.hosts[host].pop("hodei_backend")
    role = {"ansible.builtin.include_role": {"name": "hodei.workers.target"}}
    play = {"hosts": "far1", "vars": {"target_allow_ephemeral": True, "target_psutil": "skip"}}
    written = remote.write_play([role], **play)
    remote.play(written, "--check")
    assert not state.exists()
    assert remote.play(written).changed == 1
    assert state.stat().st_mode & 0o777 == 0o700
    assert remote.play(written).changed == 0
    far = ("-e", "hodei_hosts=far1", "-e", '{"hodei_backend": {"allow_ephemeral": true}}')
    remote.play("init", *far)
    remote.play("converge", *far)
    assert list(remote.pids()) == ["w-far1"]
    assert (state / remote.owner / "state.db").exists()


def test_role_target_says_what_is_missing(remote: Site, testbed: Testbed) -> None:
    """A Python that is too old, a place that vanishes, a place of somebody else."""
    old = testbed.need("old_python")
    role = {"ansible.builtin.include_role": {"name": "hodei.workers.target"}}
    variables = {"target_pythons": [old], "ansible_python_interpreter": old, "target_psutil": "skip"}
    done = remote.run(remote.write_play([role], hosts="far1", vars=variables))
    assert done.code == 2
    said = done.results[-1]["msg"]
    assert f"none of these is one: {old}, {old}" in said
    assert "target_install_python: true" in said
    installing = {**variables, "target_install_python": True, "target_python_package": "python3"}
    checked = remote.run(remote.write_play([role], hosts="far1", vars=installing), "--check")
    assert checked.code == 0, "what it would find after it had installed one, nobody can say"
    variables = {"target_psutil": "skip", "target_state_dir": str(remote.place / "x"), "target_linger": False}
    done = remote.run(remote.write_play([role], hosts="far1", vars=variables))
    assert done.code == 2
    said = done.results[-1]["msg"]
    assert "vanishes" in said or "which the system cleans" in said
    assert "target_allow_ephemeral: true" in said
    assert "set hodei_state_dir, HODEI_STATE_DIR or backend.path" in said
    unknown = remote.run(remote.write_play([role], hosts="far1", vars={**variables, "target_user": "nobody-knows"}))
    assert unknown.code == 2
    assert "there is no user 'nobody-knows' on this host" in str(unknown.results[-1])


def test_ad_hoc_modules_over_ssh(remote: Site) -> None:
    """The modules that look and reach into workers, packed by Ansible."""
    far = {"hosts": "far1"}
    results = remote.tasks(
        task("fleet_init"),
        task("fleet"),
        task("worker_exec", address="w-far1", command=["echo", "there"]),
        task("worker_info"),
        task("fleet_info"),
        **far,
    )
    assert not any(one["failed"] for one in results), results
    assert results[2]["stdout_lines"] == ["there"]
    assert results[3]["workers"][0]["state"] == "running"

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet and its workers, inside the test's own process."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import procfs, record
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor import worker as worker_module
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.cgroup import find
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.record import Record
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.wire import RefusedError
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.supervisor.worker import Worker
from ansible_collections.hodei.workers.tests.unit.plugins.module_utils.providers.process.supervisor.conftest import (
    Inside,
    draft,
    target,
)

Run = Callable[..., None]
HEALTH: dict[str, Any] = {"interval": 0.1, "timeout": 20.0, "failures": 2, "successes": 1, "start_period": 0.0}
ON_FAILURE = {"policy": "on_failure", "max_retries": 3, "initial": 0.05, "max": 0.2}


def worker(made: Inside, name: str) -> Worker:
    """Return a worker."""
    found = made.fleet.find(name, None, 1)
    assert found is not None
    return found


async def until(made: Inside, name: str, state: str) -> Record:
    """Wait until a worker is in a state."""
    while (found := made.fleet.find(name, None, 1)) is None or found.record.state != state:
        await asyncio.sleep(0.01)
    return found.record


def log(made: Inside, name: str) -> str:
    """Return what a worker has written."""
    return (made.path / "logs" / f"{name}.1.log").read_text()


async def written(made: Inside, name: str, text: str) -> str:
    """Wait until a worker has written something."""
    while text not in log(made, name):
        await asyncio.sleep(0.01)
    return log(made, name)


def test_a_life(inside: Run) -> None:
    """Created, paused, resumed, restarted, stopped, started, deleted."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w"))
        first = worker(made, "w").record.pid
        for verb, state in (
            ("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("resume", "running"), ("pause", "paused"),
            ("start", "running"), ("restart", "running"), ("stop", "stopped"), ("stop", "stopped"), ("restart", "running"),
            ("start", "running"),
        ):  # fmt: skip
            await made.fleet.act(verb, target("w"))
            assert worker(made, "w").record.state == state, verb
        assert worker(made, "w").record.pid != first
        assert made.fleet.busy
        assert [row[0] for row in made.fleet.rows()] == ["w.1"]
        await made.fleet.act("delete", target("w"))
        assert made.fleet.rows() == []
        assert not made.fleet.busy
        assert sorted(path.name for path in made.path.rglob("w*")) == ["workers"]

    inside(scenario)


def test_what_it_finds_in_its_environment(inside: Run) -> None:
    """What the document names, expanded, PATH, HOME and our own names; nothing of ours leaks in."""

    async def scenario(made: Inside) -> None:
        spec = draft(
            "w", "/bin/sh", "-c", "env; echo arg=$(URL); ulimit -n; pwd",
            env={"URL": "http://localhost:$(HODEI_PORT_WEB_UI)/$(WORKER_NAME)"},
            ports=[{"name": "web-ui", "host": 0, "protocol": "tcp"}],
            volumes=[{"name": "data", "path": "var/data", "type": "empty", "source": "", "mode": 0o700}],
        )  # fmt: skip
        os.environ["LEAK"] = "leak"
        await made.fleet.create(spec)
        record = await until(made, "w", "completed")
        port = record.ports["web-ui"]
        lines = log(made, "w").splitlines()
        assert 20000 <= port <= 29999
        assert f"arg=http://localhost:{port}/w" in lines
        env = dict(line.split("=", 1) for line in lines if "=" in line)
        home = str(made.path / "workers" / "w.1")
        assert {"LEAK", "SHELL"}.isdisjoint(env)
        assert (env["HOME"], env["WORKER_ID"], env["WORKER_INDEX"]) == (home, "w", "0")
        assert (env["HODEI_SECRETS_DIR"], env["HODEI_VOLUME_DATA"]) == (f"{home}/secrets", f"{home}/var/data")
        assert (Path(home) / "var" / "data").stat().st_mode & 0o777 == 0o700
        assert lines[-2:] == ["256", home]

    inside(scenario)


def test_volumes_that_outlive_the_worker(inside: Run, tmp_path: Path) -> None:
    """A named one is the owner's, a host one is where it always was; the links go with the worker."""
    (tmp_path / "host").mkdir()

    async def scenario(made: Inside) -> None:
        volumes = [
            {"name": "n", "path": "named", "type": "named", "source": "cache", "mode": 0o755},
            {"name": "h", "path": "deep/host", "type": "host", "source": str(tmp_path / "host"), "mode": 0o755},
        ]
        await made.fleet.create(draft("w", "/bin/sh", "-c", "touch named/a deep/host/b; sleep 600", volumes=volumes))
        while not (tmp_path / "host" / "b").exists():
            await asyncio.sleep(0.01)
        await made.fleet.act("restart", target("w", grace=0.0))
        await made.fleet.act("delete", target("w"))
        assert (made.path / "volumes" / "cache" / "a").exists()
        assert (tmp_path / "host" / "b").exists()

    inside(scenario)


@pytest.mark.parametrize(
    ("command", "more", "kind", "words"),
    [
        (("/nowhere/x",), {}, "not_found", "/nowhere/x"),
        (("no-such-program",), {}, "not_found", "PATH"),
        (("/etc/passwd",), {}, "authorization", "permission denied"),
        (("/tmp",), {}, "authorization", "permission denied"),
        (("/bin/true",), {"cwd": "/no/where"}, "configuration", "/no/where"),
        (("/bin/true",), {"cwd": "/etc/passwd"}, "authorization", "/etc/passwd"),
        (("/bin/true",), {"user": "no-such-user"}, "configuration", "no-such-user"),
        (("/bin/true",), {"drop_capabilities": ["FLY"]}, "configuration", "FLY"),
        (("/bin/sh", "-c", "echo why; exit 9"), {}, "provider_specific", "exited with code 9; its last output: why"),
    ],
)  # fmt: skip
def test_what_cannot_start(inside: Run, command: tuple[str, ...], more: dict[str, Any], kind: str, words: str) -> None:
    """Is failed with its cause in words, and can be deleted."""
    if "drop_capabilities" in more and os.geteuid() != 0:
        pytest.skip("only root has capabilities to drop")

    async def scenario(made: Inside) -> None:
        with pytest.raises(RefusedError) as caught:
            await made.fleet.create(draft("w", *command, settle=20.0, **more))
        assert caught.value.kind == kind
        assert words in caught.value.message
        record = worker(made, "w").record
        assert record.state == "failed"
        assert words in record.reason
        with pytest.raises(RefusedError, match=re.escape(words)):
            await made.fleet.create(draft("w", *command, settle=20.0, **more))
        await made.fleet.act("stop", target("w"))
        assert worker(made, "w").record.state == "stopped"

    inside(scenario)


def test_a_worker_that_ends_at_the_end_of_its_first_moment(inside: Run) -> None:
    """A supervisor that was held up learns both at once: the end counts."""

    async def scenario(made: Inside) -> None:
        script = "until test -e go; do sleep 0.01; done; exit 7"
        start = asyncio.create_task(made.fleet.create(draft("w", "/bin/sh", "-c", script, settle=600.0)))
        pid = (await until(made, "w", "running")).pid
        (made.path / "workers" / "w.1" / "go").touch()
        while (found := procfs.look(pid)) is not None and not found.dead:
            time.sleep(0.01)  # the loop has no turn
        made.world.reap()
        worker(made, "w").healthy()
        with pytest.raises(RefusedError, match="exited with code 7"):
            await start

    inside(scenario)


def test_a_restart_of_a_worker_whose_end_is_still_to_be_dealt_with(inside: Run) -> None:
    """It was ended for that by a supervisor that is gone, say: it runs again, whatever its policy says."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w", "/bin/sleep", "600"))
        pid = worker(made, "w").record.pid
        os.kill(pid, signal.SIGKILL)
        while (found := procfs.look(pid)) is not None and not found.dead:
            time.sleep(0.01)  # the loop has no turn
        made.world.reap()
        await made.fleet.act("restart", target("w"))
        assert worker(made, "w").record.state == "running"
        assert worker(made, "w").record.pid != pid

    inside(scenario)


def test_programs_that_are_not_quite_there(inside: Run, tmp_path: Path) -> None:
    """A script whose interpreter is missing, and one that is none."""
    for name, text in (("orphan", "#!/nowhere/interpreter\n"), ("noise", "\x7fnoise")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    async def scenario(made: Inside) -> None:
        for name, words in (("orphan", "interpreter"), ("noise", "not executable code")):
            with pytest.raises(RefusedError, match=words):
                await made.fleet.create(draft(name, str(tmp_path / name)))

    inside(scenario)


def test_a_volume_behind_a_link_and_a_ulimit_that_is_too_high(inside: Run) -> None:
    """Refused in words."""

    async def scenario(made: Inside) -> None:
        volumes = [{"name": "v", "path": "data/x", "type": "empty", "source": "", "mode": 0o755}]
        await made.fleet.create(draft("w", volumes=volumes))
        await made.fleet.act("stop", target("w"))
        own = made.path / "workers" / "w.1"
        shutil.rmtree(own / "data")
        (own / "data").symlink_to("/tmp")
        with pytest.raises(RefusedError, match="own directory"):
            await made.fleet.act("start", target("w"))
        with pytest.raises(RefusedError, match="ulimit"):
            await made.fleet.create(draft("u", "/bin/true", ulimits={"nofile": [10, 5]}))

    inside(scenario)


def test_a_place_that_is_taken(inside: Run) -> None:
    """A directory that somebody left, or a renamed worker still uses, is nobody else's."""

    async def scenario(made: Inside) -> None:
        (made.path / "workers" / "w.1").mkdir()
        await made.fleet.create(draft("w"))
        record = worker(made, "w").record
        assert record.home == str(made.path / "workers" / f"w.1.{record.token}")
        (made.path / "workers" / "w.1").rmdir()
        moved = draft("x", operation="move") | {"spec": None}
        await made.fleet.update(moved, "", "", {"name": "w", "key": None})
        await made.fleet.create(draft("w"))
        assert worker(made, "w").record.home == str(made.path / "workers" / "w.1")
        await made.fleet.act("restart", target("x"))
        assert worker(made, "x").record.home == record.home

    inside(scenario)


def test_ulimits_and_capabilities(inside: Run) -> None:
    """As the document says."""

    async def scenario(made: Inside) -> None:
        script = "ulimit -n; ulimit -Hn; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status"
        more = {"ulimits": {"nofile": [100, 200]}, "drop_capabilities": ["ALL"], "no_new_privileges": False}
        await made.fleet.create(draft("w", "/bin/sh", "-c", script, **more))
        await until(made, "w", "completed")
        lines = log(made, "w").splitlines()
        assert lines[:2] == ["100", "200"]
        if os.geteuid() == 0:
            assert lines[2] == "CapBnd:\t0000000000000000"
        assert lines[3] == "NoNewPrivs:\t0"

    inside(scenario)


def test_restarts_are_counted_and_given_up(inside: Run) -> None:
    """With a pause before each."""

    async def scenario(made: Inside) -> None:
        with pytest.raises(RefusedError, match="code 4"):
            await made.fleet.create(
                draft("w", "/bin/sh", "-c", "exit 4", restart={**ON_FAILURE, "max_retries": 2}, settle=20.0)
            )
        record = await until(made, "w", "failed")
        assert (record.restarts, record.exit_code) == (2, 4)
        assert "given up after 2 restarts" in record.reason

    inside(scenario)


def test_a_start_ends_a_back_off_and_so_does_a_stop(inside: Run) -> None:
    """At once."""

    async def scenario(made: Inside) -> None:
        slow = {**ON_FAILURE, "initial": 60.0, "max": 60.0}
        script = "test -e ok && sleep 600; until test -e ok; do sleep 0.01; done; exit 4"
        await made.fleet.create(draft("w", "/bin/sh", "-c", script, restart=slow))
        (made.path / "workers" / "w.1" / "ok").touch()
        await until(made, "w", "recovering")
        await made.fleet.act("start", target("w"))
        assert worker(made, "w").record.state == "running"
        with pytest.raises(RefusedError):
            await made.fleet.create(draft("x", "/bin/sh", "-c", "exit 4", restart=slow, settle=20.0))
        assert worker(made, "x").record.state == "recovering"
        await made.fleet.act("stop", target("x"))
        assert worker(made, "x").record.state == "stopped"

    inside(scenario)


def test_health_by_port_name(inside: Run) -> None:
    """A probe asks the port that the worker got."""

    async def scenario(made: Inside) -> None:
        code = "import os,socket; s=socket.create_server(('127.0.0.1',int(os.environ['HODEI_PORT_WEB'])))\nwhile 1: s.accept()"
        await made.fleet.create(
            draft(
                "w", os.path.realpath("/usr/bin/python3"), "-c", code,
                ports=[{"name": "web", "host": 0, "protocol": "tcp"}],
                health={**HEALTH, "start_period": 20.0, "tcp": {"host": "127.0.0.1", "port": "web"}},
            )
        )  # fmt: skip
        record = worker(made, "w").record
        assert record.state == "running"
        with socket.create_connection(("127.0.0.1", record.ports["web"]), 5):
            pass

    inside(scenario)


def test_health_of_a_worker_whose_check_fails_later(inside: Run) -> None:
    """Degraded; restarted where the policy says so."""

    async def scenario(made: Inside) -> None:
        check = {**HEALTH, "start_period": 20.0, "command": ["/bin/sh", "-c", "test -e ok"]}
        script = (
            "touch ok; until test -e ill; do sleep 0.02; done; test -e once && sleep 600; touch once; rm ok; sleep 600"
        )
        await made.fleet.create(draft("w", "/bin/sh", "-c", script, health=check, restart=ON_FAILURE))
        (made.path / "workers" / "w.1" / "ill").touch()
        while worker(made, "w").record.restarts == 0:
            await asyncio.sleep(0.01)
        await until(made, "w", "running")

    inside(scenario)


def test_who_waits_for_a_start_hears_of_it_when_another_begins_it_anew(inside: Run) -> None:
    """A restart while it starts: both callers are answered by the run that gets well."""

    async def scenario(made: Inside) -> None:
        check = {**HEALTH, "failures": 10_000, "command": ["test", "-e", "well"]}
        first = asyncio.create_task(made.fleet.create(draft("w", health=check)))
        begun = (await until(made, "w", "starting")).pid
        second = asyncio.create_task(made.fleet.act("restart", target("w")))
        while worker(made, "w").record.pid in (0, begun):
            await asyncio.sleep(0.01)
        (made.path / "workers" / "w.1" / "well").touch()
        await asyncio.gather(first, second)

    inside(scenario)


def test_who_waits_for_a_start_is_answered_though_the_next_one_begins_at_once(inside: Run) -> None:
    """The answer is that of the start that was waited for."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w"))
        found = worker(made, "w")
        await found.restart(0.0)
        waiting = asyncio.create_task(found.settled())
        found._ready.add_done_callback(lambda _unused: found._unsettle())
        await waiting

    inside(scenario)


def test_who_waits_for_a_start_is_answered_by_a_pause(inside: Run) -> None:
    """A worker that another caller has paused is asked for its health no more."""

    async def scenario(made: Inside) -> None:
        check = {**HEALTH, "failures": 10_000, "command": ["test", "-e", "well"]}
        first = asyncio.create_task(made.fleet.create(draft("w", health=check)))
        await until(made, "w", "starting")
        await made.fleet.act("pause", target("w"))
        await first
        assert worker(made, "w").record.state == "paused"

    inside(scenario)


def test_a_worker_that_closes_its_doors_before_it_is_restarted(inside: Run) -> None:
    """Its health while it ends is nobody's concern: the restart is no failure, and waits for the next run."""

    async def scenario(made: Inside) -> None:
        script = "trap 'rm well; echo closed; sleep 0.5; exit 0' TERM; touch well; while :; do sleep 0.05; done"
        check = {**HEALTH, "start_period": 20.0, "failures": 1, "interval": 0.05, "command": ["test", "-e", "well"]}
        await made.fleet.create(draft("w", "/bin/sh", "-c", script, health=check, restart=ON_FAILURE))
        begun = worker(made, "w").record.pid
        await made.fleet.act("restart", target("w", grace=20.0))
        record = worker(made, "w").record
        assert (record.state, record.restarts, record.reason) == ("running", 0, "")
        assert record.pid != begun

    inside(scenario)


def test_a_probe_that_hangs_is_killed(inside: Run) -> None:
    """With what it started."""

    async def scenario(made: Inside) -> None:
        mark = f"601.{os.getpid()}"
        hanging = ["/bin/sh", "-c", f"sleep {mark} & sleep {mark}"]
        check = {**HEALTH, "timeout": 0.2, "interval": 5.0, "failures": 1, "command": hanging}
        with pytest.raises(RefusedError, match="took over"):
            await made.fleet.create(draft("w", health=check))
        await made.fleet.act("stop", target("w"))
        left = [pid for pid in procfs.snapshot() if f"sleep\0{mark}".encode() in cmdline(pid)]
        assert left == []

    inside(scenario)


def test_a_start_that_takes_too_long_tells_the_last_problem(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only that it was not healthy in time."""

    async def scenario(made: Inside) -> None:
        check = {**HEALTH, "timeout": 20.0, "failures": 10_000, "command": ["sh", "-c", "exit 7"]}
        first = asyncio.create_task(made.fleet.create(draft("w", health=check)))
        while made.fleet.find("w", None, 1) is None or not worker(made, "w").problem:
            await asyncio.sleep(0.01)
        monkeypatch.setattr(worker_module, "start_deadline", lambda _health, _settle: 0.0)
        with pytest.raises(RefusedError, match="not healthy within 0 s: the command exited with code 7"):
            await worker(made, "w").settled()
        first.cancel()

    inside(scenario)


def cmdline(pid: int) -> bytes:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_memory_is_sampled_where_no_cgroup_enforces_it(inside: Run) -> None:
    """The tree counts, not only its head; the reason is told."""
    script = "sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x); sleep 600' & wait"

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("big", "/bin/sh", "-c", script, limits={"memory": 30 << 20}))
        await made.fleet.create(draft("small", "/bin/sh", "-c", "sleep 600 & wait", limits={"memory": 30 << 20}))
        while worker(made, "big").record.state == "running":
            made.fleet.tick()
            await asyncio.sleep(0.05)
        record = worker(made, "big").record
        assert (record.state, record.reason.partition(";")[0]) == ("failed", "memory limit of 30 MiB exceeded")
        assert worker(made, "small").record.state == "running"

    inside(scenario)


def test_a_limit_by_the_kernel(inside: Run) -> None:
    """Where we may make groups."""
    place = find()
    if "memory" not in place.carries:
        pytest.skip("no cgroup with a memory controller is ours to write")
    script = "x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 600"

    async def scenario(made: Inside) -> None:
        spec = draft("w", "/bin/sh", "-c", script, limits={"memory": 30 << 20})
        with pytest.raises(RefusedError, match="memory limit"):
            await made.fleet.create({**spec, "spec": {**spec["spec"], "settle": 20.0}})
        assert worker(made, "w").record.reason.startswith("memory limit of 30 MiB exceeded")
        made.world.groups.close()

    inside(scenario, place)


def test_time_to_live(inside: Run) -> None:
    """Over a restart of the worker itself, from its first start; it may be changed, and taken away, while it lives."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w", ttl=600.0))
        found = worker(made, "w")
        began = found.record.ttl_from
        assert began is not None
        await made.fleet.act("restart", target("w", grace=0.5))
        await made.fleet.update(draft("w", ttl=1.0), "", "")
        record = await until(made, "w", "stopped")
        assert procfs.boottime() - began >= 1.0
        assert "time to live of 1 s" in record.reason
        assert record.intent == "started"
        await made.fleet.update(draft("w", ttl=600.0), "", "")
        await made.fleet.act("start", target("w"))
        assert found.record.state == "running"
        in_a_minute = asyncio.get_running_loop().time() + 60
        assert [timer for timer in found._timers if timer.when() > in_a_minute]
        await made.fleet.update(draft("w", ttl=None), "", "")
        assert not [timer for timer in found._timers if timer.when() > in_a_minute]
        assert found.record.state == "running"

    inside(scenario)


def test_update(inside: Run) -> None:
    """Another health check for the same process; a stranger's and an outdated request are refused."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w"))
        pid, etag = worker(made, "w").record.pid, worker(made, "w").record.etag
        failing = {**HEALTH, "command": ["/bin/false"]}
        await made.fleet.update(draft("w", digest="e", health=failing, labels={"a": "b"}), etag, "")
        record = await until(made, "w", "degraded")
        assert (record.pid, record.digest, record.labels) == (pid, "e", {"a": "b"})
        for request, kind in (
            ((draft("w"), etag, ""), "conflict"),
            ((draft("w", lineage="m"), "", ""), "conflict"),
            ((draft("x"), "", ""), "not_found"),
        ):
            with pytest.raises(RefusedError) as caught:
                await made.fleet.update(*request)
            assert caught.value.kind == kind
        await made.fleet.update(draft("w", lineage="m", digest="e"), "", "l")
        assert worker(made, "w").record.lineage == "m"

    inside(scenario)


@pytest.mark.parametrize("more", [{"lineage": "m"}, {"provider": "other"}, {"digest": "e"}])
def test_somebody_elses_name(inside: Run, more: dict[str, str]) -> None:
    """Is a conflict."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("w"))
        with pytest.raises(RefusedError) as caught:
            await made.fleet.create(draft("w", **more))
        assert caught.value.kind == "conflict"

    inside(scenario)


def abandon(made: Inside) -> None:
    """Forget a fleet as a supervisor that is killed does; its workers live on."""
    for one in made.fleet.workers.values():
        for task in (one._life, one._watch, one._ending):
            if task is not None:
                task.cancel()
        for timer in one._timers:
            timer.cancel()
    made.fleet.workers.clear()
    made.world.children.clear()


def test_taking_over(inside: Run) -> None:
    """The living are adopted, what ended in between is judged, what was being done is finished."""

    async def first(made: Inside) -> None:
        for name, more in (
            ("lives", {}), ("gone", {}), ("again", {"restart": ON_FAILURE}), ("stopping", {}), ("paused", {}),
            ("rebooted", {}), ("early", {}), ("late", {}), ("backing", {"restart": ON_FAILURE}),
        ):  # fmt: skip
            await made.fleet.create(draft(name, **more))
        await made.fleet.act("pause", target("paused"))
        await made.fleet.create(draft("done", intent="stopped"))
        killed = [worker(made, name).record.pid for name in ("gone", "again", "backing", "rebooted", "late")]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        # What is being killed still shows its environment for a moment, and would be taken for alive.
        # Waited for without the loop, whose turn would let the fleet notice.
        while any(procfs.environment(pid) for pid in killed):
            time.sleep(0.01)
        changes: dict[str, dict[str, Any]] = {
            "stopping": {"intent": "stopped", "state": "stopping"}, "rebooted": {"boot": "another"},
            "early": {"state": "creating"}, "late": {"state": "creating"}, "backing": {"state": "recovering", "pid": 0},
            "gone": {}, "again": {},
        }  # fmt: skip
        kept = {one.record.name: one.record for one in made.fleet.workers.values()}
        abandon(made)
        for name, change in changes.items():
            for field, value in change.items():
                setattr(kept[name], field, value)
            record.save(kept[name], made.world.directories.records)
        (made.path / "records" / "torn.1.json").write_bytes(bytes(5000))
        (made.path / "records" / "odd.1.json").write_bytes(b"{".ljust(5000))
        old = Path(made.path / "records" / "old.1.json")
        old.write_bytes(b"{".ljust(5000))
        os.utime(old, (1.0, 1.0))

    async def second(made: Inside) -> None:
        for name, state in (
            ("lives", "running"), ("gone", "failed"), ("again", "running"), ("stopping", "stopped"), ("paused", "paused"),
            ("rebooted", "failed"), ("early", "running"), ("late", "running"), ("backing", "running"), ("done", "stopped"),
        ):  # fmt: skip
            await until(made, name, state)
        assert worker(made, "rebooted").record.reason.startswith("the machine was rebooted")
        await made.fleet.act("resume", target("paused"))
        await made.fleet.act("start", target("rebooted"))
        left = {path.name for path in (made.path / "records").glob("o*")} | {
            path.name for path in (made.path / "records").glob("t*")
        }
        assert left == {"odd.1.json"}

    async def keep(made: Inside) -> None:
        await first(made)

    inside(keep)
    inside(second)


def test_a_full_disk(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that cannot be recorded is not made; one that lives has its record written when there is room again."""

    async def scenario(made: Inside) -> None:
        await made.fleet.create(draft("before"))
        write = os.pwrite

        def full(*_unused: Any) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(RefusedError) as caught:
            await made.fleet.create(draft("w", ports=[{"name": "web", "host": 0, "protocol": "tcp"}]))
        assert caught.value.kind == "resource_exhausted"
        assert made.fleet.find("w", None, 1) is None
        await made.fleet.act("pause", target("before"))
        monkeypatch.setattr(os, "pwrite", write)
        assert worker(made, "before").unsaved
        made.fleet.tick()
        assert not worker(made, "before").unsaved

    inside(scenario)


def test_a_start_that_is_given_up_leaves_no_process(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is only slow would become the program later, and nobody would know of it."""
    timers: list[asyncio.Timeout] = []

    def timeout(seconds: float | None) -> asyncio.Timeout:
        timers.append(asyncio.timeouts.timeout(seconds))
        return timers[-1]

    async def scenario(made: Inside) -> None:
        os.mkfifo(made.path / "logs" / "w.1.log")  # opened by who is to be the program, and nobody reads
        monkeypatch.setattr(asyncio, "timeout", timeout)
        start = asyncio.create_task(made.fleet.create(draft("w")))
        while made.fleet.find("w", None, 1) is None or not worker(made, "w").record.pid:
            await asyncio.sleep(0.01)
        record = worker(made, "w").record
        pid, started = record.pid, record.started
        timers[0].reschedule(0.0)
        with pytest.raises(RefusedError, match="took over 30 s"):
            await start
        assert not procfs.alive(pid, started)
        assert (record.state, record.pid) == ("failed", 0)

    inside(scenario)


@pytest.mark.parametrize("paused", [False, True])
def test_a_worker_is_stopped_without_descriptors(inside: Run, monkeypatch: pytest.MonkeyPatch, paused: bool) -> None:
    """What cannot be looked at for a while is not taken for gone, and not waited for in vain."""
    looks = []

    def no_room(*_unused: Any) -> dict[int, procfs.Process]:
        looks.append(1)
        if len(looks) > 3:
            monkeypatch.undo()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def scenario(made: Inside) -> None:
        await made.fleet.create(
            draft("w", "/bin/sh", "-c", "trap '' TERM; sleep 600 & wait; wait", limits={"memory": 1 << 40})
        )
        pid, started = worker(made, "w").record.pid, worker(made, "w").record.started
        if paused:
            await made.fleet.act("pause", target("w"))
        monkeypatch.setattr(procfs, "snapshot", no_room)
        made.fleet.tick()
        await made.fleet.act("stop", target("w", grace=0.1))
        assert not procfs.alive(pid, started)
        assert worker(made, "w").record.state == "stopped"
        assert len(looks) > 3

    inside(scenario)


def test_the_forker_is_replaced_when_it_dies(inside: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start goes through another, and so does the one that it took with it."""

    async def scenario(made: Inside) -> None:
        forker, asked = made.world.forker, asyncio.Event()
        fork = forker.fork

        def ask(fds: list[int]) -> None:
            fork(fds)
            asked.set()

        monkeypatch.setattr(forker, "fork", ask)
        os.kill(forker.pid, signal.SIGSTOP)
        taken = asyncio.create_task(made.fleet.create(draft("taken")))
        await asked.wait()
        os.kill(forker.pid, signal.SIGKILL)
        await taken
        await made.fleet.create(draft("next"))
        assert {one.record.state for one in made.fleet.workers.values()} == {"running"}

    inside(scenario)


def test_what_our_starter_does_with_signals_is_not_the_workers(inside: Run) -> None:
    """``nohup ansible-playbook &`` in a script has us ignore SIGQUIT: a worker that drains by it would never hear it."""

    async def scenario(made: Inside) -> None:
        before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            made.world.forker.start()
        finally:
            signal.signal(signal.SIGQUIT, before)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        await made.fleet.create(draft("w", "/bin/grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"))
        await until(made, "w", "completed")
        blocking, ignoring = (int(line.split()[1], 16) for line in log(made, "w").splitlines())
        # Whoever started us may ignore what belongs to the C library (32 and 33), which lets nobody change that.
        ours = sum(1 << (number - 1) for number in signal.valid_signals())
        assert (blocking & ours, ignoring & ours) == (0, 0)

    inside(scenario)


def test_a_forker_that_is_behind(inside: Run) -> None:
    """Many wait for it to have room, and each gets its turn."""

    async def scenario(made: Inside) -> None:
        forker = made.world.forker
        forker._connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        os.kill(forker.pid, signal.SIGSTOP)
        tasks = [asyncio.create_task(made.fleet.create(draft(f"w{number}"))) for number in range(40)]
        await asyncio.sleep(0.2)
        os.kill(forker.pid, signal.SIGCONT)
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)
        assert {one.record.state for one in made.fleet.workers.values()} == {"running"}

    inside(scenario)


def test_many_at_once(inside: Run) -> None:
    """More than are started side by side."""

    async def scenario(made: Inside) -> None:
        names = [f"w{number}" for number in range(80)]
        await asyncio.gather(*(made.fleet.create(draft(name)) for name in names))
        assert {one.record.state for one in made.fleet.workers.values()} == {"running"}
        await asyncio.gather(*(made.fleet.act("delete", target(name)) for name in names))
        assert made.fleet.workers == {}
        assert made.world.children == {}
        assert made.world.leaders == {}

    inside(scenario)

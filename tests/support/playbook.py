# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person with a directory, an inventory and ansible-playbook: runs the collection as its users do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ansible_collections.hodei.workers.tests.conformance.providers.rigs import leads_session
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

OWNER = "ci-test"
CALLBACKS = Path(__file__).resolve().parent / "callback"
RUN_SECONDS = 240

T = TypeVar("T")
Task = dict[str, Any]
Result = dict[str, Any]
Workers = list[dict[str, Any]] | dict[str, Any]


def task(
    module: str, arguments: Mapping[str, Any] | None = None, /, *, check: bool = False, diff: bool = False, **more: Any
) -> Task:
    """Write a task of our collection. ``more`` are arguments that are no keywords of Python."""
    name = module if "." in module else f"hodei.workers.{module}"
    written: Task = {name: {**(arguments or {}), **more}, "ignore_errors": True}
    return written | ({"check_mode": True} if check else {}) | ({"diff": True} if diff else {})


@dataclass(frozen=True)
class Run:
    """What one ansible-playbook said and returned; ``results`` in the order in which the tasks ended."""

    code: int
    output: str
    tasks: tuple[dict[str, Any], ...]

    @property
    def results(self) -> list[Result]:
        """What each task returned, with ``failed`` always present."""
        return [{"failed": one["status"] in ("failed", "unreachable"), **one["result"]} for one in self.tasks]

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(bool(one.get("changed")) for one in self.results)


class Site:
    """A directory of a user: inventory, files beside it, state below it. ``close`` ends whatever still runs."""

    def __init__(self, *, owner: str = OWNER, workers: Workers = (), **variables: Any) -> None:  # type: ignore[assignment]
        self.place = Path(tempfile.mkdtemp(prefix="hodei-"))
        self.roots = [self.place]  # where its processes are at home
        self.owner = owner
        self._records: dict[int, Path] = {}
        self.hosts: dict[str, dict[str, Any]] = {"localhost": {}}
        self.groups: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "hodei_owner": owner,
            "hodei_backend": {"allow_ephemeral": True},
            "hodei_workers": workers,
            **variables,
        }
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HODEI_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PWD": str(self.place),
            "HODEI_STATE_DIR": str(self.place / "state"),
            "ANSIBLE_CONFIG": str(self.write("ansible.cfg", "[defaults]\n")),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.place / "ansible"),
            "ANSIBLE_REMOTE_TEMP": str(self.place / "ansible"),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
        }
        self.environment.pop("ANSIBLE_FORCE_COLOR", None)

    # ---- what the user writes --------------------------------------------------------------------------------------

    def write(self, name: str, content: Any) -> Path:
        """Write a file beside the inventory, data as YAML. A playbook that starts at this moment reads the old one or the new one."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return draft.replace(path)

    def set(self, workers: Workers | None = None, **variables: Any) -> None:
        """Edit the inventory."""
        self.variables |= ({} if workers is None else {"hodei_workers": workers}) | variables

    def inventory(self) -> Path:
        """Write the inventory as it is now."""
        children = {
            name: {"hosts": dict.fromkeys(group.get("hosts", ())), "vars": group.get("vars", {})}
            for name, group in self.groups.items()
        }
        return self.write("inventory.yml", {"all": {"hosts": self.hosts, "vars": self.variables, "children": children}})

    # ---- what the user runs ----------------------------------------------------------------------------------------

    def command(self, playbook: str | Path, *options: str) -> list[str]:
        """Return the command line of a playbook: one of ours by its short name, else a path."""
        name = str(playbook) if "/" in str(playbook) else f"hodei.workers.{playbook}"
        return [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.inventory()), name, *options]

    def start(self, playbook: str | Path, *options: str, **keywords: Any) -> subprocess.Popen[bytes]:
        """Start a playbook and do not wait for it."""
        record = self.place / f"run-{len(self._records)}"
        with open(f"{record}.out", "wb") as output:
            process = subprocess.Popen(
                self.command(playbook, *options),
                cwd=self.place,
                env=self.environment | {"HODEI_TEST_RECORD": f"{record}.jsonl"},
                **{"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **keywords},
            )
        self._records[process.pid] = record
        return process

    def until(self, playbook: subprocess.Popen[bytes], condition: Callable[[], T], what: str) -> T:
        """Wait for something to happen while a playbook runs, and return that."""

        def happened() -> T:
            found = condition()
            assert found or playbook.poll() is None, f"it ended before {what}: {self.finish(playbook).output}"
            return found

        return wait_for(happened, what)

    def finish(self, process: subprocess.Popen[bytes]) -> Run:
        """Wait for a playbook that was started; nothing that it says may be a bare traceback."""
        process.wait(RUN_SECONDS)
        record = Path(f"{self._records[process.pid]}.jsonl")
        lines = record.read_text().splitlines() if record.exists() else []
        output = record.with_suffix(".out").read_text(errors="replace")
        assert "Traceback" not in output, output
        return Run(process.returncode, output, tuple(map(json.loads, lines)))

    def run(self, playbook: str | Path, *options: str) -> Run:
        """Run a playbook to its end."""
        return self.finish(self.start(playbook, *options))

    def play(self, playbook: str | Path, *options: str) -> Run:
        """Run a playbook that must succeed."""
        done = self.run(playbook, *options)
        assert done.code == 0, done.output
        return done

    def write_play(self, tasks: Sequence[Task], **play: Any) -> Path:
        """Write a playbook of one play, which is read when it has been started."""
        written = {"hosts": "localhost", "gather_facts": False, **play, "tasks": list(tasks)}
        return self.write(f"play-{len(self._records)}.yml", [written])

    def tasks(self, *tasks: Task, options: Sequence[str] = (), **play: Any) -> list[Result]:
        """Run tasks in one play and return what each returned; a task that fails does not stop the next one."""
        done = self.run(self.write_play(tasks, **play), *options)
        assert len(done.results) >= len(tasks), done.output
        for one, result in zip(done.tasks, done.results, strict=True):
            print(f"{one['task']}: {one['status']} {result.get('msg', '')}")  # pytest shows it when a test fails
        return done.results

    def one(self, module: str, arguments: Mapping[str, Any] | None = None, /, **keywords: Any) -> Result:
        """Run one task that must succeed."""
        (result,) = self.tasks(task(module, arguments, **keywords))
        assert not result["failed"], result.get("msg")
        return result

    def refused(self, module: str, arguments: Mapping[str, Any] | None = None, /, **keywords: Any) -> str:
        """Run one task that must fail, and return its message."""
        (result,) = self.tasks(task(module, arguments, **keywords))
        assert result["failed"], result
        return str(result["msg"])

    # ---- what is there -------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The directory of the owner."""
        return self.place / "state" / self.owner

    def pids(self) -> dict[str, int]:
        """Return the process of each worker, as the system shows it: {"a": 4242, "b-0": 4243}."""
        return {
            environ["WORKER_ID"]: pid
            for pid, environ in self._environments()
            # A mark with a dot is that of a command beside the worker: a probe, or whatever somebody runs inside it.
            if "WORKER_ID" in environ and "." not in environ.get("HODEI_WORKER", "") and leads_session(pid)
        }

    def module(self, playbook: subprocess.Popen[bytes]) -> int:
        """Return the process of the module that a playbook runs, once it has opened the state; else 0."""
        state = str(self.home / "state.db")
        for pid in _processes():
            if _opened(pid, state) and playbook.pid in _ancestors(pid):
                return pid
        return 0

    def waits(self, playbook: subprocess.Popen[bytes]) -> bool:
        """Whether a playbook's module sits and waits: asleep whenever looked at, which it is not where it waits for CPU or disk."""
        pid = self.module(playbook)
        until, spent = time.monotonic() + 0.3, _spent(pid)
        while asleep := bool(pid) and spent[:1] == ("S",) and _spent(pid) == spent:
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        return asleep

    def supervisor(self) -> int:
        """Return the supervisor's process, 0 when there is none."""
        roots = tuple(map(str, self.roots))
        for pid in _processes():
            words = _read(pid, "cmdline").decode(errors="replace").split("\0")
            ours = any("/supervisor-" in word and word.startswith(roots) for word in words[:6])
            if ours and _read(pid, "comm") == b"hodei-process\n":  # not its forker, which has the same command line
                return pid
        return 0

    def _environments(self) -> list[tuple[int, dict[str, str]]]:
        roots, found = tuple(map(str, self.roots)), []
        for pid in _processes():
            pairs = _read(pid, "environ").decode(errors="replace").split("\0")
            environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            if any(value.startswith(roots) for value in environ.values()):
                found.append((pid, environ))
        return found

    def close(self) -> None:
        """End what still runs: first the supervisor, which would bring its workers back, then the rest; and tidy up."""
        if supervisor := self.supervisor():
            _kill(supervisor)
            wait_for(lambda: not _read(supervisor, "cmdline"), "the supervisor to die")
        wait_for(self._all_ended, "what the test started to die")
        for link in (link for root in self.roots for link in root.rglob("secrets") if link.is_symlink()):
            if (lying := link.readlink()).name.startswith("hodei-"):  # in memory, where nobody is left to delete them
                shutil.rmtree(lying, ignore_errors=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def _all_ended(self) -> bool:
        """Kill what there is, each time anew: it may have forked meanwhile."""
        found = self._environments()
        for pid, _unused in found:
            _kill(pid)
        return not found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _opened(pid: int, path: str) -> bool:
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == path for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name (proc(5)), from the state on; empty when it is gone."""
    return _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()


def _ancestors(pid: int) -> list[int]:
    found = []
    while (fields := _stat(pid)) and pid > 1:
        pid = int(fields[1])
        found.append(pid)
    return found


def _spent(pid: int) -> tuple[str, ...]:
    fields = _stat(pid)
    return (fields[0], fields[11], fields[12]) if fields else ()


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _read(pid: int, name: str) -> bytes:
    """Read a file of /proc, empty when the process is gone, a zombie, or somebody else's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""

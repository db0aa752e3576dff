# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads secrets by the lookup: 200 of 20 hosts in one playbook, and by the clock within a fork as Ansible makes one for each task."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HOSTS, TASKS, FORKS = 20, 10, 5
_CACHED = 200
_SUPPORT = Path(__file__).resolve().parent.parent / "support" / "lookup"


class Play(NamedTuple):
    """One playbook: its seconds, how many more these are than without lookups, and how often it logged in."""

    seconds: float
    extra: float
    logins: int


def prepare(place: Path) -> None:
    """Make a store with ten secrets, an audit chain, an inventory and two playbooks."""
    from ansible_collections.hodei.workers.plugins.module_utils.access.audit.keys import create_audit_key
    from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import audit_directory
    from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
    from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import FILE, LocalStore

    home = place / "state" / "bench" / "stores" / "local"
    create_key_file(home / "store.key")
    store = LocalStore(home / FILE, key_source({"file": str(home / "store.key")}))
    store.initialise(allow_ephemeral=True)
    for number in range(TASKS):
        store.put(SecretName(f"s{number}"), SecretValue(b"x" * 40))
    store.close()
    create_audit_key(audit_directory(place / "state" / "bench"))
    variables = {
        "ansible_connection": "local",
        "hodei_owner": "bench",
        "hodei_state_dir": str(place / "state"),
        "ansible_python_interpreter": sys.executable,
    }
    hosts: dict[str, dict[str, Any]] = {f"h{number}": {} for number in range(HOSTS)}
    (place / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    with_lookups = [_task(f"{{{{ lookup('hodei.workers.secret', 's{number}') | length }}}}") for number in range(TASKS)]
    status = _task("logins={{ lookup('broker_status', 'logins') }}") | {"run_once": True}
    _play(place / "with.yml", [*with_lookups, status])
    _play(place / "without.yml", [_task("{{ 40 }}") for _unused in range(TASKS)])


def measure(place: Path) -> Play:
    """Run both playbooks."""
    with_lookups, output = _run(place, "with.yml")
    without, _unused = _run(place, "without.yml")
    return Play(with_lookups, with_lookups - without, int(output.partition("logins=")[2].partition('"')[0]))


def clock(place: Path) -> dict[str, float]:
    """Return the milliseconds of a task's first lookup (loading the plugin included), the first of all, and one more in the same task."""
    ended = subprocess.run(
        [sys.executable, __file__, str(place)], capture_output=True, text=True, check=False, env=_environment(place)
    )
    if ended.returncode:
        raise RuntimeError(ended.stdout + ended.stderr)
    return dict(json.loads(ended.stdout))


def in_forks() -> dict[str, float]:
    """Template lookups in forks of a process in which Ansible is loaded."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar, trust_as_template
    from ansible.utils.multiprocessing import context

    init_plugin_loader()
    templar = Templar(DataLoader(), variables={"hodei_owner": "bench"})
    template = trust_as_template("{{ lookup('hodei.workers.secret', 's1') }}")
    templar.template(trust_as_template("{{ lookup('ansible.builtin.env', 'HOME') }}"))
    results = context.SimpleQueue()

    def fork() -> None:
        times = []
        for _unused in range(_CACHED):
            began = time.perf_counter()
            templar.template(template)
            times.append((time.perf_counter() - began) * 1000)
        from ansible_collections.hodei.workers.plugins.plugin_utils import secrets

        address = {"store": "local", "config": {"type": "local"}, "owner": "bench", "backend": None, "state_dir": None}
        options: dict[str, Any] = {"tenant": "", "version": "current", "field": "", "max_age": None, "by": {}}
        request = {"op": "read", "address": address, "name": "s1", **options}
        began = time.perf_counter()
        for _unused in range(_CACHED):
            secrets.desk().ask(request)
        results.put((times[0], statistics.median(times[1:]), (time.perf_counter() - began) / _CACHED * 1000))

    found = []
    for _unused in range(8):
        process = context.Process(target=fork)
        process.start()
        found.append(results.get())
        process.join()
    firsts, more, trips = zip(*found, strict=True)
    return {
        "start": firsts[0],
        "first": statistics.median(firsts[1:]),
        "more": statistics.median(more),
        "trip": statistics.median(trips),
    }


def _environment(place: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_LOOKUP_PLUGINS": str(_SUPPORT),
        "ANSIBLE_LOCAL_TEMP": str(place / "tmp"),
        "ANSIBLE_FORKS": str(FORKS),
        "HODEI_STATE_DIR": str(place / "state"),
    }


def _task(text: str) -> dict[str, Any]:
    return {"ansible.builtin.debug": {"msg": text}}


def _play(path: Path, tasks: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))


def _run(place: Path, playbook: str) -> tuple[float, str]:
    program = str(Path(sys.executable).parent / "ansible-playbook")
    words = [program, "-i", str(place / "inventory.yml"), str(place / playbook)]
    began = time.perf_counter()
    ended = subprocess.run(words, capture_output=True, text=True, check=False, env=_environment(place))
    if ended.returncode:
        raise RuntimeError(ended.stdout + ended.stderr)
    return time.perf_counter() - began, ended.stdout


def main() -> int:
    """Run as a script: ``clock`` in a process of its own, or all of it in a place of its own."""
    if len(sys.argv) > 1:
        print(json.dumps(in_forks()))
        return 0
    with tempfile.TemporaryDirectory(prefix="hodei-bench-") as directory:
        prepare(Path(directory))
        print(clock(Path(directory)), measure(Path(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

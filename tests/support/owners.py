# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners below one state directory: their fleets of real processes are converged by the code of the modules, each time in a
process of its own.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.ansible.converging import run_fleet
from ansible_collections.hodei.workers.plugins.module_utils.ansible.fleet_init import run_init
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.keys import create_key
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.providers.process.provider import ProcessProvider
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import leads_session
from ansible_collections.hodei.workers.tests.support.fleets import LINEAGE
from ansible_collections.hodei.workers.tests.support.forks import in_child
from ansible_collections.hodei.workers.tests.testbed.wait import wait_for

Result = dict[str, Any]
_DEFAULTS: Result = {
    "state": "present",
    "confirm": None,
    "plan": None,
    "prune": True,
    "max_deletes": None,
    "accept": [],
}
_MORE: Result = {"allow_empty": False, "prune_fragments": [], "targets": [], "excludes": [], "lease_timeout": "0s"}


def moved(*names: str) -> list[dict[str, str]]:
    """Return the entries that lead from each owner to the next."""
    return [{"from": f"owner.{old}", "to": f"owner.{new}"} for old, new in pairwise(names)]


class Owners:
    """What is below one state directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.workers: list[Result] = [
            {"name": "a", "command": ["sleep", "infinity"]},
            {"name": "b", "count": 2, "command": ["sleep", "infinity"]},
        ]

    def initialise(self, owner: str, lineage: str = LINEAGE) -> None:
        """Make an owner."""
        create_key(self.place / owner)
        store = SqliteState(self.place / owner / "state.db")
        store.initialise(owner, lineage, 0.0)
        store.close()

    def module(self, owner: str, *, check: bool = False, **arguments: Any) -> Any:
        """Return what a module is called with."""
        backend = {"allow_ephemeral": True, **arguments.pop("backend", {})}
        given = {"owner": owner, "lineage": LINEAGE, "backend": backend, "workers": self.workers, **arguments}
        return SimpleNamespace(
            params={**_DEFAULTS, **_MORE, **given}, check_mode=check, _diff=True, warn=lambda text: None
        )

    def converge(self, owner: str, *, run: Callable[[Any], Result] = run_fleet, **arguments: Any) -> Result:
        """Run a module in a process of its own and return its result, or what it was refused for as ``refused``."""
        told = self.place / "told.json"

        def work() -> None:
            os.environ["HODEI_STATE_DIR"] = str(self.place)
            try:
                result = run(self.module(owner, **arguments))
            except HodeiError as error:
                result = {"refused": str(error)}
            told.write_text(json.dumps(result, default=str))

        assert in_child(work) == 0
        result: Result = json.loads(told.read_text())
        return result

    def initialised(self, owner: str, **arguments: Any) -> Result:
        """Run fleet_init."""
        return self.converge(owner, run=run_init, **arguments)

    def processes(self) -> dict[int, dict[str, str]]:
        """Return the environment of each living worker of anybody here, as the system shows it, by pid."""
        found = {}
        for pid, environ in _environments():
            variables = dict(pair.split("=", 1) for pair in environ.split("\0") if "=" in pair)
            if variables.get("HODEI_SECRETS_DIR", "").startswith(f"{self.place}/") and leads_session(pid):
                found[pid] = variables
        return found

    def supervisors(self) -> list[int]:
        """Return the supervisors of anybody here."""
        mark = f'"directory": "{self.place}/'
        return [
            pid for pid in _pids() if mark in _read(pid, "cmdline") and _read(pid, "comm").strip() == "hodei-process"
        ]

    def provider(self, owner: str, directory: Path | None = None) -> ProcessProvider:
        """Return the provider of an owner."""
        place = directory or self.place / owner / "providers" / "local"
        return ProcessProvider("local", {"directory": str(place)}, owner)

    def close(self) -> None:
        """End whatever lives here."""
        wait_for(self._all_ended, "all to end")

    def _all_ended(self) -> bool:
        """Kill what there is, each time anew: a supervisor may have started somebody meanwhile."""
        found = (*self.supervisors(), *self.processes())
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found


def _environments() -> Iterator[tuple[int, str]]:
    for pid in _pids():
        environ = _read(pid, "environ")
        if environ:
            yield pid, environ


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""What the conformance suite needs of this provider: see ``Rig`` in rigs.py of the suite."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from hodei_provider_spool.client import MARK, Spool
from hodei_provider_spool.provider import SpoolProvider

from ansible_collections.hodei.workers.plugins.module_utils.model.ports import Observation
from ansible_collections.hodei.workers.tests.conformance.providers.rigs import leads_session

OWNER = "conformance"


class SpoolRig:
    """Spooled processes below a directory."""

    #: What the suite asks for beyond the column, and this provider does not do.
    without: ClassVar[Mapping[str, str]] = {
        "ttl": "nobody watches: the next converge ends what has lived too long",
        "renaming": "a process carries the directory of its object, which is named after the worker",
        "release": "every process that carries a directory of the spool is ours",
        "watch": "nobody tells what changes: it is listed again and again",
    }

    def __init__(self, place: Path) -> None:
        self.root = place / OWNER / "spool"

    def open(self, settle: float = 0.1) -> SpoolProvider:
        """Return a new handle on the same place, as another process has it."""
        return SpoolProvider(self.root, OWNER, settle)

    def shell(self, script: str) -> dict[str, Any]:
        """Return a spec that runs a shell script."""
        return {"command": ["/bin/sh", "-c", script]}

    def echo(self) -> dict[str, Any]:
        """Ports have no names here, so nothing asks for it."""
        raise NotImplementedError

    def impossible(self) -> dict[str, Any]:
        """Return a spec that can never start."""
        return {"program": "/nowhere/to-be-found"}

    def objects(self) -> int:
        """Count the native objects, not asking the provider: processes of ours that lead a session."""
        return sum(map(leads_session, self._processes()))

    def handles(self) -> int:
        """Count what could leak: descriptors of this process."""
        return len(os.listdir("/proc/self/fd"))

    def lose(self, worker: Observation) -> None:
        """Kill a worker's main process, as the outside world would: what its shell waits for."""
        for pid in self._processes():
            if not leads_session(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Remove everything."""
        spool = Spool(self.root)
        for name in spool.names():
            spool.stop(name, 0.0)

    def _processes(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"{MARK}={self.root}/".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

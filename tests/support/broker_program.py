# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker as a program, on a store that writes down what is done to it: `python -m ... JOURNAL`, started by ``brokers.Bed``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.ansible.broker_program import run
from ansible_collections.hodei.workers.plugins.module_utils.broker.session import Opener
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import (
    Fault,
    Retrieved,
    Stage,
    StoreError,
    Version,
    Which,
)


class Noted:
    """A session whose ``config`` says how it behaves: ``slow`` (seconds), ``login`` and ``logout`` (a problem,
    or ``hangs``)."""

    expires_at: float | None = 4102444800.0

    def __init__(self, config: Mapping[str, Any], note: Callable[[str], None]) -> None:
        self._config, self._note = config, note
        self.identity = config
        self.warnings: list[str] = []

    def login(self) -> None:
        """Log in, or say why not."""
        self._note("login")
        if self._config.get("login"):
            raise HodeiError(Kind.AUTHENTICATION, self._config["login"])

    def read(self, name: SecretName, which: Which) -> Retrieved:
        """Make a value up, one that no text of the request has: the canary lies in memory only where a value does."""
        self._note(f"read {name} {which}")
        time.sleep(self._config.get("slow", 0))
        if name.name == "missing":
            raise StoreError(Fault.NOT_FOUND, "there is no such secret", where=name.path)
        number = which if isinstance(which, int) else 7
        return Retrieved(SecretValue(canary(name.name).encode()), Version(number, 0.0, Stage.CURRENT))

    def use(self, name: SecretName, which: Which, by: Mapping[str, str], take: Callable[[], Retrieved]) -> Retrieved:
        """Write down who got what."""
        self._note(f"use {name} {by.get('task', '')}")
        return take()

    def lend(self) -> SecretValue:
        """Lend what it is logged in by."""
        self._note("lend")
        return SecretValue(b"session")

    def close(self) -> None:
        """Log out, or hang."""
        self._note("logout")
        if self._config.get("logout") == "hangs":
            time.sleep(3600)
        if self._config.get("logout"):
            raise HodeiError(Kind(self._config.get("kind", "network")), self._config["logout"])


def canary(name: str) -> str:
    """Return the value of a secret."""
    return "".join(("Can", "ary", "-", name[::-1], "-", "x" * 40))


def noted(journal: Path) -> Opener:
    """Return what opens such sessions; each line of the journal is one call."""

    def note(line: str) -> None:
        with open(journal, "ab", buffering=0) as file:
            file.write(f"{line}\n".encode())

    return lambda address: Noted(address["config"], note)


def main() -> int:
    """Serve."""
    journal = Path(sys.argv[1])

    def log(text: str) -> None:
        with open(f"{journal}.log", "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {text}\n")

    return run(lambda: noted(journal), log)


if __name__ == "__main__":
    sys.exit(main())

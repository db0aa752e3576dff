# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a module on the controller use the login that its playbook's broker has, where one runs; starts none (decision 0058)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..broker.client import Client
from ..broker.playbook import Playbook
from ..model.errors import HodeiError
from ..model.secret_value import SecretValue
from ..model.store import Borrow

#: Returns what the store of a name is asked to borrow by.
Lender = Callable[[str, Mapping[str, Any]], Borrow]


def lender(ticket: Mapping[str, Any] | None, owner: str, directory: Path) -> Lender | None:
    """Return who lends logins to the stores of an owner, whose files lie in ``directory``. ``ticket``: see ``broker_desk.ticket``."""
    if not ticket:
        return None
    playbook = Playbook.from_dict(ticket)

    def borrow(name: str, config: Mapping[str, Any]) -> SecretValue:
        place = {"owner": owner, "backend": {"path": str(directory)}, "state_dir": None}
        try:
            return Client(playbook, _start_none).borrow({"store": name, "config": dict(config), **place})
        except HodeiError:  # the task can do without
            return SecretValue(b"")

    return lambda name, config: lambda: borrow(name, config)


def _start_none(_playbook: Playbook) -> NoReturn:
    raise ConnectionError

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a process of a playbook asks for secrets: of the broker, or where none can run, by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..broker.client import Client
from ..broker.playbook import Playbook, possible, this_playbook
from ..broker.wire import Frame

_BROKER = "ansible_collections.hodei.workers.plugins.module_utils.ansible.broker_program"


class Desk(Protocol):
    """Where one process asks."""

    def ask(self, request: Mapping[str, Any]) -> Frame:
        """Return the answer to a request (``broker/service.py``). Raises HodeiError; its ``fault`` is what a store had to say."""

    def known(self, texts: Sequence[str]) -> list[bool]:
        """Tell which texts are or hold values that somebody in this playbook was given, as far as is remembered; asks no store."""

    def forget(self) -> None:
        """Say that secrets were written: what was read before is read again."""


class Alone:
    """No broker can run here: the process logs in by itself, for each question."""

    def __init__(self) -> None:
        from ..broker.given_values import Given

        self._given = Given(bytes.hex)

    def ask(self, request: Mapping[str, Any]) -> Frame:
        """Read, and log out at once. Raises HodeiError."""
        from ..broker.client import Refused
        from ..broker.service import Service
        from ..model.secret_value import SecretValue
        from .store_session import open_session

        service = Service(open_session, bytes.hex)
        answer = service.answer(request)
        service.close(5.0)
        if "error" in answer.head:
            raise Refused(answer.head["error"])
        self._given.add(SecretValue(answer.body))
        return answer

    def known(self, texts: Sequence[str]) -> list[bool]:
        """Tell which texts are or hold values that this process was given."""
        return self._given.known([text.encode(errors="surrogatepass").hex() for text in texts], texts)

    def forget(self) -> None:
        """Nothing is kept."""


def may_be_within(text: str) -> bool:
    """Tell whether a value is long enough to be recognised within a longer text."""
    from ..broker.given_values import SHORTEST_WITHIN

    return len(text) >= SHORTEST_WITHIN


_desks: dict[int, Desk] = {}


def desk(directory: str) -> Desk:
    """Return the desk of this process: a fork cannot share the connection of its parent. ``directory`` is a private one that lives as
    long as the playbook. Raises HodeiError.
    """
    pid = os.getpid()
    if pid not in _desks:
        _desks.clear()
        _desks[pid] = Client(this_playbook(directory), _start) if possible() else Alone()
    return _desks[pid]


def ticket(directory: str) -> dict[str, Any] | None:
    """Return what a module on this machine needs to ask the broker, which knows forks only; None where none can run.

    It has the key of the playbook: hand it to a process through a pipe, and through nothing else.
    """
    return this_playbook(directory).as_dict() if possible() else None


def _start(playbook: Playbook) -> None:
    from ..broker.starting import start
    from .direct import program

    start(program(_BROKER), playbook)

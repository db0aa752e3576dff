# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything is stopped: have providers get what new objects need, so that an old one does not wait for its successor's image."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from ..model.address import Address
from ..model.change import Action, Plan
from ..model.errors import HodeiError
from ..model.ports import Preparing, Provider
from ..model.worker import Instance
from .interrupt import Stop
from .provider_fault import provider_fault
from .request import Listener

_POLL = 0.1


def prepare(
    providers: Mapping[str, Provider],
    plan: Plan,
    instances: Sequence[Instance],
    listener: Listener | None,
    stop: Stop,
) -> dict[Address, HodeiError]:
    """Get ready what a plan makes; returns which addresses cannot be made, and why. Returns at once when somebody asks to stop."""
    making = {change.address for change in plan.pending if change.action in (Action.CREATE, Action.REPLACE)}
    refused: dict[Address, HodeiError] = {}
    bytes_: dict[str, tuple[int, int]] = {}

    def one(name: str, provider: Preparing, mine: Sequence[Instance]) -> None:
        def tell(done: int, total: int) -> None:
            bytes_[name] = (done, total)
            if listener is not None:
                done_, totals = zip(*bytes_.values(), strict=True)
                listener.preparing(sum(done_), sum(totals))

        try:
            refused.update(provider.prepare(mine, tell))
        except HodeiError as error:
            refused.update(dict.fromkeys([each.address for each in mine], error))
        except Exception as error:  # noqa: BLE001 - a fault of one provider must not keep the others from their work
            fault = provider_fault(name, "prepare", error)
            refused.update(dict.fromkeys([each.address for each in mine], fault))

    threads = []
    for name, provider in providers.items():
        mine = [each for each in instances if each.provider == name and each.address in making]
        if mine and isinstance(provider, Preparing):
            threads.append(threading.Thread(target=one, args=(name, provider, mine), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive() and not stop.is_set():
            thread.join(_POLL)
    return dict(refused)

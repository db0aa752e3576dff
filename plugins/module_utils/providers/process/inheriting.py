# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one owner to another: directory and supervisor follow, and the old paths live as long as somebody goes by them."""

from __future__ import annotations

import os

from ..relocating import drop, relocate
from .client import Client
from .disk import readable
from .supervisor import procfs
from .supervisor import record as states

_SECRETS = b"HODEI_SECRETS_DIR="


def inherit(old: str, new: str, client: Client) -> None:
    """Give an owner's place another name, and have its supervisor work for the new one: it becomes that in place. Raises HodeiError."""
    relocate(old, new)
    connection = client.connect()
    if connection is not None:
        connection.close()
        client.demand().close()


def settle(links: list[str], directory: str, owner: str, client: Client) -> bool:
    """Drop links that nobody needs, neither a process nor a supervisor of before; False while somebody does."""
    connection = client.connect()
    if connection is not None:
        with connection:
            if connection.greeting.owner != owner:
                return False
    if is_known_otherwise(directory):
        return False
    drop(links)
    return True


def is_known_otherwise(directory: str) -> bool:
    """Tell whether a process lives that was started when this directory had another path.

    Records tell of workers, which may have overwritten their environment; the environment tells of those that were let go and
    of commands beside workers.
    """
    homes = [*_homes_on_record(directory), *_homes_of_processes()]
    real = os.path.realpath(directory)
    return any(_owner_of(home) != directory and os.path.realpath(_owner_of(home)) == real for home in homes)


def _owner_of(home: str) -> str:
    """Return the owner's directory: a worker's own is ``<owner's>/workers/<worker>``."""
    return os.path.dirname(os.path.dirname(home))


def _homes_on_record(directory: str) -> list[str]:
    return [one.home for one in readable(directory) if one.pid and one.state not in states.ENDED]


def _homes_of_processes() -> list[str]:
    found = []
    for name in os.listdir("/proc"):
        environment = procfs.environment(int(name)) if name.isdigit() else b""
        found += [
            os.fsdecode(os.path.dirname(variable.removeprefix(_SECRETS)))
            for variable in environment.split(b"\0")
            if variable.startswith(_SECRETS)
        ]
    return found

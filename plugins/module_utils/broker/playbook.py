# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that a process belongs to, and what its forks share and nobody else has: a key.

The kernel gives each program that it starts 16 random bytes (getauxval(3), AT_RANDOM). A fork has those of its parent; a program that
it starts has others; and to read them in somebody else's memory takes the right to trace that process. So the forks of
ansible-playbook agree on a key without a word having been said, and a process that has got the id of a dead playbook has another one.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ..model.errors import HodeiError, Kind
from .processes import started_at

#: Part of every name and proof: brokers and clients of different protocols never meet.
VERSION = 1
_AT_RANDOM, _RANDOM_BYTES = 25, 16


class Playbook(NamedTuple):
    """One ansible-playbook: its process, when that started (clock ticks since boot), and the key of its forks.

    ``directory`` is a private directory that lives as long as it does.
    """

    pid: int
    started: int
    directory: str
    key: bytes

    def __repr__(self) -> str:
        return f"Playbook({self.pid})"  # who has the key is let in

    @property
    def name(self) -> str:
        """What its socket is called."""
        return f"hodei-broker-{self.prove(b'name').hex()[:16]}"

    def as_dict(self) -> dict[str, Any]:
        """Return the form in which it is handed to a process that is no fork: it has the key, so through a pipe only."""
        return {"pid": self.pid, "started": self.started, "directory": self.directory, "key": self.key.hex()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Playbook:
        """Read what ``as_dict`` returned."""
        return cls(given["pid"], given["started"], given["directory"], bytes.fromhex(given["key"]))

    def prove(self, *parts: bytes) -> bytes:
        """Return what only a fork of this playbook can make of these parts; none of them has a NUL but the last."""
        return hmac.digest(self.key, b"\0".join(parts), "sha256")

    def mark(self, value: bytes) -> str:
        """Return the digest by which a value is recognised, which tells nothing to anybody else."""
        return self.prove(b"mark", value)[:16].hex()


def this_playbook(directory: str) -> Playbook:
    """Return the playbook of this process, which is itself one or its fork. Raises HodeiError where there is none any more."""
    from multiprocessing import parent_process  # Ansible itself has loaded it

    parent = parent_process()
    if parent is None or parent.pid is None:
        return playbook_at(os.getpid(), directory)
    if os.getppid() != parent.pid:
        raise ended()
    return playbook_at(parent.pid, directory)


def playbook_at(pid: int, directory: str) -> Playbook:
    """Return what the forks of a process call it; only they can. Raises HodeiError when there is no such process."""
    started = started_at(pid)
    if started is None:
        raise ended()
    random = _random()
    if random is None:
        raise HodeiError(Kind.COMPATIBILITY, "this system gives programs no random bytes of their own")
    key = hmac.digest(random, f"hodei.workers broker {VERSION} {pid} {started}".encode(), "sha256")
    return Playbook(pid, started, directory, key)


def ended() -> HodeiError:
    """Return the error for whoever outlives the playbook."""
    return HodeiError(Kind.INTERNAL, "ansible-playbook has ended; no secret is read any more")


@cache
def possible() -> bool:
    """Tell whether a broker can run here: Linux, with what it takes to watch a process."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return _random() is not None


def _random() -> bytes | None:
    import ctypes  # Ansible itself has loaded it

    try:
        getauxval = ctypes.CDLL(None).getauxval
    except (OSError, AttributeError):
        return None
    getauxval.restype, getauxval.argtypes = ctypes.c_ulong, [ctypes.c_ulong]
    place = getauxval(_AT_RANDOM)
    return ctypes.string_at(place, _RANDOM_BYTES) if place else None

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded about secrets: who did what to which, and how it ended; and the ports by which it is recorded and anchored.

The rule that callers keep: no value leaves and nothing is written without its record on disk. So a read or a use is recorded when
the store has answered and before anybody gets the value (then the version is known); a write, and all else that changes a store, is
recorded before the call as BEGUN and after it as DONE or FAILED; a denial before it is told, instead of the call.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Protocol

from .errors import HodeiError, Kind

CLAIMED = "claimed:"
MOST_TEXT = 1000


class Action(str, Enum):
    """What is done. USE: a value goes into a worker, a template or a login. The last four are the chain's own records."""

    READ = "read"
    USE = "use"
    WRITE = "write"
    ROTATE = "rotate"
    DELETE = "delete"
    RESTORE = "restore"
    DESTROY = "destroy"
    BEGIN = "chain_begin"
    HANDOVER = "chain_handover"
    MEND = "chain_mend"
    RETENTION = "chain_retention"


class Result(str, Enum):
    """How it ended. BEGUN without DONE or FAILED under the same correlation id was cut short: whether it happened, the store knows."""

    BEGUN = "begun"
    DONE = "done"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True)
class Entry:
    """One thing to record. There is no place for a value in it.

    ``who`` is a principal's text (``uid:1000``); one that nobody has verified begins with ``claimed:``. ``secret`` is the path of its
    name, ``version`` a number, ``why`` a reason for people, ``correlation`` ties together what one run or call did. Texts are cut to
    ``MOST_TEXT`` characters. Raises HodeiError(validation) without ``who``.
    """

    what: Action
    result: Result
    who: str
    secret: str = ""
    store: str = ""
    store_id: str = ""
    version: int | None = None
    why: str = ""
    correlation: str = ""
    play: str = ""
    task: str = ""
    host: str = ""
    worker: str = ""

    def __post_init__(self) -> None:
        if not self.who.removeprefix(CLAIMED):
            raise HodeiError(Kind.VALIDATION, "an audit entry says nobody who did it")
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, str) and not isinstance(value, Enum):
                text = "".join(value)  # Ansible's texts are of a class of their own
                object.__setattr__(self, one.name, text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 3] + "...")

    @property
    def verified(self) -> bool:
        """Whether somebody has checked that it was who it says."""
        return not self.who.startswith(CLAIMED)


@dataclass(frozen=True)
class AuditHead:
    """How far a chain had got: its last record's number, and the SHA-256 of that record's line."""

    writer: str
    seq: int
    hash: str


def cut_off(known: AuditHead, head: AuditHead, name: str) -> HodeiError:
    """Return the error for a chain that has lost what somebody (``name``) has seen of it."""
    return HodeiError(
        Kind.CONFLICT,
        f"the audit chain of {head.writer} was cut off or replaced: {name} has seen record {known.seq} ({known.hash[:12]}), and the "
        f"chain that ends at {head.seq} ({head.hash[:12]}) does not have it",
        hint="Run audit_info with verify: true, and find out who can write there. Nothing was anchored. If records are lost for good, the "
        "playbook hodei.workers.init with -e hodei_accept=audit lets the state forget them.",
    )


def refuse_older(known: AuditHead | None, head: AuditHead, name: str) -> None:
    """Raise HodeiError(conflict) when a head that is to be remembered cannot come after the one that is."""
    if known is not None and (known.seq > head.seq or (known.seq == head.seq and known.hash != head.hash)):
        raise cut_off(known, head, name)


class Auditor(Protocol):
    """Records entries."""

    def record(self, *entries: Entry, sync: bool = True) -> None:
        """Record entries in this order; they are on disk when this returns, at the cost of one fsync for all of them.

        Without ``sync`` they outlive this process and not a power cut; the next call with it makes them durable too. That is for a
        repeated use of what was recorded durably before. Raises HodeiError when they cannot be written, unless the user wants a
        warning instead.
        """


class Anchor(Protocol):
    """A place outside of a chain that remembers how far the chain had got, so that a cut tail is noticed."""

    name: str
    """How messages call it."""

    def put(self, head: AuditHead) -> None:
        """Remember a head. Raises HodeiError, and remembers nothing, when it cannot or knows a later one (conflict)."""

    def get(self, writer: str) -> AuditHead | None:
        """Return the latest head of a writer; None when there is none, or the place cannot be asked."""

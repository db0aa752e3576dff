# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user accepts as it is now (option `accept`): a store that was put back, an audit chain that is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ..access.audit.segments import hash_at
from ..engine.state.sqlite import SqliteState
from ..model.audit import Action, Entry, Result
from ..model.errors import InvalidDocument, Problem
from ..model.principal import Principal
from ..model.store import Seen
from .audit_chain import audit_directory
from .credentials import Credentials
from .identity import of_environment, refuse_claim
from .remembered import SEEN, SETTINGS, remembered_by, seen_before

AUDIT, STORE = "audit", "store."


class Acceptance:
    """What is accepted for one owner. Raises InvalidDocument for what there is not, HodeiError for who may not."""

    def __init__(
        self,
        wanted: Sequence[str],
        credentials: Credentials,
        identity: Mapping[str, Any],
        directory: Path,
        state: SqliteState,
    ) -> None:
        all_of_them = [AUDIT, *(f"{STORE}{name}" for name in credentials.configs)]
        wrong = [one for one in wanted if one not in all_of_them]
        if wrong:
            hint = f"write some of {', '.join(all_of_them)}"
            raise InvalidDocument(
                [Problem("accept", f"'{one}' is nothing that can be accepted", hint) for one in wrong]
            )
        self._wanted, self._credentials, self._directory, self._state = wanted, credentials, directory, state
        self._remembered = remembered_by(state)
        known = self._remembered.get(SETTINGS, {}).get("identity", identity)
        self._principal = _who(identity, known) if wanted else None

    def stores(self, *, look_only: bool) -> list[Entry]:
        """Believe stores as they are now; return what there is to record of it."""
        names = [one.removeprefix(STORE) for one in self._wanted if one.startswith(STORE)]
        news = {}
        for name in names:
            now, before = seen_now(self._credentials, name), seen_before(self._remembered, name)
            if before is None or before.store_id != now.store_id or before.generation > now.generation:
                news[name] = (before, now)
        if news and not look_only:
            self._state.remember({SEEN + name: list(now) for name, (_before, now) in news.items()})
        return [self._entry(_said(before, now), name) for name, (before, now) in news.items()]

    def chain(self, *, look_only: bool) -> list[Entry]:
        """Forget a chain that is lost or was cut off; return what there is to record of it."""
        if AUDIT not in self._wanted or not self._state.exists():
            return []
        place = audit_directory(self._directory)
        lost = [one for one in self._state.anchors().values() if hash_at(place, one.seq) not in (None, one.hash)]
        if lost and not look_only:
            self._state.forget_anchors()
        return [
            self._entry(f"the chain of {one.writer} is lost, of which the state had seen record {one.seq}")
            for one in lost
        ]

    def _entry(self, why: str, store: str = "") -> Entry:
        who = self._principal.subject if self._principal else ""
        return Entry(Action.RESTORE, Result.DONE, who, store=store, why=f"accepted: {why}")


def seen_now(credentials: Credentials, name: str) -> Seen:
    """Return how far a store has got, whatever was known of it."""
    with closing(credentials.open_store(name, anew=True)) as store:
        found = store.fingerprint()
    return Seen(found.store_id, found.generation)


def _who(said: Mapping[str, Any], identity: Mapping[str, Any]) -> Principal:
    for one in (said, identity):
        refuse_claim(one, "accept that something was lost or put back")
    return of_environment(identity).principal()


def _said(before: Seen | None, now: Seen) -> str:
    was = (
        f"in place of generation {before.generation} of {before.store_id}"
        if before
        else "of which nothing was remembered"
    )
    return f"the store {now.store_id} at generation {now.generation}, {was}"

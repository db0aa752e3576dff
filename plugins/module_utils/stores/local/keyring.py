# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that a process has, held against those that a store is under."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from ...model.secret_value import SecretValue
from ...model.store import Borrow, Fault, StoreError
from .crypto import Kek, derive
from .heads import Head, KeyEntry
from .sources import KeySource, Stretch


class Keyring:
    """The keys of one process: ``key`` opens the store, ``old`` open what has not been rewrapped yet.

    Each is read and stretched once, when a store is first seen that needs it; what ``borrow`` has need not be stretched.
    """

    def __init__(self, key: KeySource, old: Sequence[KeySource] = (), borrow: Borrow | None = None) -> None:
        self._sources = (key, *old)
        self._borrow = borrow
        self._borrowed: Mapping[str, Kek] | None = None
        self._known: dict[tuple[int, str, KeyEntry | None], Kek] = {}

    def opens(self, head: Head) -> Kek:
        """Return the key of a store's head. Raises StoreError(sealed)."""
        return self.find(head, head.key)

    def find(self, head: Head, key_id: str) -> Kek:
        """Return one key of a store. Raises StoreError(sealed) when it is none of ours."""
        lent = self._from_another(head, key_id)
        if lent is not None:
            return lent
        tried = []
        for index, source in enumerate(self._sources):
            for kek in self._candidates(index, source, head):
                if kek.id == key_id:
                    return kek
                tried.append(kek.id)
        given = {0: "which is made of no passphrase", 1: f"and the key given is {''.join(tried)}"}
        many = f"and none of the {len(tried)} keys given is that one"
        raise StoreError(
            Fault.SEALED,
            f"the store is sealed: it needs key {key_id}, {given.get(len(tried), many)}",
            hint="Give it the key that it was last written with. After a change of keys, name the new one as key, the one before "
            "under old_keys.",
        )

    def wanted(self, head: Head) -> str:
        """Return the id of the first source's key when something is under it already, else nothing."""
        ids = {one.id for one in head.keys}
        return next((kek.id for kek in self._candidates(0, self._sources[0], head) if kek.id in ids), "")

    def new(self, store: str, salt: bytes) -> tuple[Kek, KeyEntry]:
        """Return the key of the first source for a store that is not under it yet."""
        source = self._sources[0]
        stretch = Stretch(salt) if source.passphrase else None
        kek = derive(source.secret(stretch), store)
        entry = KeyEntry(kek.id, stretch)
        self._known[0, store, entry if stretch else None] = kek
        return kek, entry

    def lend(self, head: Head) -> SecretValue:
        """Return what passphrases were stretched to, for ``borrow`` of another process; a key that is none costs nothing to read."""
        self.opens(head)
        lent = {
            kek.id: base64.b64encode(kek.wrapping.reveal() + kek.authentication.reveal()).decode()
            for (_index, store, entry), kek in self._known.items()
            if store == head.store and entry is not None and entry.id == kek.id
        }
        return SecretValue(json.dumps(lent).encode())

    def forget(self) -> None:
        """Let go of all keys; they are read again when they are needed."""
        self._known.clear()
        self._borrowed = None

    def _candidates(self, index: int, source: KeySource, head: Head) -> list[Kek]:
        """Return what one source may stand for in a store: one key, or with a passphrase one for each salt."""
        entries = [one for one in head.keys if one.stretch] if source.passphrase else [None]
        return [self._derived(index, source, head.store, entry) for entry in entries]

    def _derived(self, index: int, source: KeySource, store: str, entry: KeyEntry | None) -> Kek:
        known = self._known.get((index, store, entry))
        if known is None:
            known = derive(source.secret(entry.stretch if entry else None), store)
            self._known[index, store, entry] = known
        return known

    def _from_another(self, head: Head, key_id: str) -> Kek | None:
        """Return a key that another process has lent, where to make it takes time; whether it is the right one is told by what it opens."""
        if self._borrow is None or not any(one.id == key_id and one.stretch for one in head.keys):
            return None
        if self._borrowed is None:
            lent = json.loads(self._borrow().reveal() or b"{}")
            self._borrowed = {one: _kek(one, base64.b64decode(made)) for one, made in lent.items()}
        return self._borrowed.get(key_id)


def _kek(key_id: str, made: bytes) -> Kek:
    return Kek(key_id, SecretValue(made[:32]), SecretValue(made[32:]))

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suite needs of each store: handles as other processes have them, bad days, and where it leaves traces.

What a store says it cannot do (``StoreFingerprint.lacks``), and what a rig cannot act out (``without``), is skipped by name with its
reason, never in silence.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Ability, Fault, Store, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore

NAME = SecretName("db/password")
OTHER = SecretName("db/other", "acme")


class Rig(Protocol):
    """One store under test. ``without`` maps the methods that it cannot act out to the reason."""

    without: Mapping[str, str]

    def open(self) -> Store:
        """Return a new handle on the same store, as another process has it."""

    def sealed(self) -> Store:
        """Return a handle that has not got what opens the store."""

    def denied(self) -> Store:
        """Return a handle of somebody who may not read NAME."""

    def throttled(self) -> Store:
        """Return a handle of somebody who has asked too often just now."""

    def expire(self, store: Store) -> None:
        """Let the login of a handle expire, as in the middle of a long run."""

    def damage(self, name: SecretName) -> None:
        """Change the stored value of a secret as a failing disk, or somebody else, would."""

    def writes(self) -> int:
        """Return a number that each write changes and no read does, not asking the store."""

    def traces(self) -> bytes:
        """Return all that the store has left on this machine."""

    def close(self) -> None:
        """Remove everything."""


def value(text: str | bytes) -> SecretValue:
    """Make a value."""
    return SecretValue(text.encode() if isinstance(text, str) else text)


def needs(rig: Rig, store: Store, *abilities: Ability | str) -> None:
    """Skip a test of what a store lacks, or its rig cannot act out, telling the reason."""
    import pytest  # rigs serve programs too, that run where it is not installed

    lacks = store.fingerprint().lacks
    for one in abilities:
        reason = lacks.get(one) if isinstance(one, Ability) else rig.without.get(one)
        assert reason != "", f"{store.fingerprint().type} lacks {one} and does not tell the user why"
        if reason:
            pytest.skip(f"{store.fingerprint().type}: {reason}")


def fault_of(call: Callable[[], Any]) -> Fault:
    """Return the fault that a call ends in."""
    try:
        call()
    except StoreError as error:
        return error.fault
    except HodeiError as error:
        raise AssertionError(f"no answer of the store, but {error.kind.value}: {error}") from error
    raise AssertionError("the call succeeded")


class LocalRig:
    """The embedded store in a directory, with a key file beside it."""

    without: Mapping[str, str] = {
        "denied": "whoever can open the file and has the key may read all of it",
        "throttled": "a file does not count who asks how often",
        "expired": "there is no login that could expire",
    }

    def __init__(self, place: Path) -> None:
        self.place = place
        self.path = place / "store" / "secrets.db"
        self._opened: list[LocalStore] = []
        create_key_file(place / "key")
        self._open("key").initialise(allow_ephemeral=True)

    def open(self) -> LocalStore:
        """Open it by its key file."""
        return self._open("key")

    def sealed(self) -> LocalStore:
        """Open it by another key."""
        (self.place / "wrong").unlink(missing_ok=True)
        create_key_file(self.place / "wrong")
        return self._open("wrong")

    def denied(self) -> LocalStore:
        """There is nobody like that."""
        raise NotImplementedError

    throttled = denied

    def expire(self, store: Store) -> None:
        """There is no such thing."""
        raise NotImplementedError

    def damage(self, name: SecretName) -> None:
        """Flip a bit of each box."""
        with closing(sqlite3.connect(self.path)) as connection, connection as rows:
            found = rows.execute("SELECT rowid, box FROM value WHERE path = ?", (name.path,)).fetchall()
            for row, box in found:
                changed = box[:-1] + bytes([box[-1] ^ 1])
                rows.execute("UPDATE value SET box = ? WHERE rowid = ?", (changed, row))

    def writes(self) -> int:
        """Tell by size and time of the files."""
        files = sorted((self.place / "store").iterdir())
        return hash(tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files))

    def traces(self) -> bytes:
        """Everything below the place."""
        return b"".join(file.read_bytes() for file in self.place.rglob("*") if file.is_file())

    def close(self) -> None:
        """Close what was opened; the place goes with the test."""
        for store in self._opened:
            store.close()

    def _open(self, key: str) -> LocalStore:
        store = LocalStore(
            self.path, key_source({"file": str(self.place / key)}), clock=itertools.count(1_700_000_000.0).__next__
        )
        self._opened.append(store)
        return store

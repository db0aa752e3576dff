# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded store ``local``: the Store port on one encrypted SQLite file.

Each write is one transaction, on the disk when the call returns; a crash leaves the old or the new. Reading creates and changes no
file. Any number of processes may use it at a time. docs/stores/local.md has the format.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...model.errors import HodeiError, Kind
from ...model.secret_name import SecretName
from ...model.secret_value import SecretValue
from ...model.store import (
    MOST_TOKEN,
    Borrow,
    Fault,
    Metadata,
    Retrieved,
    SecretInfo,
    Seen,
    Stage,
    StoreFingerprint,
    Version,
    Which,
)
from . import crypto, records
from .fields import MOST_BYTES, MOST_VERSIONS
from .file import StoreFile
from .keyring import Keyring
from .ledger import Ledger
from .records import Record
from .rekey import rekey
from .sources import KeySource

FILE = "secrets.db"


class LocalStore:
    """A store in one file; may be shared by threads.

    ``key`` opens it, ``old_keys`` open what ``rekey`` has not come to yet. ``seen`` is the furthest that the caller remembers.
    Of each secret, versions with a stage are kept, and of the others the latest, ``most_versions`` in all.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: KeySource,
        *,
        old_keys: Sequence[KeySource] = (),
        read_only: bool = False,
        seen: Seen | None = None,
        most_bytes: int = MOST_BYTES,
        most_versions: int = MOST_VERSIONS,
        borrow: Borrow | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = StoreFile(Path(path), Keyring(key, old_keys, borrow), read_only=read_only, seen=seen)
        self._most_bytes, self._most_versions = most_bytes, most_versions
        self._clock = clock

    # ---- life --------------------------------------------------------------------------------------------------

    def initialise(self, *, allow_ephemeral: bool = False) -> None:
        """Make an empty store; the key is there already (``sources.create_key_file``).

        Raises HodeiError: already_exists when there is one, configuration for a place that vanishes unless ``allow_ephemeral``.
        """
        self._file.initialise(allow_ephemeral=allow_ephemeral)

    def close(self) -> None:
        """Close the file and forget the keys. The store opens it again when it is used again."""
        self._file.close()

    # ---- reading -----------------------------------------------------------------------------------------------

    def fingerprint(self) -> StoreFingerprint:
        """Say what the store is and how far it got."""
        head = self._file.look(lambda ledger: ledger.head)
        return StoreFingerprint("local", str(crypto.SCHEMA), head.store, head.generation, self._most_bytes)

    def lend(self) -> SecretValue:
        """Return what passphrases were stretched to; see ``model.store.Lending``."""
        return self._file.look(lambda ledger: self._file.keyring.lend(ledger.head))

    def list(self, tenant: str | None = None) -> Sequence[SecretInfo]:
        """List all secrets; of one tenant, or of all."""
        infos = self._file.look(lambda ledger: [record.info for record in ledger.all() if record.entries])
        return [info for info in infos if tenant is None or info.name.tenant == tenant]

    def describe(self, name: SecretName) -> SecretInfo:
        """Return what is known of one secret."""
        record = self._file.look(lambda ledger: ledger.load(name))
        record.require(live=False)
        return record.info

    def get(self, name: SecretName, version: Which = Stage.CURRENT) -> Retrieved:
        """Read a value."""

        def look(ledger: Ledger) -> Retrieved:
            record = ledger.load(name)
            found = record.find(version)
            if found.version.destroyed:
                raise record.fault(Fault.NOT_FOUND, f"the value of version {found.version.number} was destroyed")
            return Retrieved(ledger.value(record, found), found.version)

        return self._file.look(look)

    # ---- writing -----------------------------------------------------------------------------------------------

    def put(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
        metadata: Metadata | None = None,
    ) -> Version:
        """Make a value the current version."""
        return self._add(name, value, Stage.CURRENT, expected, token, metadata)

    def stage(
        self,
        name: SecretName,
        value: SecretValue,
        *,
        expected: int | None = None,
        token: str = "",
    ) -> Version:
        """Keep a value as PENDING."""
        return self._add(name, value, Stage.PENDING, expected, token)

    def promote(self, name: SecretName, version: int, *, expected: int | None = None) -> SecretInfo:
        """Make the pending version current."""
        return self._change(name, partial(records.promoted, number=version, expected=expected))

    def rollback(self, name: SecretName, version: int) -> SecretInfo:
        """Undo a version."""
        return self._change(name, partial(records.rolled_back, number=version))

    def retire(self, name: SecretName, version: int) -> SecretInfo:
        """Destroy the value of a version that nobody needs any more."""
        return self._change(name, partial(records.retired, number=version))

    def annotate(self, name: SecretName, metadata: Metadata) -> SecretInfo:
        """Give a secret other metadata."""
        return self._change(name, partial(records.annotated, metadata=metadata))

    def delete(self, name: SecretName) -> SecretInfo:
        """Delete softly."""
        return self._change(name, partial(records.deleted, now=self._clock()))

    def restore(self, name: SecretName) -> SecretInfo:
        """Undo ``delete``."""
        return self._change(name, records.restored)

    def destroy(self, name: SecretName) -> None:
        """Destroy a secret with all its values."""
        self._change(name, records.destroyed)

    def is_rekeyed(self) -> bool:
        """Tell whether ``key`` alone opens all of it."""
        keyring = self._file.keyring
        return self._file.look(lambda ledger: {one.id for one in ledger.head.keys} == {keyring.wanted(ledger.head)})

    def rekey(self) -> int:
        """Bring the whole store under ``key``, see ``rekey.rekey``."""
        return rekey(self._file)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _add(
        self,
        name: SecretName,
        value: SecretValue,
        stage: Stage,
        expected: int | None,
        token: str,
        metadata: Metadata | None = None,
    ) -> Version:
        size = len(value.reveal())  # the value itself is in no variable that a traceback could show
        if size > self._most_bytes:
            raise _invalid(name, f"a value of {size} bytes is longer than {self._most_bytes}", "Raise most_bytes.")
        if len(token) > MOST_TOKEN:
            raise _invalid(name, f"a token of {len(token)} characters is longer than {MOST_TOKEN}")
        with self._file.write() as ledger:
            before = ledger.take(name)
            if before.entries:
                before.require()
            again = token and next((one for one in before.entries if one.version.token == token), None)
            if again:
                same = not again.version.destroyed and ledger.value(before, again) == value
                if same and (stage is Stage.PENDING or again.version.stage is not Stage.PENDING):
                    return again.version
                raise before.fault(
                    Fault.CONFLICT,
                    f"its token was used for version {again.version.number}, with another value or stage; nothing was written",
                    "A token belongs to one call and its repetitions: use a new one.",
                )
            before.expect(expected)
            number = before.last + 1
            version = Version(number, self._clock(), stage, token=token)
            after = records.added(before, version, ledger.add_value(before, number, value), self._most_versions)
            gone = ledger.save(after if metadata is None else replace(after, metadata=metadata), before)
        if gone:
            self._file.wipe()
        return version

    def _change(self, name: SecretName, change: Callable[[Record], Record]) -> SecretInfo:
        gone = False
        with self._file.write() as ledger:
            before = ledger.take(name)
            after = change(before)
            if after != before:
                gone = ledger.save(after, before)
        if gone:
            self._file.wipe()
        return after.info


def _invalid(name: SecretName, message: str, hint: str = "") -> HodeiError:
    return HodeiError(Kind.VALIDATION, message, hint=hint, where=name.path)

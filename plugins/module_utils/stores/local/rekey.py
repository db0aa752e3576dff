# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change of the key-encryption key: every data key is wrapped again, no value is touched."""

from __future__ import annotations

import os
from dataclasses import replace

from .file import StoreFile
from .sources import SALT_BYTES

_BATCH = 200


def rekey(file: StoreFile) -> int:
    """Bring a store under the keyring's first key, in steps between which other processes may work; return how many secrets moved.

    From the first step on everybody needs the new key, and until the last one the old key as well; then that opens nothing any more.
    After a crash, call it again.
    """
    with file.write() as ledger:
        head = ledger.head
        wanted = next((one for one in head.keys if one.id == file.keyring.wanted(head)), None)
        if wanted is None:
            _kek, wanted = file.keyring.new(head.store, os.urandom(SALT_BYTES))
        others = tuple(one for one in head.keys if one.id != wanted.id)
        ledger.head = replace(head, keys=(wanted, *others))
    moved, done = 0, False
    while not done:
        with file.write() as ledger:
            names = ledger.others(_BATCH)
            for name in names:
                record = ledger.take(name)
                ledger.save(record, record)
            done = not names
            if done:
                ledger.head = replace(ledger.head, keys=ledger.head.keys[:1])
        moved += len(names)
    file.wipe()
    return moved

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change of the key-encryption key: every data key is wrapped again, no value is touched."""

from __future__ import annotations

import os
from dataclasses import replace

from .file import StoreFile
from .heads import BUCKETS
from .sources import SALT_BYTES


def rekey(file: StoreFile) -> int:
    """Bring a store under the keyring's first key, bucket by bucket, and other processes work in between; return how many secrets moved.

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
    moved = 0
    for number in range(BUCKETS):
        with file.write() as ledger:
            for record in ledger.bucket(number):
                if record.key != ledger.head.key:
                    ledger.save(ledger.renewed(record), record)
                    moved += 1
    with file.write() as ledger:
        needed = ledger.keys_in_use()  # more than one while somebody else brings it under yet another
        ledger.head = replace(ledger.head, keys=tuple(one for one in ledger.head.keys if one.id in needed))
    file.wipe()
    return moved

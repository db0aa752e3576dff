# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a store of type local."""

from __future__ import annotations

from ...model.credential import credential
from ...model.schema import flag, formatted, group, integer, listed

MOST_BYTES, MOST_VERSIONS = 64 << 10, 10
KEY_FILE = "store.key"
_KEY = credential(
    "The key that opens the store. Left out: the file `store.key` beside the store.",
    {"passphrase": credential("A passphrase, which Argon2id makes a key of.")},
)
LOCAL_CONFIG = group(
    {
        "path": formatted("text", "The directory of the store. Left out: `stores/<name>` below the owner's state."),
        "key": _KEY,
        "old_keys": listed(_KEY, "Keys of before, while the store is being brought under another one."),
        "most_bytes": integer("The longest value.", 1, 16 << 20, MOST_BYTES),
        "most_versions": integer("How many versions of a secret are kept.", 3, 1000, MOST_VERSIONS),
        "allow_ephemeral": flag("Allow a directory that vanishes with its container or lies on a network file system."),
    },
    "An encrypted file on this machine.",
)

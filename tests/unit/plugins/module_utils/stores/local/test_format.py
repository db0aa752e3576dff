# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The format is documented so that somebody else can read it: the program of docs/stores/local.md does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file, key_source
from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore
from ansible_collections.hodei.workers.tests.support.places import quick_directory

PAGE = Path(__file__).parents[6] / "docs" / "stores" / "local.md"
PROGRAM = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]


@pytest.mark.parametrize("passphrase", [False, True])
def test_a_stranger_reads_it(passphrase: bool) -> None:
    with quick_directory() as place:
        key, path, name = place / "key", place / "secrets.db", SecretName("db/password", "acme")
        if passphrase:
            key.write_text("correct horse battery staple\n")
            key.chmod(0o600)
        else:
            create_key_file(key)
        source = {"file": str(key)}
        store = LocalStore(path, key_source({"passphrase": source} if passphrase else source))
        store.initialise(allow_ephemeral=True)
        store.put(SecretName("other"), SecretValue(b"other"))
        for data in (b"old", bytes(range(256))):
            store.put(name, SecretValue(data))
        store.stage(name, SecretValue(b"pending"))
        command = [sys.executable, "-c", PROGRAM, path, key, name.path]
        read = subprocess.run(command, capture_output=True, check=False)
        assert (read.stdout, read.stderr) == (bytes(range(256)), b"")
        store.close()

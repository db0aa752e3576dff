# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens an embedded store with many secrets, or many versions of them, and reads one: each time in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import LocalStore

_NAME = "s/{}"


def prepare(place: Path, secrets: int, versions: int) -> None:
    """Make a store, whose key is a file."""
    from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
    from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import create_key_file

    create_key_file(place / "store.key")
    store = _opened(place)
    store.initialise(allow_ephemeral=True)
    for number in range(secrets):
        for version in range(versions):
            store.put(SecretName(_NAME.format(number)), SecretValue(f"{number}.{version}".encode() * 8))
    store.close()


def measure(place: Path, secrets: int) -> dict[str, float]:
    """Return the milliseconds of opening and reading, with the imports that this takes and without, and of a list of all."""
    ended = subprocess.run(
        [sys.executable, __file__, str(place), str(secrets)], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(ended.stdout + ended.stderr)
    return dict(json.loads(ended.stdout))


def argon2() -> float:
    """Return the milliseconds that a key takes that is made of a passphrase."""
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import Stretch, key_source

    os.environ["BENCH_PASSPHRASE"] = "a passphrase of some words"
    source = key_source({"passphrase": {"env": "BENCH_PASSPHRASE"}})
    began = time.perf_counter()
    source.secret(Stretch(bytes(16)))
    return (time.perf_counter() - began) * 1000


def read_one(place: Path, number: int) -> dict[str, float]:
    """Do it in this process, which has imported nothing of ours yet."""
    began = time.perf_counter()
    from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName

    store = _opened(place)
    imported = time.perf_counter()
    store.get(SecretName(_NAME.format(number)))
    read = time.perf_counter()
    if len(store.list()) <= number:
        raise SystemExit("there should be more secrets")
    listed = time.perf_counter()
    store.close()
    return {"all": (read - began) * 1000, "read": (read - imported) * 1000, "list": (listed - read) * 1000}


def _opened(place: Path) -> LocalStore:
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.sources import key_source
    from ansible_collections.hodei.workers.plugins.module_utils.stores.local.store import FILE, LocalStore

    return LocalStore(place / FILE, key_source({"file": str(place / "store.key")}))


if __name__ == "__main__":
    print(json.dumps(read_one(Path(sys.argv[1]), int(sys.argv[2]) // 2)))

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes that open, take over, write and close the same state at once, while others look at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.verify import verify
from ansible_collections.hodei.workers.tests.conformance.state.builders import LINEAGE, OWNER, T0

WRITER = """
import sys
from ansible_collections.hodei.workers.plugins.module_utils.engine.state.sqlite import SqliteState
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.conformance.state.builders import *
path, me, acknowledged = sys.argv[1], sys.argv[2], 0
for turn in range(50):
    store = SqliteState(path)
    lease = store.acquire(me, TTL, T0, break_lease=True)
    try:
        store.begin(lease, [operation(f"{me}-{turn}")])
        store.end(lease, [ended(f"{me}-{turn}")])
        acknowledged += 1
    except HodeiError as error:
        if "was lost" not in error.message:
            raise
    store.close()
print(acknowledged)
"""


def test_invariant_5_of_many_writers_only_the_one_with_the_lease_writes(tmp_path: Path) -> None:
    store = SqliteState(tmp_path / "state.db")
    store.initialise(OWNER, LINEAGE, T0)
    store.close()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.path), name],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("ana", "bob", "eve")
    ]
    serials = [0]
    while any(writer.poll() is None for writer in writers):
        state = SqliteState(store.path, read_only=True).read()
        assert verify(state) == []
        serials.append(state.serial)
    acknowledged = [int(writer.communicate(timeout=60)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert serials == sorted(serials)
    assert store.read().serial == sum(acknowledged)
    store.close()

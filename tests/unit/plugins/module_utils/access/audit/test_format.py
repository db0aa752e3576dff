# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of docs/audit.md, which has nothing of ours, verifies what we write."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.access.audit import keys
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import segments
from ansible_collections.hodei.workers.tests.support.audit_chains import SMALL, entry, opened

PAGE = Path(__file__).parents[6] / "docs" / "audit.md"


def run(place: Path, key: str) -> subprocess.CompletedProcess[str]:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    command = [sys.executable, "-c", program, str(place), str(place / "keys" / f"{key}.pub")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_somebody_else_can_verify_a_chain(tmp_path: Path) -> None:
    audit = opened(tmp_path, rotation=SMALL)
    (first,) = keys.stored_keys(tmp_path)
    for number in range(5):
        audit.record(entry(f"a/{number}", why='ünï ],"signature":"'), entry(f"b/{number}"))
    audit.rotate_key()
    audit.record(entry("after"))
    head = audit.head()
    assert head is not None
    assert len(segments(tmp_path)) > 1
    done = run(tmp_path, first)
    assert done.stdout == f"13 records are signed; the head is 13:{head.hash}\n", done.stderr
    path = segments(tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(b"a/1", b"a/2"))
    assert "is not the one that was written" in run(tmp_path, first).stderr

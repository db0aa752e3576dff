# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plugins share is loaded with its bytecode; what is not ours is left to whose it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ansible_collections.hodei.workers.plugins.module_utils.ansible import bytecode

UTILS = Path(bytecode.__file__).resolve().parent.parent
OURS = "ansible_collections.hodei.workers.plugins.module_utils"

#: As in a fork of Ansible: its loader of collections is there first.
PROGRAM = """
import sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1]])
from contextlib import nullcontext
from ansible_collections.hodei.workers.plugins.module_utils.ansible import bytecode
before = list(sys.meta_path)
with bytecode.kept() if sys.argv[2] == "compiled" else nullcontext():
    from ansible_collections.hodei.workers.plugins.module_utils.broker import wire
assert sys.meta_path == before
print(type(wire.__spec__.loader).__name__)
"""


def test_ours_with_its_bytecode_and_nothing_else() -> None:
    found = bytecode.Compiled.find_spec(f"{OURS}.broker.wire", [str(UTILS / "broker")])
    assert found is not None
    assert found.cached is not None
    folder = bytecode.Compiled.find_spec(f"{OURS}.broker", [str(UTILS)])
    assert folder is not None
    assert folder.loader is None
    assert bytecode.Compiled.find_spec("ansible_collections.other.one.plugins.module_utils.wire", ["/"]) is None
    assert bytecode.Compiled.find_spec("json", None) is None


def test_a_process_of_ansible_keeps_bytecode_and_sees_what_was_changed(tmp_path: Path) -> None:
    """A file that is newer than its bytecode is compiled again, and a place that cannot be written is no problem."""
    place = tmp_path / "ansible_collections" / "hodei" / "workers"
    for name in ("broker", "model"):
        shutil.copytree(
            UTILS / name, place / "plugins/module_utils" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    mine = place / "plugins" / "module_utils" / "ansible"
    mine.mkdir()
    shutil.copy(bytecode.__file__, mine)

    def loaded(way: str) -> str:
        words = [sys.executable, "-c", PROGRAM, str(tmp_path), way]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    cache = place / "plugins" / "module_utils" / "broker" / "__pycache__"
    assert loaded("as Ansible does") != "SourceFileLoader", "the control"
    assert not cache.exists(), "the control"
    cache.touch()  # where a directory should be
    assert loaded("compiled") == "SourceFileLoader"
    cache.unlink()
    assert loaded("compiled") == "SourceFileLoader"
    assert list(cache.glob("wire.*.pyc"))
    wire = cache.parent / "wire.py"
    wire.write_text(wire.read_text() + "\nprint('changed')\n")
    assert loaded("compiled").startswith("changed")

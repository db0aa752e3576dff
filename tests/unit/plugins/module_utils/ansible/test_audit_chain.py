# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a run whose records are there and whose anchors cannot be told."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.anchors import FileAnchor
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.keys import create_audit_key
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import LateAudit, audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError
from ansible_collections.hodei.workers.tests.support.audit_chains import entry


def test_an_anchor_that_cannot_be_told_fails_the_run_unless_the_user_says_warn(tmp_path: Path) -> None:
    """The others are told all the same, and the next run tells this one."""
    create_audit_key(audit_directory(tmp_path))
    (tmp_path / "there").mkdir()
    there, lost = FileAnchor(tmp_path / "there"), FileAnchor(tmp_path / "lost")
    warned: list[str] = []
    for settings in ({}, {"on_failure": "deny"}, {"on_failure": "warn"}):
        audit = LateAudit(tmp_path, "me", settings, warn=warned.append)
        audit.record(entry())
        if settings.get("on_failure") == "warn":
            audit.anchor(lambda: nullcontext([lost, there]))
        else:
            with pytest.raises(HodeiError, match="is done and recorded, but not anchored"):
                audit.anchor(lambda: nullcontext([lost, there]))
            assert not warned
    assert len(warned) == 1
    assert "is not known to all its anchors" in warned[0]
    (known,) = (tmp_path / "there").iterdir()
    assert '"seq":4' in known.read_text()

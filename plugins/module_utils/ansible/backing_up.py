# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that saves a fleet's state and key, and brings them back: fleet_backup."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.state.backup import Backup, decode, make_backup, refuse, restore
from ..engine.state.holder import this_process
from ..model.errors import HodeiError, Kind
from .session import read_payload, read_settings, refuse_place, state_directory


def run_backup(module: AnsibleModule) -> dict[str, Any]:
    """Write a backup, or restore one."""
    params = module.params
    payload = read_payload(params)
    settings = read_settings(payload, os.environ)
    directory = state_directory(payload, settings)
    path = Path(params["path"]).expanduser()
    if params["state"] == "present":
        if module.check_mode:
            return {"changed": True, "file": str(path)}
        return _result(make_backup(directory, path, time.time()), path, changed=True)
    backup = decode(_read(path), path)
    owner, lineage = settings["owner"].value, settings["lineage"].value
    changed = refuse(backup, directory, owner, lineage, force=params["force"])
    refuse_place(directory, payload.backend)
    if changed and not module.check_mode:
        restore(backup, directory, str(this_process()), time.time())
    return _result(backup, path, changed=changed)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HodeiError(Kind.CONFIGURATION, f"the backup {path} cannot be read: {error.strerror}") from None


def _result(backup: Backup, path: Path, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "file": str(path),
        "owner": backup.owner,
        "lineage": backup.lineage,
        "serial": backup.serial,
        "made_at": backup.made_at,
    }

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module audit_key, which hands an audit chain over to another key when its key has become old."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..access.audit import chain
from ..access.audit.ends import next_key
from ..engine.state.keys import stores_directory
from ..engine.state.sqlite import SqliteState
from .access import Asking
from .arguments import seconds
from .audit_anchors import opened_anchors
from .audit_chain import open_audit
from .audit_info import read_chain, records_of
from .credentials import Credentials
from .identity import refuse_claim
from .payload import locate, written_settings
from .remembered import SETTINGS, remembered_by


def run_audit_key(module: AnsibleModule) -> dict[str, Any]:
    """Change the key when it is as old as the user wants it to be at most, and let anchors know."""
    payload, settings, directory = locate(module.params)
    limit = seconds(module.params, "max_age", 0.0)
    written = written_settings(payload)
    with closing(SqliteState(directory / "state.db", read_only=module.check_mode)) as state:
        found = remembered_by(state).get(SETTINGS) or written
        refuse_claim(found["identity"], "change the audit key")
        anchored = state.anchors() if state.exists() else {}
        audit = open_audit(directory, settings["owner"].value, found["audit"], anchored=anchored, warn=module.warn)
        key = audit.key()
        age = time.time() - _since(records_of(read_chain(audit.directory)), key)
        changed = age >= limit
        if changed and not module.check_mode:
            key, age = audit.rotate_key(), 0.0
            configs = found["audit"].get("anchors", ())
            stores = Credentials(found["stores"], stores_directory(directory), audit, Asking(**payload.asking))
            with closing(stores), opened_anchors(configs, state, stores, read_only=False) as anchors:
                audit.anchor(*anchors)
    public = str(audit.directory / "keys" / f"{key}.pub")
    return {"changed": changed, "key": key, "public_key": public, "age": int(age)}


def _since(records: Sequence[chain.Record], key: str) -> float:
    """Return since when a key has signed; it is older than that where records of before are no longer kept."""
    since = time.time()
    for record in reversed(records):
        if record.key != key and next_key(record) != key:
            break
        since = chain.seconds(record.time)
    return since

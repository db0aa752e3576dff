# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that makes an owner's fleet, once: its directory, its lineage and its key."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.state.keys import create_key, has_key, stores_directory
from ..engine.state.sqlite import SqliteState
from ..model.configs import read_providers
from ..model.credential import written
from ..model.errors import HodeiError, Kind
from ..model.place import Place
from ..providers.registry import ConfigSchemas
from .payload import Payload, locate, written_settings
from .session import open_credentials, origin_of, refuse_place


def run_init(module: AnsibleModule) -> dict[str, Any]:
    """Initialise an owner, what is there already is left as it is; or leave nothing of one."""
    if module.params["state"] == "absent":
        from .uninstalling import run_uninstall

        return run_uninstall(module)
    payload, settings, directory = locate(module.params)
    owner = settings["owner"].value
    wished = settings["lineage"].value
    refuse_place(directory, payload.backend)
    origin = origin_of(payload, settings, directory)
    if origin is not None:
        directory = origin.directory
    store = SqliteState(directory / "state.db", read_only=module.check_mode)
    try:
        known = store.read().lineage if store.exists() else None
        if known and wished and str(wished).lower() != known:
            raise HodeiError(
                Kind.CONFLICT,
                f"owner '{owner}' exists here with lineage {known}, not {wished}",
                hint="Use that lineage, or another owner.",
            )
        lineage = known or str(wished or uuid.uuid4()).lower()
        made = [] if has_key(directory) else ["key"]
        made += [] if known else ["state"]
        if origin is not None:
            made = []  # the next converge moves what is there, and rebuilds its state if that is lost
        if made and not module.check_mode:
            _make(directory, store, owner, lineage, made)
        accepted: list[str] = []
        if origin is None and (
            payload.stores or payload.secrets or module.params["accept"] or _providers_refer(payload)
        ):
            found, accepted = _found_stores(module, payload, owner, directory, store)
            made += found
        return {
            "changed": bool(made or accepted),
            "accepted": accepted,
            "owner": owner,
            "lineage": lineage,
            "directory": str(directory),
            "made": made,
            "msg": f"hodei_owner: {owner}\nhodei_lineage: {lineage}",
        }
    finally:
        store.close()


def _found_stores(
    module: AnsibleModule, payload: Payload, owner: str, directory: Path, state: SqliteState
) -> tuple[list[str], list[str]]:
    """Make what the configured stores, and the record of who uses them, need before their first use; a fleet without secrets has none.

    Returns what was made, and what the user accepts that it is as it is.
    """
    from ..stores.registry import store_type
    from .accept import Acceptance, seen_now
    from .audit_chain import found_audit, open_audit
    from .remembered import SEEN

    look_only = module.check_mode
    said = written_settings(payload)
    with closing(open_credentials(payload, owner, directory)) as credentials:
        acceptance = Acceptance(module.params["accept"], credentials, said["identity"], directory, state)
        entries = acceptance.chain(look_only=look_only)
        anchored = state.anchors() if state.exists() and not entries else {}
        # First: reading the key of a store in another one is recorded.
        audit_key = found_audit(directory, anchored, look_only=look_only)
        made, new = [], {}
        for name, config in said["stores"].items():
            kind, home = store_type(config["type"]), stores_directory(directory) / name
            if kind.found is not None:
                found = kind.found(name, credentials.store(name), home, look_only)
                made += [f"{what} of store {name}" for what in found]
                if "store" in found and not look_only:
                    new[SEEN + name] = list(seen_now(credentials, name))
        if new:
            state.remember(new)
        entries += acceptance.stores(look_only=look_only)
    if entries and not look_only:
        open_audit(directory, owner, said["audit"], anchored=anchored, warn=module.warn).record(*entries)
    return made + audit_key, [one.why for one in entries]


def _providers_refer(payload: Payload) -> bool:
    """Tell whether a provider has a credential in a store."""
    schemas = ConfigSchemas()
    return any(
        "secret" in source
        for name, config in read_providers(payload.providers, schemas)[0].items()
        for _unused, source in written(config, schemas[str(config["type"])], Place(name))
    )


def _make(directory: Any, store: SqliteState, owner: str, lineage: str, made: list[str]) -> None:
    if "key" in made and "state" not in made:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"owner '{owner}' has state but its key {directory}/fleet.key is missing",
            hint="Restore the key from your backup: digests of what runs were made with it.",
        )
    if "key" in made:
        create_key(directory)
    if "state" in made:
        store.initialise(owner, lineage, time.time())

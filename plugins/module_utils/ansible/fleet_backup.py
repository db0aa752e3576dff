# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that saves a fleet's state and key, its stores and its audit chain, and brings them back: fleet_backup."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ansible.module_utils.basic import AnsibleModule

from ..access.audit.saving import put_back_chain, saved_chain
from ..engine.lease import held_lease
from ..engine.state.backup import STATE_FILE, Backup, decode, make_backup, refuse, restore
from ..engine.state.holder import this_process
from ..engine.state.keys import stores_directory
from ..engine.state.sqlite import SqliteState
from ..model.audit import Action, Entry, Result
from ..model.errors import HodeiError, InvalidDocument, Kind, Problem
from ..model.identity import read_identity
from ..stores.registry import store_type
from .accept import STORE, seen_now
from .audit_chain import LateAudit, audit_directory
from .credentials import Credentials
from .identity import refuse_claim
from .payload import Payload, locate
from .remembered import SEEN, SETTINGS, remembered_by, seen_before
from .session import open_credentials, refuse_place

_AUDIT, _STORES = "audit/", "stores/"
_Part: TypeAlias = Callable[..., bool]


def run_backup(module: AnsibleModule) -> dict[str, Any]:
    """Write a backup, or restore one."""
    params = module.params
    payload, settings, directory = locate(params)
    owner, lineage = settings["owner"].value, settings["lineage"].value
    path = Path(params["path"]).expanduser()
    with closing(open_credentials(payload, owner, directory)) as credentials:
        if params["state"] == "present":
            if module.check_mode:
                return {"changed": True, "file": str(path)}
            saved = partial(_saved, credentials, directory, keys=params["keys"])
            return _result(make_backup(directory, path, time.time(), saved), path, changed=True)
        backup = decode(_read(path), path)
        if params["force"] or params["accept"]:
            _refuse_claims(payload, directory)
        changed = refuse(backup, directory, owner, lineage, force=params["force"])
        refuse_place(directory, payload.backend)
        parts = _Parts(backup, directory, credentials, params["accept"])
        changes = parts.changes()
        if not module.check_mode:
            parts.put_back(changes, owner)
            if changed:
                restore(backup, directory, str(this_process()), time.time())
            parts.remember()
    return _result(backup, path, changed=changed or bool(changes)) | {"restored": changes}


def _refuse_claims(payload: Payload, directory: Path) -> None:
    """Raise HodeiError(authorization) where this task, or the last converge, only says who it is. Raises InvalidDocument."""
    said, problems = read_identity(payload.identity)
    if problems:
        raise InvalidDocument(problems)
    with closing(SqliteState(directory / STATE_FILE, read_only=True)) as state:
        known = remembered_by(state).get(SETTINGS, {}).get("identity", {})
    for one in (said, known):
        refuse_claim(one, "restore what is older")


class _Parts:
    """What a backup has besides state and key. Raises InvalidDocument, HodeiError."""

    def __init__(self, backup: Backup, directory: Path, credentials: Credentials, accept: list[str]) -> None:
        self._directory, self._credentials = directory, credentials
        self._names = {one.removeprefix(STORE) for one in accept}
        unknown = [
            one for one in accept if not one.startswith(STORE) or one.removeprefix(STORE) not in credentials.configs
        ]
        if unknown:
            known = ", ".join(f"{STORE}{name}" for name in credentials.configs)
            raise InvalidDocument(
                [
                    Problem("accept", f"'{one}' is nothing that can be accepted", f"write some of {known}")
                    for one in unknown
                ]
            )
        with closing(SqliteState(directory / STATE_FILE, read_only=True)) as state:
            remembered = remembered_by(state)
        self._parts: dict[str, _Part] = {}
        if chain := _below(_AUDIT, backup.files):
            self._parts["audit"] = partial(put_back_chain, audit_directory(directory), chain)
        for name in sorted(
            {one.removeprefix(_STORES).partition("/")[0] for one in backup.files if one.startswith(_STORES)}
        ):
            if name not in credentials.configs or (hook := store_type(_type(credentials, name)).put_back) is None:
                raise HodeiError(
                    Kind.CONFLICT,
                    f"the backup has a store '{name}', and the document has none that it could be put into",
                    hint="Configure it in hodei_stores as it was.",
                )
            home, files = stores_directory(directory) / name, _below(f"{_STORES}{name}/", backup.files)
            self._parts[f"{STORE}{name}"] = partial(
                hook, credentials.store(name), home, files, seen_before(remembered, name), name in self._names
            )

    def changes(self) -> list[str]:
        """Say what is to be put back. Raises HodeiError where a part may not be; nothing was done then."""
        return [name for name, part in self._parts.items() if part(look_only=True)]

    def put_back(self, names: list[str], owner: str) -> None:
        """Put parts back while nobody converges; the chain first, which records that the user accepts older stores."""
        with closing(SqliteState(self._directory / STATE_FILE)) as state, _lease(state):
            for name in names:
                if name.removeprefix(STORE) in self._names:
                    why = "accepted: the store of a backup, in place of what was there"
                    entry = Entry(
                        Action.RESTORE, Result.DONE, f"uid:{os.geteuid()}", store=name.removeprefix(STORE), why=why
                    )
                    LateAudit(self._directory, owner).record(entry)
                self._parts[name](look_only=False)

    def remember(self) -> None:
        """Let the state believe the stores that the user accepts."""
        with closing(SqliteState(self._directory / STATE_FILE)) as state:
            for name in self._names:
                with suppress(HodeiError):  # without its key nobody can use it; init accepts it later
                    state.remember({SEEN + name: list(seen_now(self._credentials, name))})


@contextmanager
def _lease(state: SqliteState) -> Iterator[None]:
    """Hold the lease of a state, where there is one: nobody converges meanwhile. Raises HodeiError(conflict)."""
    if not state.exists():
        yield
        return
    settings: dict[str, Any] = {"ttl": 30.0, "timeout": 0.0, "break_lease": False}
    with held_lease(state, str(this_process()), clock=time.time, on_wait=lambda _text: None, **settings):
        yield


def _saved(credentials: Credentials, directory: Path, *, keys: bool) -> dict[str, bytes]:
    """Return what lies here of stores and of the audit chain, by the names that it has in a backup."""
    found = {f"{_AUDIT}{name}": data for name, data in saved_chain(audit_directory(directory), keys=keys).items()}
    for name in credentials.configs:
        hook = store_type(_type(credentials, name)).saved
        if hook is not None:
            files = hook(credentials.store(name), stores_directory(directory) / name, keys)
            found |= {f"{_STORES}{name}/{file}": data for file, data in files.items()}
    return found


def _type(credentials: Credentials, name: str) -> str:
    return str(credentials.configs[name]["type"])


def _below(prefix: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix(prefix): data for name, data in files.items() if name.startswith(prefix)}


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
        "stores": sorted({name.split("/")[1] for name in backup.files if name.startswith(_STORES)}),
        "keys": ["fleet.key", *sorted(name for name in backup.files if name.endswith(".key"))],
    }

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module secret, which converges the secrets that a task names, and secret_info, which tells what there is of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.options import Options
from ..model.address import SECRET
from ..model.errors import HodeiError, Kind
from ..model.mounts import STORE, secrets_of
from ..model.records import State
from ..model.secret_name import SecretName
from ..model.store import SecretInfo, Version
from .converging import converge_or_preview
from .result import report_result
from .session import Session, open_session


def run_secret(module: AnsibleModule) -> dict[str, Any]:
    """Converge the secrets that the task names, and nothing else."""
    params = module.params
    with open_session(params, write=not module.check_mode, only_named=True) as session:
        if not session.document.secrets:
            raise HodeiError(
                Kind.VALIDATION, "the task names no secret", hint="Give `name` and its fields, or `secrets`."
            )
        if params["state"] == "restored":
            return _restore(session, look_only=module.check_mode)
        state = "present" if params["state"] == "present" else "absent"
        options = Options(state=state, replace=tuple(params["replace"]))
        report = converge_or_preview(module, session, options, "secret")
        result = report_result(report, diff=module._diff)
        result["secrets"] = [] if module.check_mode else list(_named(session))
        return result


def _restore(session: Session, *, look_only: bool) -> dict[str, Any]:
    """Bring deleted secrets back, as they were."""
    restored = []
    for one in session.document.secrets:
        if session.secrets[one.provider].restore(SecretName.parse(one.address.name), look_only=look_only):
            restored.append(str(one.address))
    session.conclude()
    return {"changed": bool(restored), "restored": restored, "secrets": list(_named(session))}


def run_secret_info(module: AnsibleModule) -> dict[str, Any]:
    """Tell what there is of secrets, without their values."""
    with open_session(module.params, write=False, only_named=True, all_stores=True) as session:
        result = {"changed": False, "secrets": list(_told(session, module.params["names"])), "stores": _stores(session)}
        for text in session.warnings:
            module.warn(text)
        return result


def _stores(session: Session) -> dict[str, dict[str, Any]]:
    """Tell how far stores have got, and what the state remembers of that."""
    seen = session.run_secrets.seen() if session.run_secrets else {}
    return {
        name: {"id": one["now"][0], "generation": one["now"][1], "remembered": one["before"] and one["before"][1]}
        for name, one in seen.items()
    }


def _named(session: Session) -> Iterable[Mapping[str, Any]]:
    """Tell of the secrets that the task names."""
    return _told(session, [one.address.name for one in session.document.secrets])


def _told(session: Session, wanted: Collection[str]) -> Iterable[Mapping[str, Any]]:
    """Tell of some secrets, or of all where none are named."""
    users = _users(session.state)
    for name, objects in session.secrets.items():
        for info in objects.infos():
            if not wanted or info.name.path in wanted:
                yield shown(info, name.removeprefix(STORE), users.get(info.name.path, ()), time.time())


def _users(state: State) -> dict[str, list[str]]:
    """Map secrets to the workers that are given them, as the last converge wrote that down."""
    found: dict[str, list[str]] = {}
    for one in state.resources:
        for name in secrets_of(one.spec) if one.address.kind != SECRET and not one.deposed else ():
            found.setdefault(name, []).append(str(one.address))
    return found


def shown(info: SecretInfo, store: str, users: Sequence[str], now: float) -> dict[str, Any]:
    """Return what may be told of a secret."""
    expires_at = info.metadata.expires_at
    return {
        "name": info.name.path,
        "store": store,
        "deleted_at": info.deleted_at,
        "expires_at": expires_at,
        "overdue": max(0, int(now - expires_at)) if expires_at else 0,
        "used_by": list(users),
        "owner": info.metadata.tags.get("hodei.owner"),
        "tags": {key: tag for key, tag in info.metadata.tags.items() if not key.startswith("hodei.")},
        "versions": [_version(one, now) for one in info.versions],
    }


def _version(version: Version, now: float) -> dict[str, Any]:
    return {
        "version": version.number,
        "stage": version.stage.value if version.stage else None,
        "age": max(0, int(now - version.created_at)),
        "created_at": version.created_at,
        "destroyed": version.destroyed,
    }

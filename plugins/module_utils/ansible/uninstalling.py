# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of an owner on a machine: no supervisor, no state, no key."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..durable.draft import remove_drafts
from ..engine.naming import several
from ..engine.options import Options
from ..engine.state.keys import KEY_FILE, has_key
from ..engine.survey import survey
from ..model.errors import HodeiError, Kind
from ..model.ports import Leaving
from ..providers.relocating import drop, former
from .converging import converge_or_preview
from .owning import MARK, refuse_unclear
from .payload import locate
from .result import report_result
from .session import Session, open_session

#: The key goes first: without it nothing else is of any use, and a run that is killed here is finished by the next one.
_STATE = (KEY_FILE, "state.db", "state.db-wal", "state.db-shm", MARK)


def run_uninstall(module: AnsibleModule) -> dict[str, Any]:
    """Leave nothing of an owner; refuse while it has workers, unless they may go on without it."""
    params = module.params
    _payload, settings, directory = locate(params)
    owner = settings["owner"].value
    if not directory.exists():
        _drop_links(directory, module.check_mode)  # a run that was killed may have left them
        return {"changed": False, "directory": str(directory), "left": []}
    if params["confirm"] != owner:
        raise HodeiError(
            Kind.VALIDATION,
            f"this would delete state and key of '{owner}'",
            hint=f"If that is meant, set confirm: {owner} (the playbook takes -e hodei_confirm={owner}).",
        )
    if has_key(directory):
        with open_session(params, write=not module.check_mode) as session:
            failed = _empty(module, session)
            if failed is not None:
                return failed
    if not module.check_mode:
        _delete(directory)
        _drop_links(directory, module.check_mode)
    return {"changed": True, "directory": str(directory), "left": _left(directory)}


def _empty(module: AnsibleModule, session: Session) -> dict[str, Any] | None:
    """See to it that no worker of ours is left, and that nothing watches; returns the result where that did not succeed."""
    world = survey(session.providers, session.document.lineage).world
    refuse_unclear(world, session.document.owner)
    if world.objects and not module.params["leave_workers"]:
        owner, count = session.document.owner, len(world.objects)
        raise HodeiError(
            Kind.CONFLICT,
            f"'{owner}' still has {count} worker{'s' if count > 1 else ''}: {several(list(world.objects))}",
            hint="Run hodei.workers.destroy first; or set leave_workers: true (the playbook takes -e hodei_leave_workers=true), "
            "and they run on and belong to nobody.",
        )
    if module.check_mode:
        return None
    if world.objects:
        report = converge_or_preview(module, session, Options(state="forgotten", targets=("*",)), "forget")
        if report.failed:
            return report_result(report, diff=module._diff)
    # Whoever converges now is waited for by nobody: it holds the lease, and we do not go on.
    session.store.acquire(session.holder, 30.0, time.time())
    for provider in session.providers.values():
        if isinstance(provider, Leaving):
            provider.leave()
    return None


def _delete(directory: Path) -> None:
    """Delete our own files, and directories that are empty then."""
    try:
        for name in _STATE:
            remove_drafts(directory / name)
            (directory / name).unlink(missing_ok=True)
        for place in (*directory.glob("providers/*"), directory / "providers", directory):
            if place.is_dir() and not os.listdir(place):
                place.rmdir()
    except OSError as error:
        raise HodeiError(Kind.CONFIGURATION, f"cannot delete {error.filename}: {error.strerror}") from error


def _drop_links(directory: Path, check_mode: bool) -> None:
    """Let the owner's former names go with it; what workers that were let go still use stays, and so does the way there."""
    if not check_mode and not directory.exists():
        drop(former(str(directory)))


def _left(directory: Path) -> list[str]:
    """List what is still there: what workers that were let go use, and what others have put here."""
    return sorted(str(path) for path in directory.rglob("*") if not path.is_dir() or not any(path.iterdir()))

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that collects what nobody remembers: fleet_orphans."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..engine.converge import Ports, Tools
from ..engine.interrupt import Stop
from ..engine.orphans import Collect, Collection, Orphan, collect, look
from ..engine.state.keys import owner_directory
from ..engine.state.sqlite import SqliteState
from ..model.errors import HodeiError, Kind
from ..model.records import Lease
from . import signals
from .arguments import lease_settings, seconds
from .converging import new_id
from .session import Session, open_session


def run_orphans(module: AnsibleModule) -> dict[str, Any]:
    """List orphans, or delete those of the lineages that are named."""
    params = module.params
    deleting = params["state"] == "absent" and not module.check_mode
    if params["state"] == "absent" and not params["lineages"]:
        raise HodeiError(
            Kind.VALIDATION,
            "state: absent needs the lineages that may go",
            hint="Look with state: listed, and name lineages of those that are yours and gone.",
        )
    with open_session(params, write=deleting) as session:
        stop = Stop()
        if deleting:
            signals.watch(stop)
        request = Collect(
            document=session.document,
            holder=session.holder,
            lineages=tuple(str(one).lower() for one in params["lineages"]),
            older_than=seconds(params, "older_than"),
            max_deletes=params["max_deletes"],
            actor=session.actor,
            leases=tuple(_leases(session, params["states"])),
            **lease_settings(params),
        )
        ports = Ports(store=session.store, providers=session.providers)
        tools = Tools(new_id=new_id, stop=stop, on_wait=module.warn)
        found = collect(request, ports, tools) if deleting else look(request, ports, tools, session.state)
        for text in session.warnings:
            module.warn(text)
        return _result(found, will_go=params["state"] == "absent", deleted=deleting)


def _leases(session: Session, given: Sequence[str]) -> Iterator[Lease]:
    """Yield the live leases of this owner's other states: where it is by default, and where the user says there are some."""
    here = session.directory.resolve()
    usual = owner_directory(session.document.owner, session.settings["state_dir"].value)
    for directory in dict.fromkeys([usual.resolve(), *(Path(os.path.expanduser(one)).resolve() for one in given)]):
        if directory == here:
            continue
        if not (directory / "state.db").exists():
            if directory != usual.resolve():
                raise HodeiError(
                    Kind.CONFIGURATION, f"states: there is no state.db in {directory}", hint="Correct the path."
                )
            continue
        other = SqliteState(directory / "state.db", read_only=True)
        try:
            lease, lineage = other.lease(), other.read().lineage
        finally:
            other.close()
        if lease is not None:
            yield replace(lease, lineage=lineage)


def _result(found: Collection, *, will_go: bool, deleted: bool) -> dict[str, Any]:
    failed = [one for one in found.going if one.error is not None]
    gone = [] if failed and not deleted else [one for one in found.going if one.error is None]
    result: dict[str, Any] = {
        "changed": will_go and bool(gone),
        "orphans": [_shown(one) for one in found.orphans],
        "collected": [str(one.seen.address) for one in gone] if will_go else [],
        "unseen": dict(found.unseen),
    }
    if failed:
        told = "".join(f"\n  - {one.seen.address}: {one.error}" for one in failed)
        result |= {"failed": True, "msg": f"{len(failed)} of {len(found.going)} objects could not be deleted:{told}"}
    return result


def _shown(one: Orphan) -> dict[str, Any]:
    seen = one.seen
    return {
        "address": str(seen.address),
        "generation": seen.generation,
        "provider": one.provider,
        "id": seen.external_id,
        "lineage": seen.lineage,
        "state": seen.state.value,
        "age": None if one.age is None else int(one.age),
        "kept": one.kept,
        "error": None if one.error is None else one.error.as_dict(),
    }

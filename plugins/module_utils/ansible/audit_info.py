# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module audit_info, which reads and verifies the audit chain of an owner."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..access.audit import chain, export, keys
from ..access.audit.segments import read_lines
from ..access.audit.verify import Report, verify
from ..durable.draft import draft_of, sync_directory, write_durably
from ..engine.state.keys import stores_directory
from ..engine.state.sqlite import SqliteState
from ..model.audit import AuditHead
from ..model.errors import HodeiError, Kind
from .access import Asking
from .audit_anchors import opened_anchors
from .audit_chain import LateAudit, audit_directory, writer_name
from .credentials import Credentials
from .payload import Payload, locate, written_settings
from .reading import moment
from .remembered import SETTINGS, remembered_by


def run_audit_info(module: AnsibleModule) -> dict[str, Any]:
    """Read the chain: what was done, and whether anybody changed it."""
    params = module.params
    payload, settings, directory = locate(params)
    place = audit_directory(directory)
    lines = read_chain(place)
    since = moment(params["since"])
    everything = records_of(lines)
    records = [one for one in everything if _is_wanted(one, params, since)]
    result: dict[str, Any] = {
        "changed": False,
        "directory": str(place),
        "total": len(records),
        "records": [chain.as_dict(one) for one in records[len(records) - min(params["limit"], len(records)) :]],
    }
    if params["path"]:
        result["changed"] = _export(records, Path(params["path"]), params["format"], look_only=module.check_mode)
    if not params["verify"]:
        return result
    with closing(SqliteState(directory / "state.db", read_only=True)) as state:
        seen = state.anchors() if state.exists() else {}
        writer = everything[-1].writer if everything else next(iter(seen), writer_name(settings["owner"].value))
        known = _known(state, payload, settings["owner"].value, directory, params["anchors"], writer)
    report = verify(lines, _public(place, params["public_keys"]), known)
    return result | _verdict(report, place)


def read_chain(place: Path) -> Sequence[bytes]:
    """Return the lines of a chain; none where there is no chain. Raises HodeiError(configuration)."""
    try:
        return read_lines(place)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"the audit chain in {place} cannot be read: {error.strerror}",
            hint="Run the task as the user who owns it.",
        ) from error


def records_of(lines: Sequence[bytes]) -> list[chain.Record]:
    """Return what can be read of whole writes; verification tells of the rest."""
    last = next((number for number in range(len(lines), 0, -1) if chain.is_signed(lines[number - 1][:-1])), 0)
    found = []
    for line in lines[:last]:
        with suppress(ValueError):
            found.append(chain.decode(line.removesuffix(b"\n"))[0])
    return found


def _is_wanted(record: chain.Record, params: Mapping[str, Any], since: float | None) -> bool:
    entry = record.entry
    return (
        fnmatchcase(entry.secret, params["secret"] or "*")
        and fnmatchcase(entry.who, params["actor"] or "*")
        and (not params["what"] or entry.what.value in params["what"])
        and (not params["results"] or entry.result.value in params["results"])
        and (since is None or chain.seconds(record.time) >= since)
    )


def _export(records: Sequence[chain.Record], path: Path, form: str, *, look_only: bool) -> bool:
    """Write records to a file, unless it has them already; tell whether it had not."""
    host = platform.node()
    lines = (export.json_line(one) if form == "json_lines" else export.syslog_line(one, host) for one in records)
    data = "".join(f"{line}\n" for line in lines).encode()
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        if not look_only:
            with draft_of(path) as draft:
                write_durably(draft, data)
                os.replace(draft, path)
            sync_directory(path.parent)
    except OSError as error:
        raise HodeiError(
            Kind.CONFIGURATION,
            f"the export cannot be written to {path}: {error.strerror}",
            hint="Choose a directory that exists and that this user can write.",
        ) from error
    return True


def _public(place: Path, given: Sequence[str]) -> Mapping[str, bytes]:
    paths = [Path(one).expanduser() for one in given] or sorted((place / "keys").glob("*.pub"))
    return keys.public_keys(paths)


def _known(
    state: SqliteState, payload: Payload, owner: str, directory: Path, given: Any, writer: str
) -> dict[str, AuditHead | None]:
    """Ask the state, and the anchors that are named or configured, how far the chain had got."""
    said = written_settings(payload)
    settings = remembered_by(state).get(SETTINGS) or said
    configs = settings["audit"]["anchors"] if given is None else given
    stores = settings.get("stores", {}) | said["stores"]
    known = Credentials(stores, stores_directory(directory), LateAudit(directory, owner), Asking())
    with closing(known), opened_anchors(configs, state, known, read_only=True) as anchors:
        return {one.name: one.get(writer) for one in anchors}


def _verdict(report: Report, place: Path) -> dict[str, Any]:
    found = [
        {"flaw": one.flaw.value, "seq": one.seq, "message": one.message, "tampering": one.tampering}
        for one in report.found
    ]
    head = report.head
    verdict: dict[str, Any] = {
        "intact": report.intact,
        "findings": found,
        "first": report.first,
        "verified": report.records,
        "anchored": report.anchored,
        "head": f"{head.seq}:{head.hash}" if head else "",
        "writer": head.writer if head else "",
    }
    if report.intact:
        return verdict
    wrong = [one.message for one in report.found if one.tampering]
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return verdict | {
        "failed": True,
        "msg": f"the audit chain in {place} is not what was written: {'; '.join(wrong[:3])}{more}. Find out who can write there; "
        "what an anchor or an export has seen is evidence.",
    }

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet remembers: its key, its state, its lease. Looks, takes no lease, writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...durable.connect import explained, snapshot
from ...engine.state import migrate
from ...engine.state.codec import STATE
from ...engine.state.holder import provably_dead, shown
from ...engine.state.keys import has_key, how_to_begin, load_key
from ...engine.state.verify import verify
from ...model.finding import Finding, ok, problem, warning
from ...model.quantities import rough_size, rough_time
from ...model.records import State
from ...model.state_store import StateStore

_SHOWN = 5


def key(directory: Path, exists: bool) -> Iterator[Finding]:
    """Whether the fleet's key is there and nobody else's. Where there is neither key nor state, nobody made the owner yet."""
    if not has_key(directory) and not exists:
        yield problem(
            "state",
            f"owner '{directory.name}' was never initialised here: there is nothing in {directory}",
            how_to_begin(directory),
        )
        return
    found = load_key(directory)
    yield ok("state", f"the key {directory}/fleet.key is good (id {found.id})")


def missing(directory: Path, lineage: str, cure: str) -> Iterator[Finding]:
    """What it means that there is a key but no state. ``cure`` is for a document without a lineage."""
    if lineage:
        yield warning(
            "state",
            f"there is no state in {directory}, but a key",
            f"The next converge rebuilds it from what the providers show of lineage {lineage}; nothing needs to be done.",
        )
    else:
        yield problem(
            "state",
            f"there is a key in {directory}, but no state, and the document has no lineage to rebuild it by",
            cure,
        )


def integrity(path: Path) -> Iterator[Finding]:
    """Whether the file is sound, and of which format; reading it checks every record."""
    with explained(path, STATE):
        number = snapshot(path, migrate.format_of)
        said = snapshot(path, lambda connection: connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if said != "ok":
        yield problem(
            "state",
            f"{path} is damaged: {said}",
            "Restore it from a copy, or move it away: the next converge rebuilds it.",
        )
    newest = len(migrate.STEPS)
    if number == newest:
        yield ok("state", f"{path} is sound, format {number}, {_sizes(path)}")
    elif number < newest:
        yield ok(
            "state",
            f"{path} is sound, format {number}; the next converge brings it to {newest} and keeps a copy, {_sizes(path)}",
        )
    else:
        migrate.refuse_newer(number, newest)


def _sizes(path: Path) -> str:
    log = path.with_name(f"{path.name}-wal")
    more = f" and {rough_size(log.stat().st_size)} of log" if log.exists() else ""
    return rough_size(path.stat().st_size) + more


def content(state: State, owner: str, lineage: str, now: float) -> Iterator[Finding]:
    """Whether what was read is of one piece and of this fleet, and what earlier runs left open."""
    for said in verify(state):
        yield problem("state", said, "Restore state.db from a copy, or move it away: the next converge rebuilds it.")
    converged = "never converged" if state.last_converge is None else f"converged {_ago(now - state.last_converge)}"
    yield ok("state", f"serial {state.serial}, {_objects(state)} remembered, {converged}")
    if state.owner != owner:
        yield problem(
            "state", f"the state is owner '{state.owner}''s, not '{owner}''s", "Correct hodei_owner or backend.path."
        )
    if not lineage:
        yield warning(
            "state",
            f"the lineage {state.lineage} is not in the document",
            f"Put hodei_lineage: {state.lineage} into it, so that a lost state costs nothing.",
        )
    elif state.lineage != lineage.lower():
        yield problem(
            "state",
            f"the document is of lineage {lineage}, but the state of owner '{owner}' here is of {state.lineage}",
            "Another fleet uses this owner: choose another owner, or use that fleet's lineage.",
        )
    else:
        yield ok("state", f"lineage {lineage} is the document's")
    if state.pending:
        names = ", ".join(f"{one.verb} {one.address}" for one in state.pending[:_SHOWN])
        more = f" and {len(state.pending) - _SHOWN} more" if len(state.pending) > _SHOWN else ""
        yield warning(
            "state",
            f"what earlier runs began has no end yet ({len(state.pending)}): {names}{more}",
            "An earlier run was interrupted, or one is running. The next converge looks what became of them.",
        )


def _objects(state: State) -> str:
    return "1 object" if len(state.resources) == 1 else f"{len(state.resources)} objects"


def _ago(seconds: float) -> str:
    return f"{rough_time(max(0.0, seconds))} ago"


def lease(store: StateStore, now: float) -> Iterator[Finding]:
    """Who changes the fleet, and whether that one is still there."""
    held = store.lease()
    if held is None:
        yield ok("lease", "free")
        return
    who, age = shown(held.holder), _ago(now - held.acquired_at)
    if provably_dead(held.holder):
        yield warning(
            "lease", f"{who} took it {age} and is gone", "Nothing needs to be done: the next run takes it at once."
        )
    elif now >= held.expires_at:
        yield warning(
            "lease",
            f"{who} took it {age} and has not renewed it since it ran out {_ago(now - held.expires_at)}",
            "Nothing needs to be done: the next run takes it.",
        )
    else:
        yield ok(
            "lease",
            f"{who} took it {age} and keeps it (until {rough_time(held.expires_at - now)} from now): a run is going on",
        )
        yield from _hangs(held.acquired_at, now)


def _hangs(since: float, now: float) -> Iterator[Finding]:
    if now - since > 3600:
        yield warning(
            "lease",
            f"that run has been going on for {rough_time(now - since)}",
            "If it hangs, end it, or run the converge with -e hodei_break_lease=true.",
        )


def stamps(state: State | None, store: StateStore, path: Path) -> dict[str, float]:
    """Return moments that were written down, by what happened then (Unix seconds)."""
    found: dict[str, float] = {}
    if state is not None:
        if state.last_converge is not None:
            found["the last converge"] = state.last_converge
        runs = store.history(1)
        if runs:
            found["the last run"] = runs[0].started_at
    if path.exists():
        found[f"the last change of {path.name}"] = os.stat(path).st_mtime
    return found

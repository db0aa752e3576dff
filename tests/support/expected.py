# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan has to say where a converged document changed, worked out from the two documents alone and not by the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.hodei.workers.plugins.module_utils.engine.converge import Report
from ansible_collections.hodei.workers.plugins.module_utils.model.carry import Column, OnChange, cell
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document, Instance, Lifecycle

#: state before, state after -> the actions, and words of the reason.
RUN_STATES = {
    ("started", "stopped"): ("stop", "it is running, wanted stopped"),
    ("started", "paused"): ("pause", "it is running, wanted paused"),
    ("stopped", "started"): ("start", "it is stopped"),
    ("stopped", "paused"): ("start+pause", "it is stopped, wanted paused"),
    ("paused", "started"): ("resume", "it is paused"),
    ("paused", "stopped"): ("stop", "it is paused, wanted stopped"),
}


@dataclass(frozen=True)
class Wanted:
    """One change: what is done, with which words, for which fields; ``protected`` when ``prevent_destroy`` forbids it."""

    action: str
    reason: str
    fields: frozenset[str] = frozenset()
    protected: bool = False


def leaves(prefix: str, value: Any) -> dict[str, Any]:
    """Flatten a recorded spec as a plan names its fields: mappings by key, lists whole."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    return {
        path: one
        for key, inner in value.items()
        for path, one in leaves(f"{prefix}.{key}" if prefix else key, inner).items()
    }


def differing(old: Any, new: Any, prefix: str = "") -> set[str]:
    """Name the fields in which two nests of mappings differ."""
    one, other = leaves(prefix, old), leaves(prefix, new)
    return {path for path in {*one, *other} if one.get(path) != other.get(path)}


def wanted_changes(before: Document, after: Document, columns: dict[str, Column]) -> dict[str, Wanted]:
    """Return what has to change, by address."""
    old, new = ({one.address: one for one in document.instances} for document in (before, after))
    found = {}
    for address in {*old, *new}:
        if address not in old:
            change: Wanted | None = Wanted("create", "not there yet")
        elif address not in new:
            change = _gone(old[address], after)
        else:
            change = _changed(old[address], new[address], columns[new[address].provider])
        if change is not None:
            found[str(address)] = change
    return found


def _gone(old: Instance, after: Document) -> Wanted:
    others = [one.lifecycle for one in after.instances if one.address.name == old.address.name]
    if (others or [old.lifecycle])[0].on_remove == "forget":
        return Wanted("release", "no longer in the document: it runs on and belongs to nobody")
    return Wanted("delete", "no longer in the document", protected=old.lifecycle.prevent_destroy)


def _changed(old: Instance, new: Instance, column: Column) -> Wanted | None:
    ignored = new.lifecycle.ignore_changes
    if old.provider != new.provider:
        return Wanted("replace", "provider changed", frozenset({"provider"}), new.lifecycle.prevent_destroy)
    # What is known by its digest alone, and shown from now on, is no change of what it is.
    spec = differing(old.recorded, new.recorded) if old.digest != new.digest else set()
    spec = {path for path in spec if not any(path == one or path.startswith(f"{one}.") for one in ignored)}
    life = differing(_plain(old.lifecycle), _plain(new.lifecycle), "lifecycle")
    if not spec and not life:
        return _run_state(old, new)
    replaces = {path for path in spec if cell(column, path).on_change is OnChange.REPLACE}
    reason = _names(sorted(replaces) + sorted(spec - replaces) + list(_order(life)))
    if replaces:
        return Wanted("replace", reason, frozenset(spec | life), new.lifecycle.prevent_destroy)
    told = any(path.startswith("files.") for path in spec)
    then = "+restart" if told and new.state == "started" and not new.spec.get("reload") else ""
    return Wanted("update" + then, reason, frozenset(spec | life))


def _names(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "") + " changed"


def _order(life: set[str]) -> Iterator[str]:
    for one in fields(Lifecycle):
        yield from sorted(path for path in life if f"{path}.".startswith(f"lifecycle.{one.name}."))


def _plain(lifecycle: Lifecycle) -> dict[str, Any]:
    drain = lifecycle.drain
    return {**vars(lifecycle), "ignore_changes": list(lifecycle.ignore_changes), "drain": drain and drain.written()}


def _run_state(old: Instance, new: Instance) -> Wanted | None:
    if old.state != new.state:
        return Wanted(*RUN_STATES[old.state, new.state])
    if old.depends_on != new.depends_on:
        return Wanted("adopt", "only state has to learn of it: dependencies changed")
    return None


def hold_to(report: Report, wanted: dict[str, Wanted]) -> None:
    """Check that a plan does what is wanted, all of it and nothing else, and says so."""
    assert not report.plan.blocked
    found = {str(one.address): one for one in report.plan.pending}
    actions = {address: one.action.value + (f"+{one.then.value}" if one.then else "") for address, one in found.items()}
    shown = {address: one.action for address, one in wanted.items() if not (one.protected and one.action == "delete")}
    assert actions == shown
    assert len(report.plan.pending) == len(found), "one change for each"
    for address, change in found.items():
        assert change.reason.startswith(wanted[address].reason), (change.reason, wanted[address].reason)
        assert {field.path for field in change.fields} == wanted[address].fields
    protected = {address.partition("[")[0] for address, one in wanted.items() if one.protected}
    assert {problem.path.partition("[")[0] for problem in report.plan.problems} >= protected
    assert bool(report.plan.problems) == bool(protected)

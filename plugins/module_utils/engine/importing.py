# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running objects that become ours: looked at first, compared with the document, and refused where they are not what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..model.address import Address
from ..model.change import Action, Cause, Change, FieldChange, Plan
from ..model.errors import HodeiError, Kind, Problem
from ..model.ports import Adopting, Comparison, CreateRequest, Labels, Provider
from ..model.worker import Instance
from .current import Holding, holding, holdings
from .difference import drift_differences
from .inputs import Draft, Inputs
from .provider_fault import provider_fault
from .unseen import unseen


class Import(NamedTuple):
    """One object: the address that it gets, the id that its platform calls it by, and where that is written."""

    address: Address
    native_id: str
    place: str

    def problem(self, message: str, hint: str = "") -> Problem:
        """Say what is in the way of it."""
        return Problem(self.place, message, hint)


def plan_imports(inputs: Inputs, imports: Sequence[Import], providers: Mapping[str, Provider], *, accept: bool) -> Plan:
    """Look at the objects and say which become ours. What differs from the document is a problem unless it is accepted."""
    draft = Draft()
    held = holdings(inputs.state, inputs.world)
    good = [one for one in imports if _may_be(inputs, draft, one, imports, held.get(one.address, Holding()))]
    for name in dict.fromkeys(inputs.instances[one.address].provider for one in good):
        mine = [one for one in good if inputs.instances[one.address].provider == name]
        for one, found in zip(mine, _compare(inputs, name, providers[name], mine), strict=True):
            _plan_one(inputs, draft, one, held.get(one.address, holding((), ())), found, accept=accept)
    return Plan(
        owner=inputs.document.owner,
        lineage=inputs.document.lineage,
        serial=inputs.state.serial,
        document_digest=inputs.document.digest,
        changes=tuple(draft.changes),
        blocked={str(address): why for address, why in draft.blocked.items()},
        problems=tuple(draft.problems),
        warnings=tuple(draft.warnings),
    )


def _may_be(inputs: Inputs, draft: Draft, one: Import, imports: Sequence[Import], held: Holding) -> bool:
    """Check what needs no look at the object."""
    instance = inputs.instances.get(one.address)
    if instance is None:
        names = ", ".join(map(str, list(inputs.instances)[:10])) or "none"
        draft.problems.append(
            one.problem(f"the document has no {one.address}", f"describe it there first; there are: {names}")
        )
        return False
    for other in imports[: imports.index(one)]:
        same = "address" if other.address == one.address else "id" if other.native_id == one.native_id else ""
        if same:
            draft.problems.append(one.problem(f"its {same} is that of {other.place}", "remove one of the two"))
            return False
    blocked = unseen(inputs.world, one.address, held, instance.provider)
    if blocked:
        draft.blocked[one.address] = blocked
    return not blocked


def _compare(inputs: Inputs, name: str, provider: Provider, imports: Sequence[Import]) -> Sequence[Comparison]:
    requests = [_request(inputs, inputs.instances[one.address], one.native_id) for one in imports]
    try:
        if isinstance(provider, Adopting):
            return provider.compare(requests)
        problem = HodeiError(Kind.COMPATIBILITY, f"provider '{name}' cannot take over what runs already")
    except HodeiError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - a fault of a provider is told as one
        problem = provider_fault(name, "compare", error)
    return [Comparison(one.native_id, problem=problem) for one in imports]


def _request(inputs: Inputs, instance: Instance, native_id: str) -> CreateRequest:
    return CreateRequest(
        address=instance.address,
        generation=1,
        operation="",
        spec=instance.spec,
        digest=instance.digest,
        labels=Labels(inputs.document.owner, inputs.document.lineage, inputs.key_id),
        lifecycle=instance.lifecycle,
        worker=instance.address.name,
        index=instance.address.key,
        native_id=native_id,
    )


def _plan_one(inputs: Inputs, draft: Draft, one: Import, held: Holding, found: Comparison, *, accept: bool) -> None:
    instance = inputs.instances[one.address]
    if found.problem is not None:
        hint = found.problem.hint
        draft.problems.append(one.problem(found.problem.message, f"{hint[:1].lower()}{hint[1:].rstrip('.')}"))
        return
    if found.address not in (None, one.address):
        hint = f"to rename it, write moved: [{{from: {found.address}, to: {one.address}}}]"
        draft.problems.append(one.problem(f"{one.native_id} is {found.address} of this fleet already", hint))
        return
    if found.address is None and held.seen is not None:
        hint = "choose another address; or delete that one, or forget it with fleet_forget"
        draft.problems.append(one.problem(f"{one.address} exists already, as {held.seen.external_id}", hint))
        return
    column = inputs.columns.get(instance.provider, {})
    fields = drift_differences(found.drift, instance.recorded, column, instance.lifecycle.ignore_changes)
    change = _change(instance, held, found, fields, inputs)
    if fields and not accept and change.action is not Action.NOOP:
        said = "; ".join(_said(field) for field in fields)
        hint = "write the document as the object is, or set accept_differences: true: the next converge then puts these right"
        draft.problems.append(
            one.problem(f"{one.native_id} is not what the document says of {one.address}: {said}", hint)
        )
    draft.changes.append(change)


def _said(field: FieldChange) -> str:
    if field.before is None:
        return f"{field.path} is not there, or cannot be verified"
    return (
        f"{field.path} differs"
        if field.path.startswith("env")
        else f"{field.path} is {field.before}, not {field.after}"
    )


def _change(
    instance: Instance, held: Holding, found: Comparison, fields: tuple[FieldChange, ...], inputs: Inputs
) -> Change:
    ours = held.seen if found.address is not None else None
    change = Change(
        address=instance.address,
        action=Action.IMPORT,
        cause=Cause.REQUEST,
        reason="runs already, and becomes ours" + (" as it is: it differs from the document" if fields else ""),
        provider=instance.provider,
        generation=ours.generation if ours else held.last_generation + 1,
        external_id=found.native_id,
        digest=_digest(instance, fields),
        fields=fields,
        source=instance.source,
    )
    if ours is not None and held.resource is not None:
        return replace(change, action=Action.NOOP, reason="", fields=())
    # A run that was killed has taken it over and not written that down: the same again does.
    return replace(change, digest=ours.spec_digest) if ours is not None else change


def _digest(instance: Instance, fields: tuple[FieldChange, ...]) -> str:
    """Return the document's digest for what is as it says, else one that is never equal to it."""
    if not fields:
        return instance.digest
    text = json.dumps([instance.digest, [[field.path, field.before] for field in fields]], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[: len(instance.digest)]

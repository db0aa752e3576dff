# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a run that would delete more than anybody meant; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..model.address import SECRET, Address
from ..model.change import Action, Change
from ..model.errors import Problem
from ..model.records import Resource
from ..model.worker import Document
from .naming import counted, several
from .options import Options


def default_max_deletes(workers: int) -> int:
    """Return the larger of 3 and 20 % of the owner's workers."""
    return max(3, workers // 5)


def guard(
    document: Document, options: Options, changes: Iterable[Change], *, there: Collection[Address]
) -> list[Problem]:
    """Refuse an emptied document and a mass deletion, unless the caller says so.

    ``there`` is what the owner has, as state and world show. Only a fleet prunes; ``worker`` and a confirmed
    destroy delete what was named and are not guarded here.
    """
    if options.destroy or options.state is not None:
        return []
    workers = sum(address.kind != SECRET for address in there)
    emptied = any(one.kind != SECRET and options.selects(one) for one in there)
    if emptied and not document.names and options.prune and not options.allow_empty:
        return _emptied(document, workers)
    deletes = [one for one in changes if one.action in (Action.DELETE, Action.RELEASE) and not one.deposed]
    allowed = default_max_deletes(len(there)) if options.max_deletes is None else options.max_deletes
    if len(deletes) <= allowed or (not document.names and len(there) == workers):
        return []
    fate = "released" if all(one.action is Action.RELEASE for one in deletes) else "deleted"
    return [
        Problem(
            path="workers" if deletes[0].address.kind != SECRET else "secrets",
            message=f"{counted([one.address for one in deletes])} vanished from the document and would be {fate} "
            f"({several([change.address for change in deletes])}); the limit is {allowed}",
            hint=f"if that is meant, set max_deletes: {len(deletes)} (the playbook takes -e hodei_max_deletes={len(deletes)})",
        )
    ]


def _emptied(document: Document, workers: int) -> list[Problem]:
    """Also where every worker would stay, because it came from a fragment out of sight: nobody empties a document in silence."""
    return [
        Problem(
            path="workers",
            message=f"the document lists no workers, while '{document.owner}' has {workers}",
            hint="if they are to go, set allow_empty: true (the playbook takes -e hodei_allow_empty=true); "
            "else look at the inventory, --limit and the variables that this run sees",
        )
    ]


def lookalikes(changes: Sequence[Change], resources: Iterable[Resource]) -> list[str]:
    """Name workers that go while others just like them come: most often somebody renamed one and did not say so."""
    deleted = {one.address for one in changes if one.action is Action.DELETE and one.address.kind != SECRET}
    going = {
        (one.digest, one.address.key): one.address.name
        for one in resources
        if one.address in deleted and not one.deposed
    }
    pairs = {
        (going[one.digest, one.address.key], one.address.name): None
        for one in changes
        if one.action is Action.CREATE and (one.digest, one.address.key) in going
    }
    return [
        f"worker.{new} is like worker.{old}, which goes: if it is the same under another name, it goes on running with "
        f"hodei_moved: [{{from: worker.{old}, to: worker.{new}}}]"
        for old, new in pairs
    ]

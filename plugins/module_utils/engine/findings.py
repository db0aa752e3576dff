# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan holds that somebody may want to stop for: drift, any change, a deletion; pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..model.change import Action, Cause, Change, Plan
from ..model.errors import HodeiError, Kind
from .naming import several

#: What ``fail_on`` may name.
FINDINGS = ("drift", "change", "delete")
_SAID = {
    "drift": "changed from outside",
    "change": "not as the document says",
    "delete": "to be deleted",
}


def findings(plan: Plan) -> dict[str, str]:
    """Return what was found, each as a sentence that names the workers.

    ``change`` is whatever is pending, another owner included, ``delete`` a worker that goes and is not replaced.
    """
    found = {
        "drift": [one for one in plan.pending if one.cause is Cause.DRIFT],
        "change": list(plan.pending),
        "delete": [one for one in plan.pending if one.action is Action.DELETE and not one.deposed],
    }
    said = {name: _sentence(name, changes) for name, changes in found.items() if changes}
    if plan.owner_from:
        moves = f"owner '{plan.owner_from}' becomes '{plan.owner}'"
        said["change"] = f"{moves}; {said['change']}" if "change" in said else moves
    return said


def refuse_found(plan: Plan, unwanted: Iterable[str]) -> None:
    """Raise HodeiError(conflict) when a plan holds what the caller wants to stop for."""
    found = findings(plan)
    said = [f"{name}: {found[name]}" for name in FINDINGS if name in unwanted and name in found]
    if said:
        raise HodeiError(
            Kind.CONFLICT,
            f"nothing was touched, because fail_on names what was found; {'; '.join(said)}",
            hint="See the playbook hodei.workers.plan for all of it. If it is meant, run again without that word in fail_on "
            "(hodei_fail_on).",
        )


def _sentence(name: str, changes: list[Change]) -> str:
    addresses = list(dict.fromkeys(one.address for one in changes))
    workers = "1 worker is" if len(addresses) == 1 else f"{len(addresses)} workers are"
    return f"{workers} {_SAID[name]} ({several(addresses)})"

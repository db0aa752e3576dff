# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision about one secret: pure. A secret has no run state, and is never made anew to change it: it gets another version."""

from __future__ import annotations

from ..model.carry import Column
from ..model.change import Action, Cause, FieldChange
from ..model.normal import HIDDEN_PREFIX
from ..model.ports import Observation
from ..model.worker import Instance
from .current import Holding
from .decide import NOTHING, Decision, adopt, gone, lifecycle_changes, other_key
from .difference import differences

#: What a person could have changed in the store: a generated value is as good as another one.
_GIVEN = ("value", "from")
#: In place of a value, also of one that nobody knows before it is made.
_HIDDEN = f"{HIDDEN_PREFIX}changed"


def decide_secret(
    instance: Instance,
    held: Holding,
    *,
    deleted: Observation | None,
    column: Column,
    key_id: str,
    force: bool,
    provider_of_seen: str,
) -> Decision:
    """Compare one secret with what the store has; see ``decide``. ``deleted`` is what comes back in its place, see ``Listing``."""
    seen, resource = held.seen, held.resource
    anew = FieldChange("value", _HIDDEN, _HIDDEN)
    asked = _asked_anew(instance, force=force)
    if seen is None:
        made = gone(resource, held)
        if deleted is None:
            return made
        if asked:
            return made._replace(reason=back_with(asked[1]), fields=(anew,))
        how = "as it was" if as_it_was(instance, deleted) else "as the document says now"
        return made._replace(reason=f"it was deleted, and comes back {how}")
    if provider_of_seen != instance.provider:
        moved = FieldChange("store", provider_of_seen, instance.provider, forces_replace=True)
        return Decision(Action.REPLACE, Cause.DOCUMENT, "store changed", (moved,))
    if seen.key_id != key_id:
        return other_key(seen, key_id)
    if asked:
        return Decision(Action.UPDATE, *asked, (anew,))
    fields = lifecycle_changes(instance, seen, resource)
    said = ["lifecycle changed"] if fields else []
    if seen.spec_digest != instance.digest:
        known = resource is not None and resource.digest == seen.spec_digest
        changed = differences(resource.spec, instance.recorded, column) if resource and known else ()
        fields = (*changed, *fields)
        said = [f"{', '.join(field.path for field in fields) or 'what the document says of it'} changed"]
    other = _other_value(instance, seen)
    if other:
        said.append(other)
        if not any(field.path == "value" for field in fields):
            fields = (*fields, anew)
    if said:
        cause = Cause.DOCUMENT if seen.spec_digest != instance.digest or len(fields) > 1 else Cause.DRIFT
        return Decision(Action.UPDATE, cause, "; ".join(said), fields)
    access = (resource.spec.get("access") if resource else None, instance.recorded.get("access"))
    return adopt(instance, seen, resource, access=access) or NOTHING


def back_with(why: str) -> str:
    """Say that a deleted secret comes back, and why not with the value that it had."""
    return f"it was deleted, and comes back; {why}"


def as_it_was(instance: Instance, deleted: Observation) -> bool:
    """Tell whether a deleted secret comes back with the value that it had."""
    return deleted.spec_digest == instance.digest and "from" not in deleted.drift


def _asked_anew(instance: Instance, *, force: bool) -> tuple[Cause, str] | None:
    """Say who wants another value whatever there is, and why; None when nobody does."""
    if force:
        return Cause.REQUEST, "asked to get another value"
    if instance.spec.get("regenerate") == "always":
        return Cause.DOCUMENT, "it is generated anew each time"
    return None


def _other_value(instance: Instance, seen: Observation) -> str:
    """Say why the value is not the one that the document gives it, whatever digests say; empty when it is."""
    if "value" in seen.drift and any(source in instance.recorded for source in _GIVEN):
        return "somebody else gave it another value"
    if "from" in seen.drift and "from" in instance.recorded:
        return "what it is copied from has another value"
    return ""

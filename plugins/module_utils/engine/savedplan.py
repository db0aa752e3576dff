# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that is reviewed now and applied later: sealed with the fleet's key, applied exactly or refused.

It holds no spec and no secret, only what will change and how: the specs come again from the document, whose digest is sealed in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..model.change import Plan
from ..model.errors import HodeiError, Kind
from ..model.quantities import rough_time
from ..model.records import State
from ..model.worker import Document
from .naming import several
from .options import Options
from .planjson import change_from_dict, plan_to_dict

FORMAT = 1


@dataclass(frozen=True)
class SavedPlan:
    """A sealed plan after its seal was found good; times are Unix seconds."""

    id: str
    created_at: float
    expires_at: float
    serial: int
    document_digest: str
    options: Options
    plan: Mapping[str, Any]


def seal(plan: Plan, options: Options, *, secret: bytes, plan_id: str, now: float, ttl: float) -> str:
    """Return the text of a plan file: JSON with a keyed signature over all of it."""
    body = {
        "format": FORMAT,
        "id": plan_id,
        "created_at": now,
        "expires_at": now + ttl,
        "options": asdict(options),
        "plan": plan_to_dict(plan),
    }
    return json.dumps({**body, "signature": _sign(body, secret)}, indent=2, sort_keys=True) + "\n"


def unseal(text: str, *, secret: bytes, owner: str, lineage: str, now: float) -> SavedPlan:
    """Read a plan file.

    Raises HodeiError: validation (no plan file, or edited), conflict (another fleet's, or expired), compatibility (format).
    """
    try:
        body = json.loads(text)
        plan, signature = body["plan"], body.pop("signature")
        theirs = (plan["owner"], plan["lineage"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HodeiError(
            Kind.VALIDATION, "this is not a saved plan", hint="Make one with fleet_plan and its `path`."
        ) from None
    if body.get("format") != FORMAT:
        raise HodeiError(
            Kind.COMPATIBILITY,
            f"the plan has format {body.get('format')}, this version reads {FORMAT}",
            hint="Make the plan again with the version that applies it.",
        )
    if theirs != (owner, lineage):
        raise HodeiError(
            Kind.CONFLICT,
            f"the plan is for owner '{theirs[0]}' of lineage {theirs[1]}, not for '{owner}' of lineage {lineage}",
            hint="Apply it with the inventory that it was made from.",
        )
    if not hmac.compare_digest(str(signature), _sign(body, secret)):
        raise HodeiError(
            Kind.VALIDATION,
            "the plan was edited, or it was sealed with another key",
            hint="Make it again; a plan is never changed by hand.",
        )
    if now > body["expires_at"]:
        late = rough_time(now - body["expires_at"])
        raise HodeiError(Kind.CONFLICT, f"the plan expired {late} ago", hint="Make it again and apply it sooner.")
    given: dict[str, Any] = {n: tuple(one) if isinstance(one, list) else one for n, one in body["options"].items()}
    return SavedPlan(
        id=body["id"],
        created_at=body["created_at"],
        expires_at=body["expires_at"],
        serial=plan["serial"],
        document_digest=plan["document_digest"],
        options=Options(**given),
        plan=plan,
    )


def refuse_stale(saved: SavedPlan, document: Document, state: State, fresh: Plan) -> None:
    """Raise HodeiError(conflict) unless the plan, made again now, is the very one that was saved."""
    if saved.document_digest != document.digest:
        raise _stale("the document has changed since")
    if saved.serial != state.serial:
        raise _stale(f"the fleet has changed since (serial {saved.serial}, now {state.serial})")
    if fresh.owner_from not in ("", saved.plan.get("owner_from")):
        raise _stale(f"it does not say that owner '{fresh.owner_from}' becomes '{fresh.owner}'")
    then = {change.key: change for change in map(change_from_dict, saved.plan["changes"])}
    now = {change.key: change for change in fresh.pending}
    moved = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    if moved:
        raise _stale(f"the world has changed since, at {several([address for address, _unused in moved])}")


def _stale(why: str) -> HodeiError:
    return HodeiError(Kind.CONFLICT, f"the plan is stale: {why}", hint="Make a new plan, review it, apply that.")


def _sign(body: Mapping[str, Any], secret: bytes) -> str:
    key = hmac.new(secret, b"hodei.workers plan signature", hashlib.sha256).digest()
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

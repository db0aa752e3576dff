# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of `access`: who may do what with a secret. A list that is empty by mistake must not open anything, so none may be empty."""

from __future__ import annotations

from .schema import Schema, choice, flag, formatted, group, listed

ACTIONS = ["read", "write", "rotate"]


def _some(items: Schema, description: str) -> Schema:
    """A list with something in it, or none at all."""
    return {"type": "array", "items": items, "minItems": 1, "description": description}


def _patterns(what: str) -> Schema:
    return _some(
        {"type": "string", "format": "text"},
        f"Only for these {what}: names, in which `*` stands for anything and `?` for one character.",
    )


HOURS = group(
    {
        "from": formatted("clock", 'The time of day at which it begins, in quotes: `"08:00"`.'),
        "to": formatted("clock", "The time of day at which it is over; before `from`: on the next day."),
        "timezone": formatted("timezone", "The time zone, such as `Europe/Madrid`.", "UTC"),
    },
    "Only at this time of day, on the clocks of the time zone.",
    required=("from", "to"),
)

CONDITIONS = group(
    {
        "tenant": choice(
            ["subject.tenant"], "`subject.tenant`: only who belongs to the tenant of the secret, as verified."
        ),
        "read_only": flag("It grants reading and nothing else."),
        "role": formatted("role_name", "Only who has this role, as verified."),
        "approval_required": flag("Only with the approval of somebody else, whose identity was verified."),
        "approvers": _some({"type": "string", "format": "subject"}, "Whose approval counts. Left out: anybody's."),
        "hours": HOURS,
        "hosts": _patterns("hosts"),
        "plays": _patterns("plays"),
        "workers": _patterns("workers"),
        "until": formatted("instant", 'Until this time, in quotes: `"2027-01-31T12:00:00Z"`.'),
    },
    "What has to hold besides; all of it.",
    default={},
)

ACCESS = listed(
    group(
        {
            "subject": formatted(
                "subject",
                "Who: `user:`, `serviceaccount:`, `role:`, `group:` (of the host), `uid:` or `claimed:` and a name. Those of roles, groups "
                "and service accounts may end with `*`.",
            ),
            "actions": _some(
                choice(ACTIONS, ""),
                "What: `read` values; `write` and delete them; `rotate`: stage, promote, roll back and retire.",
            ),
            "conditions": CONDITIONS,
        },
        "One rule.",
        required=("subject", "actions"),
    ),
    "Who may use the secret besides the owner of the fleet, who may do everything.",
)

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a decision about access takes: a secret with many rules, of which the last one allows; and a list that is sorted out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def measure(rules: int, names: int) -> dict[str, float]:
    """Return milliseconds: the 99th percentile of decisions, by names and by patterns, and a list for somebody and for the owner."""
    from ansible_collections.hodei.workers.plugins.module_utils.access.rules import RulePolicy
    from ansible_collections.hodei.workers.plugins.module_utils.model.access import AccessContext, AccessRule, Action
    from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Principal, Verified
    from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName

    alice = Principal("user:alice", Verified.OIDC, roles=frozenset(f"role-{n}" for n in range(20)))
    owner = Principal("uid:1000", Verified.UID)
    hours = {"from": "00:00", "to": "23:59", "timezone": "Europe/Madrid"}
    last = AccessRule("user:alice", frozenset({Action.READ}), {"hours": hours})
    context, name = AccessContext(1_800_000_000.0), SecretName("db/password")
    many = [SecretName(f"secret/{n}") for n in range(names)]
    found: dict[str, float] = {}
    for what, subject in (("names", "user:u{}"), ("patterns", "role:team-{}*")):
        book = [AccessRule(subject.format(n), frozenset({Action.READ})) for n in range(rules - 1)]
        policy = RulePolicy("uid:1000", {name.path: [*book, last]})
        if not policy.decide(alice, Action.READ, name, context).allowed:
            raise SystemExit("the last rule was to allow it")
        times = sorted(_timed(policy.decide, alice, Action.READ, name, context) for _unused in range(2000))
        found[what] = times[len(times) * 99 // 100]
    rotate = AccessRule("role:role-3", frozenset({Action.ROTATE}))
    policy = RulePolicy("uid:1000", {one.path: [rotate] for one in many})
    found["list"] = _timed(policy.visible, alice, many, context)
    found["owner's list"] = _timed(policy.visible, owner, many, context)
    return found


def _timed(call: Callable[..., Any], *arguments: Any) -> float:
    begin = time.perf_counter()
    call(*arguments)
    return (time.perf_counter() - begin) * 1000

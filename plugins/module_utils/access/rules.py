# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access decided by the rules of the document, on this host: pure functions of who asks, what for, and when.

Batch 2 asks others (Cedar, Amazon Verified Permissions) behind the same port, ``model.access.AccessPolicy``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from ..model.access import AccessContext, AccessRule, Action, Approval, Decision
from ..model.principal import Principal
from ..model.secret_name import SecretName

#: Kinds whose names administrators give. Users choose theirs, so that a pattern of these would be an invitation.
GLOBBED = ("role:", "group:", "serviceaccount:")
APPROVAL, APPROVERS = "approval_required", "approvers"


class Called(NamedTuple):
    """What a principal is called: as a set, and in order, so that a pattern is found at the place where it would stand."""

    names: frozenset[str]
    ordered: list[str]

    def by(self, subject: str) -> bool:
        """Whether a rule's subject is one of these. Only a rule can be a pattern: a name is taken as it stands."""
        if subject in self.names:
            return True
        start = _start(subject)
        place = bisect_left(self.ordered, start) if start else len(self.ordered)
        return place < len(self.ordered) and self.ordered[place].startswith(start)


@lru_cache(maxsize=64)
def _called(principal: Principal) -> Called:
    return Called(principal.names, sorted(principal.names))


@lru_cache(maxsize=4096)
def _start(subject: str) -> str:
    """Return how names begin that a pattern is about; nothing for what is no pattern, and for one of everybody."""
    start = subject[:-1]
    return start if subject.endswith("*") and start.startswith(GLOBBED) and start not in GLOBBED else ""


class Question(NamedTuple):
    """Who may do what with which secret, and when."""

    principal: Principal
    action: Action
    name: SecretName
    context: AccessContext


def decide(
    principal: Principal, action: Action, name: SecretName, rules: Sequence[AccessRule], context: AccessContext
) -> Decision:
    """Answer by the rules of this one secret: the first that allows it decides, and nothing else allows anything.

    A denial gives the reason of the first rule that is about this subject and this action.
    """
    return _answer(Question(principal, action, name, context), rules, frozenset())


@dataclass(frozen=True)
class RulePolicy:
    """The port, for one store: the owner (``uid:1000``) may do everything, others what the rules of a secret say.

    ``rules`` is by the secret's path.
    """

    owner: str
    rules: Mapping[str, Sequence[AccessRule]]

    def decide(self, principal: Principal, action: Action, name: SecretName, context: AccessContext) -> Decision:
        """Answer one question."""
        return decide(principal, action, name, self._rules(name), context)

    def visible(
        self, principal: Principal, names: Sequence[SecretName], context: AccessContext
    ) -> Collection[SecretName]:
        """Return those whose metadata the principal may see. Who waits for an approval has to see what for."""
        apart = frozenset({APPROVAL, APPROVERS})
        return [
            name
            for name in names
            if any(
                _answer(Question(principal, action, name, context), self._rules(name), apart).allowed
                for action in Action
            )
        ]

    def _rules(self, name: SecretName) -> Sequence[AccessRule]:
        return (AccessRule(self.owner, frozenset(Action)), *self.rules.get(name.path, ()))


def _answer(question: Question, rules: Sequence[AccessRule], apart: Collection[str]) -> Decision:
    """Decide with some conditions left aside."""
    principal, action, _name, context = question
    who = f"{principal} may not {action.value} this secret"
    if principal.expired(context.now):
        return Decision(False, f"{who}: the proof of this identity has run out")
    if principal.is_claim and action is not Action.READ:
        return Decision(False, f"{who}: nobody has verified this identity, and a claim may at most read")
    called = _called(principal)
    denial = Decision(False, f"{who}: no rule gives it to them")
    for rule in rules:
        if not called.by(rule.subject) or action not in rule.actions:
            continue
        unmet = _unmet(question, rule.conditions, apart)
        if not unmet:
            return Decision(True, f"{principal} may {action.value} this secret by the rule for {rule.subject}", rule)
        if denial.rule is None:
            denial = Decision(False, f"{who}: the rule for {rule.subject} {unmet}", rule)
    return denial


_MALFORMED = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)


def _unmet(question: Question, conditions: Mapping[str, Any], apart: Collection[str]) -> str:
    """Say which condition does not hold, completing "the rule for X ..."; empty when all do. What cannot be told does not hold."""
    for name, wanted in conditions.items():
        if name in apart:
            continue
        test = CONDITIONS.get(name)
        if test is None:
            return f"has the condition {name!a}, which this version does not know"
        try:
            unmet = test(question, wanted, conditions)
        except _MALFORMED:  # it allows nothing, and keeps no other rule from doing so
            return f"has a condition {name} that cannot be told"
        if unmet:
            return unmet
    return ""


Test = Callable[[Question, Any, Mapping[str, Any]], str]


def _tenant(question: Question, wanted: str, _conditions: Mapping[str, Any]) -> str:
    same = (
        wanted == "subject.tenant" and question.name.tenant != "" and question.name.tenant == question.principal.tenant
    )
    return "" if same else "is for those who belong to the tenant of the secret"


def _read_only(question: Question, wanted: bool, _conditions: Mapping[str, Any]) -> str:
    return "" if not wanted or question.action is Action.READ else "grants reading only"


def _role(question: Question, wanted: str, _conditions: Mapping[str, Any]) -> str:
    return "" if wanted in question.principal.roles else f"asks for the role {wanted}"


def _approval(question: Question, wanted: bool, conditions: Mapping[str, Any]) -> str:
    approvers = conditions.get(APPROVERS)
    if not wanted or any(_approves(one, question, approvers) for one in question.context.approvals):
        return ""
    return "asks for the approval of somebody else" + (f": {', '.join(approvers)}" if approvers else "")


def _approves(approval: Approval, question: Question, approvers: Sequence[str] | None) -> bool:
    by, now = approval.by, question.context.now
    return (
        not by.is_claim
        and by.subject != question.principal.subject
        and (approval.action, approval.secret) == (question.action, question.name)
        and now < approval.until
        and (approvers is None or any(map(_called(by).by, approvers)))
    )


def _approvers(_question: Question, _wanted: Any, conditions: Mapping[str, Any]) -> str:
    return "" if conditions.get(APPROVAL) else "names approvers and asks for no approval"


def _hours(question: Question, wanted: Mapping[str, str], _conditions: Mapping[str, Any]) -> str:
    """Compare with the clock on the wall: an hour that the clocks skip does not come, one that they repeat comes twice."""
    from zoneinfo import ZoneInfo  # most rules have no hours, and it takes a while to import

    zone = wanted.get("timezone", "UTC")
    begin, end = wanted["from"], wanted["to"]
    local = datetime.fromtimestamp(question.context.now, UTC if zone == "UTC" else ZoneInfo(zone))
    now = f"{local:%H:%M}"
    inside = begin <= now < end if begin < end else now >= begin or now < end
    return "" if inside else f"holds from {begin} to {end} ({zone})"


def _pattern(field: str) -> Test:
    def test(question: Question, wanted: Sequence[str], _conditions: Mapping[str, Any]) -> str:
        given = getattr(question.context, field)
        if given and any(fnmatchcase(given, one) for one in wanted):
            return ""
        return f"is for another {field}"

    return test


def _until(question: Question, wanted: float, _conditions: Mapping[str, Any]) -> str:
    return "" if question.context.now < wanted else "has run out"


CONDITIONS: dict[str, Test] = {
    "tenant": _tenant,
    "read_only": _read_only,
    "role": _role,
    APPROVAL: _approval,
    APPROVERS: _approvers,
    "hours": _hours,
    "hosts": _pattern("host"),
    "plays": _pattern("play"),
    "workers": _pattern("worker"),
    "until": _until,
}

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions by rules: the two rows of the blueprint's table 12, every condition, hostile names, and what always holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.access.rules import CONDITIONS, RulePolicy, decide
from ansible_collections.hodei.workers.plugins.module_utils.model.access import (
    AccessContext,
    AccessRule,
    Action,
    Approval,
    Decision,
    read_access,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Principal, Verified
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_access import CONDITIONS as SCHEMA
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName

NAME = SecretName("db/password", "acme")
READ, WRITE, ROTATE = Action.READ, Action.WRITE, Action.ROTATE
NOW = 1_800_000_000.0
CONTEXT = AccessContext(NOW)
ALICE = Principal("user:alice", Verified.OIDC, tenant="acme", roles=frozenset({"security_admin"}))
BOB = Principal("user:bob", Verified.OIDC)
CI_APP = Principal("serviceaccount:ci-app", Verified.OIDC, tenant="acme")
OPERATOR = Principal("serviceaccount:security-operator", Verified.OIDC, roles=frozenset({"security_admin"}))
CLAIM = Principal("claimed:alice")


def written(*rules: dict[str, Any]) -> tuple[AccessRule, ...]:
    """Return rules as a document has them."""
    found, problems = read_access(list(rules), Place("access"))
    assert not problems, problems
    return found


def ask(
    principal: Principal, action: Action, rules: Sequence[AccessRule], *, name: SecretName = NAME, **context: Any
) -> Decision:
    """Ask with a context that differs in some fields."""
    return decide(principal, action, name, rules, replace(CONTEXT, **context))


def may(principal: Principal, action: Action, rules: Sequence[AccessRule], **more: Any) -> bool:
    """Whether it is allowed; each denial is a sentence."""
    decision = ask(principal, action, rules, **more)
    assert decision.reason.startswith(f"{principal} may {'' if decision.allowed else 'not '}{action.value} this secret")
    return decision.allowed


def rule(subject: str, *actions: Action, **conditions: Any) -> AccessRule:
    """Return a rule as nobody has checked it."""
    return AccessRule(subject, frozenset(actions or (READ,)), conditions)


# ---- table 12 ---------------------------------------------------------------------------------------------------


def test_table_12_get_secret() -> None:
    """get_secret | ServiceAccount:ci-app | secret_name | tenant == subject.tenant; read_only"""
    rules = written(
        {
            "subject": "serviceaccount:ci-app",
            "actions": ["read"],
            "conditions": {"tenant": "subject.tenant", "read_only": True},
        }
    )
    assert may(CI_APP, READ, rules)
    assert not may(CI_APP, WRITE, rules)
    assert not may(CI_APP, ROTATE, rules)
    assert not may(CI_APP, READ, rules, name=SecretName("db/password", "other"))
    assert not may(CI_APP, READ, rules, name=SecretName("db/password"))
    assert not may(replace(CI_APP, tenant="other"), READ, rules)
    assert not may(replace(CI_APP, tenant=""), READ, rules)
    assert not may(replace(CI_APP, tenant=""), READ, rules, name=SecretName("db/password"))
    assert not may(replace(CI_APP, subject="serviceaccount:ci-app2"), READ, rules)
    assert not may(replace(CI_APP, subject="user:ci-app"), READ, rules)
    assert not may(Principal("claimed:ci-app"), READ, rules)


def test_table_12_rotate_secret() -> None:
    """rotate_secret | ServiceAccount:security-operator | secret_name | role == security_admin; approval_required"""
    rules = written(
        {
            "subject": "serviceaccount:security-operator",
            "actions": ["rotate"],
            "conditions": {"role": "security_admin", "approval_required": True},
        }
    )
    approvals = (Approval(BOB, ROTATE, NAME, NOW + 60),)
    assert may(OPERATOR, ROTATE, rules, approvals=approvals)
    assert not may(OPERATOR, ROTATE, rules)
    assert not may(replace(OPERATOR, roles=frozenset()), ROTATE, rules, approvals=approvals)
    assert not may(replace(OPERATOR, roles=frozenset({"Security_admin"})), ROTATE, rules, approvals=approvals)
    assert not may(OPERATOR, READ, rules, approvals=approvals)
    assert not may(OPERATOR, WRITE, rules, approvals=approvals)
    assert not may(ALICE, ROTATE, rules, approvals=approvals)


# ---- approvals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "approval",
    [
        Approval(OPERATOR, ROTATE, NAME, NOW + 60),
        Approval(replace(OPERATOR, roles=frozenset({"another"})), ROTATE, NAME, NOW + 60),
        Approval(Principal("claimed:bob"), ROTATE, NAME, NOW + 60),
        Approval(BOB, READ, NAME, NOW + 60),
        Approval(BOB, ROTATE, SecretName("db/other", "acme"), NOW + 60),
        Approval(BOB, ROTATE, SecretName("db/password"), NOW + 60),
        Approval(BOB, ROTATE, NAME, NOW),
    ],
    ids=["oneself", "oneself in another role", "a claim", "another action", "another secret", "another tenant", "late"],
)
def test_what_is_no_approval(approval: Approval) -> None:
    rules = [rule(OPERATOR.subject, ROTATE, approval_required=True)]
    assert not may(OPERATOR, ROTATE, rules, approvals=(approval,))


def test_whose_approval_counts() -> None:
    rules = written(
        {
            "subject": OPERATOR.subject,
            "actions": ["rotate"],
            "conditions": {"approval_required": True, "approvers": ["role:security_admin", "user:carol"]},
        }
    )
    given = [Approval(one, ROTATE, NAME, NOW + 60) for one in (BOB, ALICE, replace(BOB, subject="user:carol"))]
    assert [may(OPERATOR, ROTATE, rules, approvals=(one,)) for one in given] == [False, True, True]
    assert "approval of somebody else: role:security_admin, user:carol" in ask(OPERATOR, ROTATE, rules).reason


def test_approvers_without_the_question_for_approval_allow_nothing() -> None:
    assert not may(ALICE, READ, [rule("user:alice", READ, approvers=["user:bob"])])


# ---- the other conditions ---------------------------------------------------------------------------------------


def at(text: str, zone: str = "Europe/Madrid", fold: int = 0) -> float:
    """Return the Unix seconds of a time on the clocks of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("begin", "end", "now", "allowed"),
    [
        ("08:00", "20:00", at("2026-06-01T07:59:59"), False),
        ("08:00", "20:00", at("2026-06-01T08:00:00"), True),
        ("08:00", "20:00", at("2026-06-01T19:59:59"), True),
        ("08:00", "20:00", at("2026-06-01T20:00:00"), False),
        ("08:00", "20:00", at("2026-12-01T08:00:00"), True),  # winter: another offset, the same clock
        ("08:00", "20:00", at("2026-12-01T07:30:00"), False),
        ("22:00", "06:00", at("2026-06-01T21:59:59"), False),
        ("22:00", "06:00", at("2026-06-01T23:59:59"), True),
        ("22:00", "06:00", at("2026-06-02T00:00:00"), True),
        ("22:00", "06:00", at("2026-06-02T06:00:00"), False),
        ("01:30", "02:30", at("2026-03-29T01:59:59"), True),  # the clocks go from 02:00 to 03:00
        ("01:30", "02:30", at("2026-03-29T03:00:00"), False),
        ("02:15", "02:45", at("2026-03-29T03:00:00") - 1, False),  # this hour does not come that night
        ("02:15", "02:45", at("2026-10-25T02:30:00", fold=0), True),  # and this one comes twice
        ("02:15", "02:45", at("2026-10-25T02:30:00", fold=1), True),
        ("02:15", "02:45", at("2026-10-25T02:50:00", fold=0), False),
    ],
)
def test_hours(begin: str, end: str, now: float, allowed: bool) -> None:
    hours = {"from": begin, "to": end, "timezone": "Europe/Madrid"}
    rules = written({"subject": "user:alice", "actions": ["read"], "conditions": {"hours": hours}})
    assert may(ALICE, READ, rules, now=now) is allowed


def test_hours_are_utc_unless_said_otherwise() -> None:
    rules = [rule("user:alice", hours={"from": "08:00", "to": "09:00"})]
    assert may(ALICE, READ, rules, now=at("2026-06-01T08:30", "UTC"))
    assert not may(ALICE, READ, rules, now=at("2026-06-01T08:30"))
    assert ask(ALICE, READ, rules, now=at("2026-06-01T10:00", "UTC")).reason.endswith("holds from 08:00 to 09:00 (UTC)")


@pytest.mark.parametrize("field", ["host", "play", "worker"])
def test_patterns(field: str) -> None:
    rules = [rule("user:alice", **{f"{field}s": ["ci-?", "build*"]})]
    given = {"ci-1": True, "build": True, "build-7": True, "ci-10": False, "CI-1": False, "xci-1": False, "": False}
    assert {one: may(ALICE, READ, rules, **{field: one}) for one in given} == given
    assert not may(ALICE, READ, [rule("user:alice", **{f"{field}s": ["*"]})])  # a run that does not say
    assert not may(ALICE, READ, [rule("user:alice", **{f"{field}s": []})], **{field: "ci-1"})


def test_until() -> None:
    rules = [rule("user:alice", until=NOW)]
    assert [may(ALICE, READ, rules, now=NOW + late) for late in (-1, 0, 1)] == [True, False, False]


def test_all_conditions_have_to_hold() -> None:
    rules = [rule("user:alice", role="security_admin", hosts=["ci-*"])]
    assert may(ALICE, READ, rules, host="ci-1")
    assert not may(ALICE, READ, rules, host="x")
    assert not may(replace(ALICE, roles=frozenset()), READ, rules, host="ci-1")


def test_every_condition_of_the_schema_is_decided_here() -> None:
    assert CONDITIONS.keys() == SCHEMA["properties"].keys()


@pytest.mark.parametrize(
    "conditions",
    [
        {"cost_limit": 10},
        {"read_only": True, "colour": "red"},
        {"hours": "08:00-20:00"},
        {"hours": {"from": "08:00"}},
        {"hours": {"from": "00:00", "to": "23:59", "timezone": "Nowhere/At_all"}},
        {"hours": {"from": "00:00", "to": "23:59", "timezone": "../../etc/passwd"}},
        {"until": "2099-01-01"},
        {"until": None},
        {"until": float("nan")},
        {"hosts": None},
        {"hosts": [1]},
        {"tenant": ""},
        {"tenant": True},
        {"tenant": "acme"},
        {"role": None},
        {"role": ""},
        {"approval_required": True, "approvers": 7},
        {"approval_required": True, "approvers": []},
    ],
)
def test_what_is_unknown_or_malformed_allows_nothing_and_harms_no_other_rule(conditions: dict[str, Any]) -> None:
    broken = rule("user:alice", **conditions)
    more: dict[str, Any] = {"host": "ci-1", "approvals": (Approval(BOB, READ, NAME, NOW + 1),)}
    assert not may(ALICE, READ, [broken], **more)
    assert may(ALICE, READ, [broken, rule("user:alice")], **more)


# ---- who is who -------------------------------------------------------------------------------------------------


def test_nothing_is_allowed_by_default() -> None:
    assert not any(may(one, action, ()) for one in (ALICE, CI_APP, CLAIM) for action in Action)


def test_a_rule_about_somebody_is_not_met_by_a_claim() -> None:
    rules = [
        rule(one, *Action) for one in ("user:alice", "serviceaccount:alice", "uid:1000", "role:alice", "group:alice")
    ]
    assert not any(may(CLAIM, action, rules) for action in Action)
    assert may(ALICE, READ, rules)


def test_a_claim_reads_what_was_written_for_it_and_never_more() -> None:
    rules = [rule("claimed:alice", *Action)]
    assert {action: may(CLAIM, action, rules) for action in Action} == {READ: True, WRITE: False, ROTATE: False}
    assert "nobody has verified" in ask(CLAIM, ROTATE, rules).reason
    assert not may(ALICE, READ, rules)  # and the other way round


def test_an_identity_whose_proof_ran_out() -> None:
    old = replace(ALICE, until=NOW)
    assert not may(old, READ, [rule("user:alice")])
    assert may(old, READ, [rule("user:alice")], now=NOW - 1)


@pytest.mark.parametrize(
    "name",
    ["*", "ci-*", "a*", "?lice", "[a]lice", "alic[e]", "..", "../alice", "user:alice", "alice/", "%61lice", "Alice"],
)
def test_a_name_is_never_a_pattern(name: str) -> None:
    stranger = Principal(f"user:{name}", Verified.OIDC, roles=frozenset({name}), groups=frozenset({name}))
    rules = [rule(one) for one in ("user:alice", "role:ci-app", "group:alice", "serviceaccount:ci-*")]
    assert not may(stranger, READ, rules)


def test_patterns_of_subjects() -> None:
    rules = [rule("role:ci-*")]
    roles = {"ci-": True, "ci-app": True, "ci": False, "xci-app": False, "CI-app": False}
    assert {one: may(replace(BOB, roles=frozenset({one})), READ, rules) for one in roles} == roles
    assert not may(Principal("user:ci-app", Verified.OIDC), READ, rules)
    assert may(replace(BOB, roles=frozenset({"team:ci"})), READ, [rule("role:team:*")])
    for subject in ("*", "role:*", "user:*", "user:a*", "claimed:*", "claimed:a*", "uid:*", "r*"):
        for one in (ALICE, CLAIM, Principal("uid:1000", Verified.UID)):
            assert not may(one, READ, [rule(subject)]), subject


# ---- the port ---------------------------------------------------------------------------------------------------


def test_the_owner_alone_unless_rules_say_otherwise() -> None:
    policy = RulePolicy("uid:1000", {NAME.path: [rule("user:alice")]})
    owner, other = Principal("uid:1000", Verified.UID), Principal("uid:1001", Verified.UID)
    none = SecretName("none")
    for action in Action:
        assert policy.decide(owner, action, NAME, CONTEXT).allowed
        assert policy.decide(owner, action, none, CONTEXT).allowed
        assert not policy.decide(other, action, NAME, CONTEXT).allowed
        assert not policy.decide(Principal("claimed:1000"), action, NAME, CONTEXT).allowed
    assert policy.decide(ALICE, READ, NAME, CONTEXT).allowed
    assert not policy.decide(ALICE, READ, none, CONTEXT).allowed


def test_a_denial_tells_nothing_of_other_secrets_nor_whether_there_is_one() -> None:
    others = {f"hidden/{number}": [rule("user:bob")] for number in range(3)}
    policy = RulePolicy("uid:1000", {NAME.path: [], **others})
    asked = (NAME, SecretName("hidden/1"), SecretName("does/not-exist"))
    reasons = {policy.decide(ALICE, READ, one, CONTEXT).reason for one in asked}
    assert reasons == {"user:alice may not read this secret: no rule gives it to them"}


def test_who_waits_for_an_approval_sees_what_for() -> None:
    waiting = [rule(OPERATOR.subject, ROTATE, approval_required=True, approvers=["user:bob"])]
    names = [SecretName(one) for one in ("readable", "writable", "waiting", "late", "foreign")]
    rules = {
        "readable": [rule(OPERATOR.subject)],
        "writable": [rule(OPERATOR.subject, WRITE)],
        "waiting": waiting,
        "late": [replace(waiting[0], conditions={**waiting[0].conditions, "until": NOW})],
        "foreign": [rule("user:bob", *Action)],
    }
    policy = RulePolicy("uid:1000", rules)
    assert policy.visible(OPERATOR, names, CONTEXT) == names[:3]
    assert policy.visible(Principal("uid:1000", Verified.UID), names, CONTEXT) == names
    assert policy.visible(ALICE, names, CONTEXT) == []
    assert not policy.decide(OPERATOR, ROTATE, names[2], CONTEXT).allowed


# ---- what always holds ------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "ab", "b"])
KINDS = st.sampled_from(["user", "serviceaccount", "role", "group", "uid", "claimed"])
SUBJECTS = st.builds("{}:{}{}".format, KINDS, WORDS, st.sampled_from(["", "", "*"]))
TENANTS = st.sampled_from(["", "a", "b"])
NAMES = st.builds(SecretName, WORDS, TENANTS)
SETS = st.frozensets(WORDS, max_size=2)
LATER = st.sampled_from([NOW - 1, NOW + 1])
PRINCIPALS = st.one_of(
    st.builds(
        Principal, st.builds("user:{}".format, WORDS), st.just(Verified.OIDC), TENANTS, SETS, SETS, st.none() | LATER
    ),
    st.builds(Principal, st.builds("uid:{}".format, WORDS), st.just(Verified.UID), groups=SETS),
    st.builds(Principal, st.builds("claimed:{}".format, WORDS)),
)
ACTIONS = st.sampled_from(Action)
SOME = st.lists(WORDS | st.just("*"), max_size=2)
CONDITION: dict[str, st.SearchStrategy[Any]] = {
    "tenant": st.sampled_from(["subject.tenant", "a", ""]),
    "read_only": st.booleans(),
    "role": WORDS,
    "approval_required": st.booleans(),
    "approvers": st.lists(SUBJECTS, max_size=2),
    "hours": st.sampled_from([{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "00:00"}, {}]),
    "hosts": SOME,
    "plays": SOME,
    "workers": SOME,
    "until": LATER,
    "unknown": st.none(),
}
RULES = st.builds(
    AccessRule, SUBJECTS, st.frozensets(ACTIONS, min_size=1), st.fixed_dictionaries({}, optional=CONDITION)
)
BOOKS = st.lists(RULES, max_size=4)
APPROVALS = st.builds(Approval, PRINCIPALS, ACTIONS, NAMES, LATER)
CONTEXTS = st.builds(
    AccessContext,
    st.just(NOW),
    st.just("") | WORDS,
    st.just("") | WORDS,
    st.just(""),
    st.just("") | WORDS,
    st.lists(APPROVALS, max_size=2).map(tuple),
)


@given(PRINCIPALS, ACTIONS, NAMES, BOOKS, RULES, st.integers(0, 4), CONTEXTS)
def test_one_more_rule_takes_nothing_away(
    principal: Principal,
    action: Action,
    name: SecretName,
    book: list[AccessRule],
    more: AccessRule,
    place: int,
    context: AccessContext,
) -> None:
    before = decide(principal, action, name, book, context)
    after = decide(principal, action, name, [*book[:place], more, *book[place:]], context)
    assert after.allowed >= before.allowed
    assert after.allowed == (before.allowed or decide(principal, action, name, [more], context).allowed)


@given(PRINCIPALS, ACTIONS, NAMES, BOOKS, WORDS, CONTEXTS)
def test_one_more_role_or_group_takes_nothing_away(
    principal: Principal, action: Action, name: SecretName, book: list[AccessRule], more: str, context: AccessContext
) -> None:
    if principal.is_claim:
        return
    richer = replace(principal, roles=principal.roles | {more}, groups=principal.groups | {more})
    assert decide(richer, action, name, book, context).allowed >= decide(principal, action, name, book, context).allowed


@given(WORDS, NAMES, BOOKS, CONTEXTS)
def test_a_claim_never_writes_nor_rotates_and_reads_by_its_own_name_only(
    word: str, name: SecretName, book: list[AccessRule], context: AccessContext
) -> None:
    claim = Principal(f"claimed:{word}")
    assert not decide(claim, WRITE, name, book, context).allowed
    assert not decide(claim, ROTATE, name, book, context).allowed
    found = decide(claim, READ, name, book, context)
    assert not found.allowed or (found.rule is not None and found.rule.subject == claim.subject)


@given(ACTIONS, NAMES, BOOKS, CONTEXTS)
def test_approvals_of_claims_change_nothing(
    action: Action, name: SecretName, book: list[AccessRule], context: AccessContext
) -> None:
    verified = replace(context, approvals=tuple(one for one in context.approvals if not one.by.is_claim))
    for principal in (ALICE, CLAIM):
        assert decide(principal, action, name, book, context) == decide(principal, action, name, book, verified)


@given(PRINCIPALS, NAMES, BOOKS, CONTEXTS)
def test_what_may_be_used_may_be_seen(
    principal: Principal, name: SecretName, book: list[AccessRule], context: AccessContext
) -> None:
    policy = RulePolicy("uid:1000", {name.path: book})
    usable = any(policy.decide(principal, action, name, context).allowed for action in Action)
    seen = name in policy.visible(principal, [name], context)
    assert seen >= usable
    if not any("approval_required" in one.conditions or "approvers" in one.conditions for one in book):
        assert seen == usable

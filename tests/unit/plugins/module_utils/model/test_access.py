# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules as they are written: what is refused, with place and cure, all of it at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.model.access import (
    AccessRule,
    Action,
    access_rules,
    read_access,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import Problem
from ansible_collections.hodei.workers.plugins.module_utils.model.identity import read_oidc
from ansible_collections.hodei.workers.plugins.module_utils.model.normal import compile_normal, written
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_access import ACCESS, CONDITIONS

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").is_file())
PAGE = (ROOT / "docs" / "secrets" / "access.md").read_text()
PLACE = Place("secrets[0].access", "fleet.yml")


def said(rules: Any) -> list[str]:
    """Return what is wrong with rules, each problem on one line without its file."""
    found, problems = read_access(rules, PLACE)
    assert not problems or not found
    assert all(isinstance(one, Problem) and one.source == "fleet.yml" for one in problems)
    return [str(one).removeprefix("fleet.yml: secrets[0].access") for one in problems]


def rule(**fields: Any) -> list[dict[str, Any]]:
    """Return one rule that is valid but for some fields."""
    return [{"subject": "role:ci-app", "actions": ["read"], **fields}]


def when(**conditions: Any) -> list[dict[str, Any]]:
    """Return one rule with conditions."""
    return rule(conditions=conditions)


def test_a_rule_with_everything() -> None:
    conditions = {
        "tenant": "subject.tenant",
        "read_only": True,
        "role": "security_admin",
        "approval_required": True,
        "approvers": ["role:lead", "user:bob"],
        "hours": {"from": "22:00", "to": "06:00", "timezone": "Europe/Madrid"},
        "hosts": ["ci-*"],
        "plays": ["deploy"],
        "workers": ["runner"],
        "until": "2027-01-31T12:00:00+01:00",
    }
    rules, problems = read_access(when(**conditions), PLACE)
    assert not problems
    assert rules == (AccessRule("role:ci-app", frozenset({Action.READ}), {**conditions, "until": 1801393200.0}),)


def test_what_says_nothing_is_no_condition() -> None:
    rules, _unused = read_access(when(read_only=False, approval_required=False, hours={"from": "1:00"}), PLACE)
    assert not rules
    rules, _unused = read_access(when(read_only=False, approval_required="false"), PLACE)
    assert rules[0].conditions == {}
    assert read_access([], PLACE) == ((), [])


def test_the_normal_form_can_be_written_and_read_again() -> None:
    normal = compile_normal(ACCESS)
    assert normal is not None
    once = normal(when(until="2027-01-31T12:00:00+01:00", hours={"from": "08:00", "to": "20:00", "timezone": "UTC"}))
    assert normal(written(once, ACCESS)) == once
    assert access_rules(once)[0].conditions == {"until": 1801393200.0, "hours": {"from": "08:00", "to": "20:00"}}


@pytest.mark.parametrize(
    "subject",
    [
        "user:alice",
        "user:alice@example.com",
        "user:8f14e45f-ceea-467f-a0e6-1d5a0f3e5c3b",
        "serviceaccount:ci-app",
        "serviceaccount:ci-*",
        "role:a",
        "role:ci-*",
        "group:ops",
        "uid:0",
        "uid:4294967295",
        "claimed:alice",
        "user:system:serviceaccount:ns:name",
    ],
)
def test_subjects(subject: str) -> None:
    assert said(rule(subject=subject)) == []


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "*",
        "alice",
        "user:",
        "user:*",
        "user:ci-*",
        "claimed:*",
        "claimed:a*",
        "uid:*",
        "uid:1*",
        "uid:01",
        "uid:-1",
        "uid:root",
        "role:*",
        "group:*",
        "role:**",
        "role:a*b",
        "*:alice",
        "role:a b",
        "role:a\n",
        "role:a\nrole:b",
        "user:\u0430lice",
        "user:\uff41lice",
        "ServiceAccount:ci-app",
        "everybody:x",
        "role:" + "x" * 256,
    ],
)
def test_subjects_that_are_refused(subject: str) -> None:
    problems = said(rule(subject=subject))
    assert len(problems) == 1
    assert problems[0].startswith("[0].subject: ")
    assert "is not a subject in visible ASCII" in problems[0]


def test_a_subject_as_the_blueprint_writes_it_is_put_right() -> None:
    assert said(rule(subject="ServiceAccount:ci-app"))[0].endswith("did you mean serviceaccount:ci-app?")
    assert said(rule(subject="alice"))[0].endswith("did you mean user:alice?")


def test_everything_is_said_at_once() -> None:
    wrong = [
        {"subject": "ci-app", "actions": ["read", "own"]},
        {"actions": []},
        {"subject": "user:a", "actions": ["read"], "condition": {}, "conditions": {"cost_limit": 10, "until": "soon"}},
    ]
    problems = said(wrong)
    assert [one.partition(":")[0] for one in problems] == [
        "[0].actions[1]",
        "[0].subject",
        "[1]",
        "[1].actions",
        "[2]",
        "[2].conditions",
        "[2].conditions.until",
    ]
    assert "unknown field 'cost_limit'" in problems[5]


@pytest.mark.parametrize("field", ["hosts", "plays", "workers", "approvers"])
def test_a_list_that_a_template_left_empty_opens_nothing(field: str) -> None:
    conditions = {field: [], "approval_required": True}
    assert said(when(**conditions)) == [f"[0].conditions.{field}: the list is empty; give at least 1"]


@pytest.mark.parametrize(
    ("conditions", "starts"),
    [
        ({"tenant": ""}, ".tenant: '' is not one of subject.tenant"),
        ({"tenant": "acme"}, ".tenant: 'acme' is not one of subject.tenant"),
        ({"role": ""}, ".role: '' is not the name of a role"),
        ({"role": None}, ".role: expected"),
        ({"hours": {"from": "8:00", "to": "20:00"}}, ".hours.from: '8:00' is not a time of day"),
        ({"hours": {"from": "08:00", "to": "24:00"}}, ".hours.to: '24:00' is not a time of day"),
        ({"hours": {"from": "08:00", "to": "08:00"}}, ".hours: it begins when it is over"),
        ({"hours": {"from": "08:00"}}, ".hours: 'to' is missing"),
        ({"hours": {"from": "08:00", "to": "9:00", "timezone": "../etc/passwd"}}, ".hours.timezone: "),
        ({"until": "2027-01-31T12:00:00"}, ".until: '2027-01-31T12:00:00' is not a date and a time with its zone"),
        ({"until": None}, ".until: expected"),
        ({"approvers": ["user:bob"]}, ".approvers: approvers without approval_required"),
        ({"approvers": ["claimed:bob"], "approval_required": True}, ".approvers: a claim approves nothing"),
    ],
)
def test_conditions_that_are_refused(conditions: dict[str, Any], starts: str) -> None:
    problems = said(when(**conditions))
    assert any(one.startswith(f"[0].conditions{starts}") for one in problems), problems


def test_the_cure_of_a_time_without_a_zone() -> None:
    assert said(when(until="2027-01-31 12:00"))[0].endswith("did you mean 2027-01-31T12:00:00Z?")
    assert said(when(until="2027-01-31"))[0].endswith("did you mean 2027-01-31T00:00:00Z?")


@pytest.mark.parametrize("action", ["write", "rotate"])
def test_a_claim_is_given_reading_and_nothing_else(action: str) -> None:
    problems = said(rule(subject="claimed:alice", actions=["read", action]))
    assert problems == ["[0].actions: a claim can be given nothing but read; name a subject whose identity is verified"]
    assert said(rule(subject="claimed:alice")) == []


@pytest.mark.parametrize("conditions", [{"role": "x"}, {"tenant": "subject.tenant"}])
def test_what_a_claim_never_has_is_no_condition_for_it(conditions: dict[str, Any]) -> None:
    assert "so this rule grants nothing" in said(rule(subject="claimed:alice", conditions=conditions))[0]


def test_read_only_and_more() -> None:
    problems = said(rule(actions=["read", "write"], conditions={"read_only": True}))
    assert problems == [
        "[0].conditions.read_only: read_only and other actions than read cannot be together; write two rules"
    ]


def test_the_examples_of_the_page() -> None:
    blocks = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    rules = [one["access"] for one in blocks if "access" in one]
    assert [said(one) for one in rules] == [[]] * 4
    (identity,) = (one["hodei_identity"] for one in blocks if "hodei_identity" in one)
    assert read_oidc(identity["oidc"], Place("identity.oidc"))[1] == []


def test_the_page_has_every_condition() -> None:
    told = set(re.findall(r"`([a-z_]+)[:`]", PAGE.partition("## Conditions")[2].partition("## Claims")[0]))
    assert told >= CONDITIONS["properties"].keys()

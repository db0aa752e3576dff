# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks: what makes no principal, and that a claim is never somebody verified."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, Kind
from ansible_collections.hodei.workers.plugins.module_utils.model.principal import Principal, Verified

HOSTILE = ["", "a b", "a\nb", "a\rb", "a\0b", "\u0430lice", "ali\u200bce", "\u202ealice", "x" * 256]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["user", "role", "group"])
def test_names_that_nobody_could_tell_apart_make_no_principal(name: str, place: str) -> None:
    fields: dict[str, Any] = {"subject": "user:alice", "verified": Verified.OIDC}
    if place == "user":
        fields["subject"] = f"user:{name}"
    else:
        fields[f"{place}s"] = frozenset({name})
    with pytest.raises(HodeiError) as refused:
        Principal(**fields)
    assert refused.value.kind is Kind.AUTHENTICATION
    assert str(refused.value).isprintable()
    assert str(refused.value).isascii()


def test_a_look_alike_is_named() -> None:
    with pytest.raises(HodeiError, match="CYRILLIC SMALL LETTER A"):
        Principal("user:\u0430lice", Verified.OIDC)


@pytest.mark.parametrize(
    ("subject", "verified"),
    [
        ("user:alice", Verified.NONE),
        ("claimed:alice", Verified.OIDC),
        ("claimed:alice", Verified.UID),
        ("claimed:alice", Verified.VAULT),
        ("uid:0", Verified.OIDC),
        ("uid:0", Verified.NONE),
        ("user:root", Verified.UID),
        ("role:admin", Verified.OIDC),
        ("group:wheel", Verified.UID),
        ("alice", Verified.OIDC),
        ("User:alice", Verified.OIDC),
    ],
)
def test_a_method_verifies_its_own_kind_of_subject_only(subject: str, verified: Verified) -> None:
    with pytest.raises(HodeiError, match="is no kind of subject"):
        Principal(subject, verified)


@pytest.mark.parametrize(
    "more", [{"tenant": "acme"}, {"roles": frozenset({"admin"})}, {"groups": frozenset({"wheel"})}]
)
def test_a_claim_has_nothing_but_its_name(more: dict[str, Any]) -> None:
    with pytest.raises(HodeiError, match="a claim has no tenant, no roles and no groups"):
        Principal("claimed:alice", **more)


@pytest.mark.parametrize("tenant", ["../acme", "Acme", "ac me", "acme\n", "@acme", "\u0430cme"])
def test_a_tenant_is_one_that_a_secret_could_have(tenant: str) -> None:
    with pytest.raises(HodeiError, match="tenant"):
        Principal("user:alice", Verified.OIDC, tenant=tenant)


def test_all_that_a_rule_may_call_it_by() -> None:
    alice = Principal("user:alice", Verified.OIDC, roles=frozenset({"ci"}), groups=frozenset({"ops"}))
    assert alice.names == {"user:alice", "role:ci", "group:ops"}
    assert Principal("claimed:alice").names == {"claimed:alice"}


def test_a_proof_runs_out_at_its_second() -> None:
    alice = Principal("user:alice", Verified.OIDC, until=100.0)
    assert [alice.expired(now) for now in (99.9, 100.0, 100.1)] == [False, True, True]
    assert not Principal("claimed:alice").expired(1e12)

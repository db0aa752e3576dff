# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for secrets by a token: a real issuer, whose keys are fetched over HTTP, in converges and lookups."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.hodei.workers.tests.support.issuer import Issuer, claims, rsa_key, token
from ansible_collections.hodei.workers.tests.support.playbook import Site, task

ALICE = f"user:{claims()['sub']}"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


@pytest.fixture
def site(make_site: Callable[..., Site], issuer: Issuer) -> Site:
    """A fleet whose document asks for a token, which says that it is alice."""
    given = [{"subject": ALICE, "actions": ["read", "write"]}]
    made = make_site(
        hodei_secrets=[{"name": "hers", "value": "one", "access": given}, {"name": "ours", "value": "two"}]
    )
    oidc = {"issuer": claims()["iss"], "audience": "hodei", "clients": ["ci-portal"], "jwks_url": issuer.url}
    made.set(hodei_identity={"oidc": oidc})
    bring(made)
    made.tasks(task("fleet_init"))
    return made


def bring(site: Site, **changed: Any) -> str:
    """Put a token of alice's where the run looks for it."""
    site.environment["HODEI_TOKEN"] = token(claims(**changed)).text()
    return site.environment["HODEI_TOKEN"]


def show(name: str) -> dict[str, Any]:
    return {
        "ansible.builtin.debug": {"msg": "{{ lookup('hodei.workers.secret', '" + name + "') }}"},
        "ignore_errors": True,
    }


def test_a_verified_principal_stands_in_decisions_and_records(site: Site, issuer: Issuer) -> None:
    """She writes and reads what rules give her, and nothing else; a play cannot make her the owner."""
    done, hers, ours, audit = site.tasks(task("fleet"), show("hers"), show("ours"), task("audit_info", actor=ALICE))
    assert done["failed"]
    assert "1 of 2 changes did not succeed" in done["msg"]
    assert f"{ALICE} may neither read, write nor rotate" in json.dumps(done)
    assert hers["msg"] == "one"
    assert f"{ALICE} may not read" in ours["msg"]
    found = {(one["what"], one["secret"], one["result"], one["verified"]) for one in audit["records"]}
    assert {("write", "hers", "done", True), ("read", "hers", "done", True), ("read", "ours", "denied", True)} <= found
    assert 1 <= issuer.asked <= 3, "once for each process that verifies"

    # What a play says of itself is not asked any more.
    del site.environment["HODEI_TOKEN"]
    site.variables |= {"hodei_identity": {}}
    looked, changed = site.tasks(show("hers"), task("secret", name="hers", value="other"))
    for one in (looked, changed):
        assert (
            "there is no token that says who asks for secrets: the environment variable HODEI_TOKEN is not set"
            in one["msg"]
        )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": time.time() - 3600}, "it has expired"),
        ({"aud": "another"}, "it is for another audience"),
        ({"azp": "another"}, "it was issued to another client"),
    ],
)
def test_a_token_that_proves_nothing_is_one_message(site: Site, changed: dict[str, Any], why: str) -> None:
    text = bring(site, **changed)
    run = site.run(site.write_play([task("fleet"), show("hers")]))
    for one in run.results:
        assert f"identity.oidc: the token is refused: {why}" in one["msg"]
    assert text not in run.output + repr(run.tasks)


def test_a_token_in_a_file_and_keys_in_a_file(site: Site, issuer: Issuer) -> None:
    """One that is signed by somebody else is refused; one that has run out is read again where it was renewed."""
    del site.environment["HODEI_TOKEN"]
    oidc = site.variables["hodei_identity"]["oidc"]
    del oidc["jwks_url"]
    oidc |= {
        "jwks_file": str(site.write("keys.json", json.dumps({"keys": issuer.keys}))),
        "token": {"file": str(site.write("token", token(claims(), key=rsa_key(7)).text()))},
    }
    (forged,) = site.tasks(task("fleet"))
    assert "its signature or its form is wrong" in forged["msg"]
    site.write("token", token().text() + "\n")
    (done,) = site.tasks(task("fleet", secrets=[site.variables["hodei_secrets"][0]]))
    assert not done["failed"]
    site.write("keys.json", "[]")
    (broken,) = site.tasks(show("hers"))
    assert "keys.json is no set of keys" in broken["msg"]
    assert issuer.asked == 0


def test_a_claim_reads_what_is_given_to_it_and_changes_nothing(site: Site) -> None:
    given = [{"subject": "claimed:eve", "actions": ["read"]}]
    site.set(
        hodei_identity={},
        hodei_secrets=[{"name": "open", "value": "x", "access": given}, {"name": "ours", "value": "y"}],
    )
    (made,) = site.tasks(task("fleet"))
    assert not made["failed"]
    site.set(hodei_identity={"claimed": "eve"})
    refused, told, key = site.tasks(
        task("fleet", secrets=[{"name": "open", "value": "z", "access": given}]),
        task("audit_info", actor="claimed:*"),
        task("audit_key"),
    )
    assert "claimed:eve may not change the audit key" in key["msg"]
    assert refused["failed"]
    assert "claimed:eve may not write" in json.dumps(refused)
    assert {one["verified"] for one in told["records"]} == {False}

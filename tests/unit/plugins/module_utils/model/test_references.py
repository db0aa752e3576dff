# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of providers and stores into stores: what is wrong with them, all at once, each with its place."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.hodei.workers.plugins.module_utils.model.address import parse_address
from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document
from ansible_collections.hodei.workers.plugins.module_utils.providers.registry import config_schemas
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas
from ansible_collections.hodei.workers.tests.support.fleets import KEY, LINEAGE, OWNER


def read(text: str) -> Document:
    """Parse a document."""
    written: dict[str, Any] = yaml.safe_load(text)
    raw = RawDocument(
        OWNER,
        LINEAGE,
        [Fragment(written.get("workers", []), "workers")],
        written.get("providers"),
        stores=written.get("stores"),
        secrets=[Fragment(written["secrets"], "secrets")] if "secrets" in written else [],
    )
    return parse(raw, key=KEY, provider_schemas=config_schemas(), store_schemas=store_schemas())


def wrong(text: str) -> list[str]:
    """Return what is wrong with a document."""
    with pytest.raises(InvalidDocument) as caught:
        read(text)
    return [f"{one.path}: {one.message}" for one in caught.value.problems]


REGISTRY = "providers: {d: {type: docker, registries: [{server: r, username: u, password: %s}]}}"


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("{secret: a, store: none}", "password.store: there is no store 'none'"),
        ("{secret: a}", "password: 'store' is missing, and there are several"),
        ("{env: A, store: one}", "password: 'store' is said of no secret"),
        ("{env: A, file: b}", "password: file and env cannot be given together"),
        ("{store: one}", "password: file, env, fd, keyring or secret is missing"),
        ("{secret: ../a, store: one}", "password.secret: '../a' is not"),
        ("{secrt: a}", "password: unknown field 'secrt'"),
    ],
)
def test_leads_nowhere(password: str, message: str) -> None:
    found = wrong(f"{REGISTRY % password}\nstores: {{one: {{}}, two: {{}}}}")
    assert any(f"providers.d.registries[0].{message}" in one for one in found), found


def test_everything_at_once() -> None:
    """Of providers, of stores, of lists of keys; and none of what is right."""
    found = wrong("""
        providers:
          d:
            type: docker
            tls: {ca: /ca.pem, cert: {secret: c, store: x}, key: {env: K}}
            registries:
              - {server: r, username: u, password: {secret: ok, store: one}}
              - {server: s, username: u, password: {secret: p, store: y}}
        stores:
          one: {key: {file: /k}}
          two: {key: {passphrase: {secret: z, store: z}}, old_keys: [{file: /k}, {secret: w, store: w}]}
    """)
    assert [one.partition(":")[0] for one in found] == [
        "providers.d.tls.cert.store",
        "providers.d.registries[1].password.store",
        "stores.two.key.passphrase.store",
        "stores.two.old_keys[1].store",
    ]


def test_a_store_whose_key_lies_in_itself() -> None:
    (said,) = wrong("stores: {one: {key: {secret: k}}}")
    assert said == "stores.one.key: it needs itself: store 'one' -> secret k of store 'one' -> store 'one'"


def test_stores_whose_keys_lie_in_each_other() -> None:
    """Each place that is part of the circle is named, and no other."""
    found = wrong("""
        stores:
          a: {key: {secret: k, store: b}}
          b: {key: {passphrase: {secret: k, store: c}}}
          c: {old_keys: [{secret: k, store: a}]}
          d: {key: {secret: k, store: a}}
        providers: {d: {type: docker, tls: {key: {secret: k, store: a}}}}
    """)
    assert [one.partition(":")[0] for one in found] == [
        "stores.a.key",
        "stores.b.key.passphrase",
        "stores.c.old_keys[0]",
    ]


def test_a_copy_that_leads_around() -> None:
    """The key of a store is a secret of another one, which is copied from the first."""
    found = wrong("""
        stores: {a: {key: {secret: k, store: b}}, b: {}}
        secrets:
          - {name: k, store: b, from: {secret: x, store: a}}
          - {name: y, store: b, from: {secret: k}}
    """)
    assert [one.partition(":")[0] for one in found] == ["stores.a.key", "secrets[0].from"]
    assert "store 'a' -> secret k of store 'b' -> secret x of store 'a' -> store 'a'" in found[0]


def test_copies_in_a_circle() -> None:
    found = wrong("secrets: [{name: a, from: {secret: b}}, {name: b, from: {secret: a}}, {name: c, from: {secret: a}}]")
    assert [one.partition(":")[0] for one in found] == ["secrets[0].from", "secrets[1].from"]


def test_workers_come_after_the_secrets_of_their_provider() -> None:
    """Where the document has them: it makes them in the same run."""
    document = read(f"""
        {REGISTRY % "{secret: p}"}
        secrets: [{{name: p, value: one}}]
        workers: [{{name: w, image: r/app}}]
    """)
    assert document.instances[0].depends_on == (parse_address("secret.p"),)
    assert read(f"{REGISTRY % '{secret: p}'}\nworkers: [{{name: w, image: r/app}}]").instances[0].depends_on == ()


def test_no_reference_of_a_registry_is_in_the_digest() -> None:
    """Which secret it is may change without the document being another one; so may a password that is written there."""
    one, other = (read(REGISTRY % password).digest for password in ("{secret: p}", "text"))
    assert one == other

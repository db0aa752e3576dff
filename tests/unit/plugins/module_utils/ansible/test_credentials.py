# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that lie in stores: read as anything else is, and told for what."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.access.audit.keys import create_audit_key
from ansible_collections.hodei.workers.plugins.module_utils.access.audit.segments import read_lines
from ansible_collections.hodei.workers.plugins.module_utils.ansible.access import Asking
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_chain import LateAudit
from ansible_collections.hodei.workers.plugins.module_utils.ansible.audit_info import audit_directory
from ansible_collections.hodei.workers.plugins.module_utils.ansible.credentials import Credentials
from ansible_collections.hodei.workers.plugins.module_utils.ansible.store_session import open_session
from ansible_collections.hodei.workers.plugins.module_utils.model.configs import read_stores
from ansible_collections.hodei.workers.plugins.module_utils.model.credential import credential
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import group
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_name import SecretName
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue
from ansible_collections.hodei.workers.plugins.module_utils.model.store import Fault, Stage, StoreError
from ansible_collections.hodei.workers.plugins.module_utils.stores.registry import store_schemas, store_type
from ansible_collections.hodei.workers.tests.support.places import quick_directory

SCHEMA = group({"token": credential("A token.")})
STORES = {"first": {}, "second": {"key": {"secret": "keys/second", "store": "first"}}}
CANARY = b"canary-4711-yellow"


class Place:
    """An owner's directory with two stores: the key of the second one lies in the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.configs = read_stores(STORES, store_schemas())[0]
        create_audit_key(audit_directory(path))
        self.found("first")
        key = SecretValue(base64.b64encode(os.urandom(32)))
        self.store("first").put(SecretName("keys/second"), key)
        self.found("second")
        self.store("second").put(SecretName("token"), SecretValue.of_fields({"value": CANARY.decode()}))

    def credentials(self) -> Credentials:
        """Return where one task gets its credentials."""
        asking = Asking("web1", "a play", "a task")
        return Credentials(self.configs, self.path / "stores", LateAudit(self.path, "me"), asking)

    def found(self, name: str) -> list[str]:
        """Make a store."""
        make = store_type("local").found
        assert make is not None
        return make(name, self.credentials().store(name), self.path / "stores" / name, False)

    def store(self, name: str) -> Any:
        """Open a store as a task does."""
        return store_type("local").make(name, self.credentials().store(name), self.path / "stores" / name)

    def told(self) -> list[dict[str, Any]]:
        """Return what was recorded of secrets."""
        found = [json.loads(line)["record"] for line in read_lines(audit_directory(self.path))]
        return [one for one in found if one.get("secret")]


@pytest.fixture
def place() -> Iterator[Place]:
    with quick_directory() as directory:
        yield Place(directory)


def token(place: Place, **source: Any) -> Any:
    """Return the credential of a provider."""
    return place.credentials().provider("cloud", {"token": {"store": "second", **source}}, SCHEMA)["token"]


def test_from_a_store_whose_key_is_in_another_one(place: Place) -> None:
    """Nothing is read before it is used; each read says who wanted it and for what."""
    before = len(place.told())
    found = token(place, secret="token", field="value")
    assert len(place.told()) == before
    assert found.value().reveal() == CANARY
    asked = [(one["secret"], one["what"], one["why"], one["host"], one["task"]) for one in place.told()[before:]]
    assert asked == [
        ("keys/second", "use", "for stores.second.key", "web1", "a task"),
        ("token", "use", "for providers.cloud.token", "web1", "a task"),
    ]
    assert CANARY.decode() not in repr(found)


def test_without_a_record_there_is_no_credential(place: Place) -> None:
    found = token(place, secret="token")
    next(audit_directory(place.path).glob("keys/*.key")).unlink()
    with pytest.raises(HodeiError, match="audit"):
        found.value()


@pytest.mark.parametrize(
    ("source", "said"),
    [({"secret": "none"}, "no such secret"), ({"secret": "token", "field": "none"}, "no field 'none'")],
)
def test_not_there(place: Place, source: dict[str, Any], said: str) -> None:
    """The place, the secret, and nothing of what the secret holds."""
    with pytest.raises(StoreError, match=said) as caught:
        token(place, **source).value()
    assert caught.value.fault is Fault.NOT_FOUND
    assert "of store 'second', which is wanted for providers.cloud.token" in str(caught.value)
    assert CANARY.decode() not in repr((str(caught.value), caught.value.__context__, caught.value.__cause__))


def test_another_version(place: Place) -> None:
    """A certain one stays; the current one is what it is when it is looked up again."""
    name = SecretName("token")
    pinned, current = token(place, secret="token", version=1), token(place, secret="token")
    first = pinned.value()
    assert current.value() == first
    place.store("second").put(name, SecretValue(b"two"))
    assert not pinned.renewed(first)
    assert current.renewed(first)
    assert current.value().text() == "two"


def test_a_lookup_reaches_it_too(place: Place) -> None:
    """And presents all of the way there as who it is."""
    state = place.path / "state"
    address = {
        "store": "second",
        "config": STORES["second"],
        "owner": "me",
        "state_dir": None,
        "backend": {"path": str(place.path)},
    }
    assert not state.exists()
    session = open_session({**address, "others": {"first": {}}})
    assert session.read(SecretName("token"), Stage.CURRENT).value.field("value").reveal() == CANARY
    session.close()
    elsewhere = open_session({**address, "others": {"first": {"key": {"env": "OTHER"}}}})
    assert elsewhere.identity != session.identity
    with pytest.raises(StoreError, match="OTHER is not set") as caught:
        elsewhere.login()
    assert caught.value.fault is Fault.SEALED
    circle = {"first": {"key": {"secret": "k", "store": "second"}}}
    with pytest.raises(InvalidDocument, match="it needs itself"):
        open_session({**address, "others": circle})


def test_what_is_missing_is_told_with_its_place(place: Place) -> None:
    """All of it at once; what this very run makes is not missing."""
    from ansible_collections.hodei.workers.plugins.module_utils.model.references import Reference

    place.store("first").put(SecretName("gone"), SecretValue(b"x"))
    place.store("first").delete(SecretName("gone"))
    wanted = [
        Reference("providers.a.x", "first", SecretName("none")),
        Reference("providers.a.y", "first", SecretName("gone")),
        Reference("providers.a.z", "second", SecretName("token")),
        Reference("providers.b.x", "first", SecretName("coming")),
    ]
    found = place.credentials().missing(wanted, {"coming": "first", "none": "second"})
    assert [str(one) for one in found] == [
        "providers.a.x: secret none of store 'first' cannot be had: there is no such secret",
        "providers.a.y: secret gone of store 'first' is deleted; restore it, or name another one",
    ]

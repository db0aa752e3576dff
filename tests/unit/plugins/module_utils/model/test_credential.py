# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials: looked up when they are used, and once more when they are refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.credential import (
    Credential,
    again,
    credential,
    replaced,
    text_or_credential,
    written,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.place import Place
from ansible_collections.hodei.workers.plugins.module_utils.model.schema import group, listed
from ansible_collections.hodei.workers.plugins.module_utils.model.secret_value import SecretValue

SCHEMA = group(
    {
        "key": credential("A key.", {"passphrase": credential("A passphrase.")}),
        "many": listed(group({"password": text_or_credential("the password", "A password.")}), "Many."),
        "plain": group({"file": {"type": "string"}}),
    }
)


class Turns:
    """Gives one value after the other, and counts."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.looked = 0

    def __call__(self) -> SecretValue:
        self.looked += 1
        return SecretValue.of_text(self.values[min(self.looked, len(self.values)) - 1])


def test_each_place_is_found_and_nothing_else() -> None:
    config = {
        "key": {"passphrase": {"env": "A"}},
        "many": [{"password": "text"}, {"password": {"secret": "a"}}, {}],
        "plain": {"file": "x"},
    }
    before = copy.deepcopy(config)
    found = list(written(config, SCHEMA, Place("stores.a")))
    assert found == [("stores.a.key.passphrase", {"env": "A"}), ("stores.a.many[1].password", {"secret": "a"})]
    made = replaced(config, SCHEMA, Place("stores.a"), lambda path, source: path)
    assert made["key"] == {"passphrase": "stores.a.key.passphrase"}
    assert made["many"] == [{"password": "text"}, {"password": "stores.a.many[1].password"}, {}]
    assert made["plain"] == {"file": "x"}
    assert config == before


def test_late_and_once() -> None:
    turns = Turns("one")
    found = Credential("a place", turns)
    assert turns.looked == 0
    assert [found.value(), found.value()] == [SecretValue(b"one")] * 2
    assert turns.looked == 1
    assert repr(found) == str(found) == "a place"


class RefusedError(Exception):
    """What somebody says who does not know us."""


@pytest.mark.parametrize(
    ("values", "right", "looked"),
    [
        (("one",), "one", 1),
        (("one", "two"), "two", 2),
        (("one", "one"), "two", 2),
        (("one", "two", "three"), "three", 2),
    ],
)
def test_refused(values: tuple[str, ...], right: str, looked: int) -> None:
    """Looked up once more; made once more where it is another one."""
    turns = Turns(*values)
    found = Credential("a place", turns)
    used: list[str] = []

    def call() -> str:
        used.append(found.value().text())
        if used[-1] != right:
            raise RefusedError
        return "done"

    def made() -> str:
        return again([found], call, lambda error: isinstance(error, RefusedError))

    if right in values[:2]:
        assert made() == "done"
    else:
        with pytest.raises(RefusedError):
            made()
    assert turns.looked == looked
    assert len(used) == len(set(values[:2])) if right != "one" else used == ["one"]


def test_all_of_them_are_renewed_together() -> None:
    """A key is of no use with the certificate of before."""
    cert, key = Credential("cert", Turns("c1", "c2")), Credential("key", Turns("k1", "k2"))

    def call() -> str:
        pair = cert.value().text() + key.value().text()
        if pair != "c2k2":
            raise RefusedError
        return pair

    assert again([cert, key], call, lambda error: True) == "c2k2"


def test_another_failure_is_no_reason_to_look_again() -> None:
    turns = Turns("one", "two")
    found = Credential("a place", turns)

    def call() -> Any:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is raised as it is
        again([found], call, lambda error: isinstance(error, RefusedError))
    assert turns.looked == 1


def test_who_was_refused_while_another_looked_it_up() -> None:
    """Two calls with the old one: it is looked up once for both."""
    turns = Turns("one", "two")
    found = Credential("a place", turns)
    old = found.value()
    assert found.renewed(old)
    assert found.renewed(old)
    assert turns.looked == 2

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves the document, what is refused, and what the module gets back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.gather import gather
from ansible_collections.hodei.workers.plugins.module_utils.ansible.sealed_arguments import (
    Sealed,
    credentials,
    opened,
    refused,
    seal,
)

HIDDEN = "canary-0815"
MARK = "mark 1"


def recognise(values: Sequence[Any]) -> Mapping[int, str]:
    """Know one secret, alone and within other texts."""
    return {number: "a canary" for number, value in enumerate(values) if HIDDEN in str(value)}


def sealed(args: Mapping[str, Any], variables: Mapping[str, Any], single: Sequence[str] = ()) -> Sealed:
    """Seal what the action plugin gathers."""
    content = {"workers": [{"name": "d", "cwd": HIDDEN}], "stores": {"far": {"token": HIDDEN}}}
    _unused, payload = gather(
        args,
        variables,
        template=lambda value: value,
        load=lambda path: content,
        single_fields=frozenset(single),
    )
    return seal(payload, MARK, recognise)


def test_values_of_secrets_travel_apart_and_come_back() -> None:
    """Whatever their type, recognised or not; what is no secret stays what it is."""
    secrets: list[dict[str, Any]] = [
        {"name": "a", "value": HIDDEN, "tags": {"team": "ci"}},
        {"name": "b", "value_base64": "cGxhaW4="},
        {"name": "c", "fields": {"user": "me", "pin": 4711, "ok": True}},
        {"name": "d", "generate": "uuid"},
    ]
    done = sealed({}, {"hodei_secrets": secrets})
    text = json.dumps(done.payload)
    for value in (HIDDEN, "cGxhaW4=", '"me"', "4711", "true"):
        assert value not in text
    assert '"ci"' in text
    assert secrets[0]["value"] == HIDDEN, "variables are left as they are"
    assert done.recognised
    assert done.literal == "hodei_secrets[1].value_base64"
    assert not done.problems
    back = opened({"_payload": text, "_sealed": done.values})
    assert back["secrets"] == [{"source": "hodei_secrets", "content": secrets}]


def test_nothing_is_sealed_where_there_is_nothing() -> None:
    done = sealed({}, {"hodei_workers": [{"name": "a", "env": {"A": "b"}}]})
    assert done.values == ""
    assert not done.recognised
    assert opened({"_payload": json.dumps(done.payload), "_sealed": ""}) == done.payload
    assert opened({}) == {}


@pytest.mark.parametrize(
    ("args", "variables", "where", "hint"),
    [
        ({}, {"hodei_workers": [{"name": "a", "env": {"DB": HIDDEN}}]}, "hodei_workers[0].env.DB", "env: DB}"),
        ({}, {"hodei_workers": {"a": {"env": {"DB": HIDDEN}}}}, "hodei_workers.a.env.DB", "env: DB}"),
        (
            {},
            {"hodei_workers__x": [{"name": "a", "command": ["x", HIDDEN]}]},
            "hodei_workers__x[0].command[1]",
            "file:",
        ),
        ({"workers": [{"name": "a", "labels": {"x": HIDDEN}}]}, {}, "workers[0].labels.x", "use `secrets: ["),
        (
            {"workers": [{"name": "a", "files": [{"path": "p", "content": f"k={HIDDEN}"}]}]},
            {},
            "workers[0].files[0].content",
            "secret_reference",
        ),
        (
            {"workers": [{"name": "a", "instances": {"1": {"env": {"DB": HIDDEN}}}}]},
            {},
            "workers[0].instances.1.env.DB",
            "env: DB}",
        ),
        ({"document": "fleet.yml"}, {}, "fleet.yml: workers[0].cwd", "use `secrets: ["),
        ({}, {"hodei_secrets": [{"name": "a", "tags": {"x": HIDDEN}}]}, "hodei_secrets[0].tags.x", "only `value`"),
        ({}, {"hodei_owner": HIDDEN}, "hodei_owner", "plain text"),
        ({"owner": HIDDEN}, {}, "owner", "plain text"),
        ({}, {"hodei_state_dir": f"/{HIDDEN}"}, "hodei_state_dir", "plain text"),
    ],
)
def test_elsewhere_it_is_refused_with_its_place(
    args: dict[str, Any], variables: dict[str, Any], where: str, hint: str
) -> None:
    done = sealed(args, variables)
    (problem,) = done.problems
    assert str(problem).startswith(f"{where}: holds a canary")
    assert hint in problem.hint
    assert HIDDEN not in str(problem)
    assert HIDDEN not in json.dumps(done.payload), "what is refused cannot be sent by mistake"


def test_single_entry_has_no_list_in_its_path() -> None:
    (problem,) = sealed({"name": "a", "env": {"DB": HIDDEN}}, {}, single=("name", "env")).problems
    assert problem.path == "env.DB"


def test_many_are_told_shortly() -> None:
    workers = [{"name": "a", "env": {f"V{number}": HIDDEN for number in range(50)}}]
    problems = sealed({}, {"hodei_workers": workers}).problems
    assert len(problems) == 21
    assert "30 more" in problems[-1].message


def test_connections_may_have_credentials_which_no_result_shows() -> None:
    """In providers, stores and the backend, and in documents; a short one is part of too many words to be taken out of them."""
    variables = {
        "hodei_providers": {"build": {"type": "docker", "password": HIDDEN}},
        "hodei_backend": {"dsn": f"postgresql://u:{HIDDEN}@h"},
    }
    done = sealed({"document": "fleet.yml"}, variables)
    assert [one.path for one in done.problems] == ["workers[0].cwd"]
    assert HIDDEN not in json.dumps(done.payload)
    assert credentials({"_sealed": done.values}) == {HIDDEN, f"postgresql://u:{HIDDEN}@h"}
    assert credentials({"_sealed": json.dumps({"hidden": ["ab"]})}) == set()
    assert credentials({"_sealed": None}) == set()


def test_a_document_cannot_ask_for_what_was_sealed() -> None:
    """A reference has a mark that is made for the task."""
    forged = {"hodei_workers": [{"name": "a", "labels": {"x": {"mark 0": 0}}}], "hodei_secrets": {"a": {"value": "v"}}}
    done = sealed({}, forged)
    back = opened({"_payload": json.dumps(done.payload), "_sealed": done.values})
    assert back["workers"][0]["content"] == forged["hodei_workers"]


def test_arguments_of_the_module_itself() -> None:
    (problem,) = refused({"targets": ["a"], "command": ["echo", HIDDEN]}, recognise)
    assert problem.path == "command[1]"

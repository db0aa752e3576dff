# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From arguments, variables, fragments and files to one payload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.gather import dumps, gather, mistyped, names_owner
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import WORKER_FIELDS
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError

FILES: dict[str, Any] = {"one.yml": {"owner": "file", "workers": [{"name": "a"}]}, "two.yml": {"workers": []}}


def gathered(
    args: Mapping[str, Any] | None = None, variables: Mapping[str, Any] | None = None, *, single: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    return gather(
        args or {},
        variables or {},
        template=lambda value: f"templated {value}" if isinstance(value, str) else value,
        load=FILES.__getitem__,
        kinds=("workers",),
        single_fields=WORKER_FIELDS if single else frozenset(),
    )


def test_what_belongs_to_the_document_leaves_the_arguments() -> None:
    arguments, payload = gathered({"owner": "me", "targets": ["a"], "plan": None, "workers": [{"name": "a"}]})
    assert arguments == {"targets": ["a"]}
    assert (payload["owner"], payload["owner_given"]) == ("me", True)
    assert payload["workers"] == [{"source": "workers", "content": [{"name": "a"}]}]
    assert payload["documents"] == []


def test_variables_fill_what_is_missing_and_are_templated() -> None:
    variables = {"hodei_owner": "{{ x }}", "hodei_state_dir": "/s", "hodei_other": 1, "unrelated": 2}
    _unused, payload = gathered({}, variables)
    assert (payload["owner"], payload["owner_given"]) == ("templated {{ x }}", False)
    assert payload["variables"] == {"hodei_state_dir": "templated /s"}


def test_all_fragments_in_the_order_of_their_names() -> None:
    variables = {"hodei_workers__b": [1], "hodei_workers": [2], "hodei_workers__a": [3], "hodei_workers_": [4]}
    _unused, payload = gathered({}, variables)
    assert [one["source"] for one in payload["workers"]] == ["hodei_workers", "hodei_workers__a", "hodei_workers__b"]


@pytest.mark.parametrize("path", ["one.yml", ["one.yml"]])
def test_a_document_takes_the_place_of_the_variables(path: Any) -> None:
    _unused, payload = gathered({"document": path}, {"hodei_workers": [1], "hodei_owner": "me"})
    assert payload["documents"] == [{"source": "one.yml", "content": FILES["one.yml"]}]
    assert payload["workers"] == []


def test_several_documents_and_the_variable_that_names_them() -> None:
    _unused, payload = gathered({"document": ["one.yml", "two.yml"]})
    assert [one["source"] for one in payload["documents"]] == ["one.yml", "two.yml"]
    FILES["templated two.yml"] = {}
    _unused, payload = gathered({}, {"hodei_document": "two.yml"})
    assert [one["source"] for one in payload["documents"]] == ["templated two.yml"]
    _unused, payload = gathered({"workers": []}, {"hodei_document": "two.yml"})
    assert payload["documents"] == [], "workers of the task win over the variable"


def test_a_single_worker_is_taken_from_its_fields_but_for_the_state_of_the_task() -> None:
    arguments, payload = gathered({"name": "a", "command": ["x"], "state": "paused", "count": None}, single=True)
    assert arguments == {"state": "paused"}
    assert payload["workers"] == [{"source": "", "content": [{"name": "a", "command": ["x"]}]}]


@pytest.mark.parametrize("other", [{"workers": []}, {"document": "one.yml"}])
def test_a_single_worker_and_a_list_exclude_each_other(other: dict[str, Any]) -> None:
    with pytest.raises(HodeiError, match="Put the single worker into the list"):
        gathered({"name": "a", **other}, single=True)


@pytest.mark.parametrize(
    ("args", "variables", "named"),
    [({"document": "one.yml"}, {}, True), ({"document": "one.yml"}, {"hodei_owner": "me"}, False), ({}, {}, False)],
)
def test_a_document_names_the_owner_where_nothing_else_does(
    args: dict[str, Any], variables: dict[str, Any], named: bool
) -> None:
    assert names_owner(gathered(args, variables)[1]) is named


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hodei_move", "hodei_moved"),
        ("hodei_provider", "hodei_providers"),
        ("hodei_target", "hodei_targets"),
        ("hodei_worker", "hodei_workers"),
        ("hodei_workers_linux", "hodei_workers__linux"),
        ("hodei_state_directory", ""),
        ("hodei_workers__linux", ""),
        ("hodei_workers", ""),
        ("hodei_team", ""),
        ("my_hodei_move", ""),
    ],
)
def test_a_variable_that_nobody_reads(written: str, meant: str) -> None:
    """Told where it is like one that is read; a variable of one's own is nobody's business."""
    said = [f"the variable {written} is not read; did you mean {meant}?"] if meant else []
    assert mistyped({written: [], "other": 1}) == said


def test_the_variables_of_a_worker_as_a_host_are_ours() -> None:
    """The inventory plugin sets them."""
    ours = ("address", "name", "index", "provider", "state", "generation", "native_id", "ports", "labels")
    assert mistyped([f"hodei_{name}" for name in ours]) == []


def test_what_json_does_not_know_becomes_text() -> None:
    assert json.loads(dumps({"day": date(2026, 1, 31)})) == {"day": "2026-01-31"}

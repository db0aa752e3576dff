# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of broken workers, word for word; and that secrets are not said."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from ansible_collections.hodei.workers.plugins.module_utils.model.entries import Fragment, read_entries
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument, Problem
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER
from ansible_collections.hodei.workers.tests.support.schema_values import broken

CASES = yaml.safe_load((Path(__file__).parent / "broken_workers.yml").read_text())
LINEAGE = "0c6f1f0e-5f0e-4d53-9a0e-3d8f5f2a7c11"


def said(*workers: Any) -> list[str]:
    raw = RawDocument("ci", LINEAGE, [Fragment(list(workers))], stores={"local": {"type": "local"}})
    schema: dict[str, Any] = {"properties": {}}
    with pytest.raises(InvalidDocument) as caught:
        parse(raw, key=b"key", provider_schemas={"process": schema}, store_schemas={"local": schema})
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("case", CASES, ids=[case["worker"].strip() for case in CASES])
def test_what_is_said_of_a_broken_worker(case: dict[str, Any]) -> None:
    """As an inventory brings it: Ansible reads YAML's odd numbers, which a document file refuses by their line."""
    assert said(yaml.safe_load(case["worker"])) == case["says"]


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "worker",
    [
        {"env": {"A": [SECRET]}},
        {"env": {"A": SECRET + "\0"}},
        {"env": {"A": {SECRET: 1}}},
        {"env": f"PASSWORD={SECRET}"},
        {"env": [f"PASSWORD={SECRET}"]},
        {"env": {f"PASS WORD={SECRET}": "x"}},
        {"command": f"serve --password {SECRET}"},
        {"command": ["serve", f"{SECRET}\0"]},
        {"command": [["serve", SECRET]]},
        {"health": {"command": f"check {SECRET}"}},
        {"environment": {"PASSWORD": SECRET}},
        {"enviroment": {"PASSWORD": SECRET}},
        {"count": 1, "instances": {0: {"env": {"A": [SECRET]}, "command": SECRET}}},
    ],
)
def test_no_message_holds_a_value_that_may_be_secret(worker: dict[str, Any]) -> None:
    assert SECRET not in "\n".join(said({"name": "a", "image": "x", **worker}))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken(WORKER))
def test_whatever_is_wrong_can_be_said(worker: Any) -> None:
    _entries, problems, _names = read_entries([Fragment([worker])])
    assert all(problem.message and "\n" not in str(problem) for problem in problems)


def test_without_jsonschema_the_first_fault_is_said_and_how_to_get_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "jsonschema":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    first, note = said({"name": "a", "image": "x", "resources": {"memory": "512Mb", "cpu": "x"}})
    assert first == ("workers[0].resources.memory: '512Mb' is not a size such as 512Mi or 2Gi; did you mean 512Mi?")
    assert f"{sys.executable} -m pip install jsonschema" in note


def test_one_mistake_in_ten_thousand_workers_is_not_printed_ten_thousand_times() -> None:
    lines = said(*({"name": f"w{index}", "image": "x", "colour": "red"} for index in range(1000)))
    assert len(lines) == 101
    assert lines[-1] == "900 more workers are not valid; mend these first"


def test_long_and_strange_values_are_shown_short_and_clean() -> None:
    [line] = said({"name": "a", "image": "x" * 500 + " \n\x1b[31m"})
    assert len(line) < 250
    assert "\x1b" not in line


def test_a_problem_is_one_line_of_place_message_and_cure() -> None:
    assert str(Problem("a.b", "is wrong", "mend it", "ci.yml")) == "ci.yml: a.b: is wrong; mend it"
    assert str(Problem("", "is wrong")) == "is wrong"

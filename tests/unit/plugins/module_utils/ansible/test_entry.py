# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: a result, or one failure that carries everything machine-readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.hodei.workers.plugins.module_utils.ansible.documents import load_document
from ansible_collections.hodei.workers.plugins.module_utils.ansible.entry import failure, run
from ansible_collections.hodei.workers.plugins.module_utils.ansible.spec import (
    FLEET,
    ONE_WORKER,
    RUN,
    WORKER_FIELDS,
    spec,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import (
    HodeiError,
    InvalidDocument,
    Kind,
    Problem,
)

SECRET = "what was in the way"


def ended(capsys: pytest.CaptureFixture[str], handler: Callable[..., dict[str, Any]], **args: Any) -> dict[str, Any]:
    with patch_module_args(args), pytest.raises(SystemExit) as end:
        run(spec(FLEET, RUN), handler)
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert end.value.code == (1 if result.get("failed") else 0)
    return result


def test_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    result = ended(capsys, lambda module: {"changed": True, "parallel": module.params["parallel"]}, parallel=3)
    assert result["changed"]
    assert result["parallel"] == 3


def test_a_result_that_failed_is_a_failure_with_all_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    result = ended(capsys, lambda module: {"failed": True, "changed": True, "msg": "1 of 2", "results": [1]})
    assert (result["failed"], result["changed"], result["msg"], result["results"]) == (True, True, "1 of 2", [1])


def test_an_error_is_told_in_words_and_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(module: Any) -> dict[str, Any]:
        raise HodeiError(Kind.CONFLICT, "it is taken", hint="Wait.", where="worker.a")

    result = ended(capsys, handler)
    assert result["failed"]
    assert result["msg"] == "worker.a: it is taken. Wait."
    assert (result["error"]["kind"], result["error"]["where"]) == ("conflict", "worker.a")
    assert "problems" not in result


def test_a_bug_of_ours_is_told_as_one_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(module: Any) -> dict[str, Any]:
        raise KeyError(SECRET)

    result = ended(capsys, handler)
    assert result["failed"]
    assert result["msg"].startswith("internal error (KeyError): this is a bug of hodei.workers. Nothing is lost")
    assert SECRET not in json.dumps(result)


def test_problems_of_a_document_are_listed() -> None:
    found = failure(InvalidDocument([Problem("workers[0].x", "is wrong", "right it", "f.yml")]))
    assert found["problems"] == [{"path": "workers[0].x", "message": "is wrong", "hint": "right it", "source": "f.yml"}]


def test_the_payload_is_never_logged() -> None:
    assert FLEET["_payload"]["no_log"] is True


def test_specs_do_not_share_what_ansible_changes() -> None:
    first, second = spec(FLEET), spec(FLEET, owner={"type": "int"})
    assert first["owner"] == {"type": "str"}
    assert second["owner"] == {"type": "int"}
    first["owner"]["type"] = "dict"
    assert FLEET["owner"] == {"type": "str"}


def test_a_worker_has_every_field_of_the_schema_but_the_state_of_the_task() -> None:
    assert {"name", "command", "lifecycle", "count"} <= WORKER_FIELDS
    assert "state" not in ONE_WORKER


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("f.yml", "owner: ci\nworkers: []\n"),
        ("f.YAML", "owner: ci\nworkers: []\n"),
        ("f.json", '{"owner": "ci", "workers": []}'),
        ("f.toml", 'owner = "ci"\nworkers = []\n'),
        ("no-ending", "owner: ci\nworkers: []\n"),
    ],
)
def test_documents_are_told_apart_by_their_names(path: str, text: str) -> None:
    assert load_document(text, path) == {"owner": "ci", "workers": []}

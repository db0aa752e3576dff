# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Document files: read in three formats, and what is said when they can't be."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import HodeiError, InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.load import load_text, split_document


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        ("yaml", "owner: ci\nworkers:\n  - {name: a, count: 2}\n"),
        ("yaml", "\ufeffx: &x {name: a}\nowner: ci\nworkers: [{<<: *x, count: 2}]\n"),
        ("json", '{"owner": "ci", "workers": [{"name": "a", "count": 2}]}'),
        ("toml", 'owner = "ci"\n[[workers]]\nname = "a"\ncount = 2\n'),
    ],
)
def test_a_document_is_read(fmt: str, text: str) -> None:
    found = load_text(text, fmt, "f")
    assert found["owner"] == "ci"
    assert found["workers"] == [{"name": "a", "count": 2}]


INDENTED = "check the indentation of this line against those above, and that each quote and bracket is closed"


@pytest.mark.parametrize(
    ("fmt", "text", "line", "cure"),
    [
        ("yaml", "workers:\n\t- name: a", 2, "YAML knows no tabs: indent with spaces"),
        ("yaml", "a: 1\nb:\n  c: 1\n  c: 2", 4, "remove one of them"),
        ("yaml", "a: b: c", 1, "check the indentation, and put text that holds ': ' in quotes"),
        ("yaml", "a:\n  - b\n - c", 3, INDENTED),
        ("yaml", "a: {{ x }}", 1, "a value that begins with {{ must be in quotes"),
        (
            "yaml",
            "a: !vault |\n  x",
            1,
            "tags such as !vault are for Ansible's own files; put such values into hodei_* variables",
        ),
        ("yaml", "a: 'x", 1, "a quote or a bracket is not closed"),
        ("yaml", "a: *x", 1, "define the anchor (&name) above its use (*name)"),
        ("yaml", "a: @x", 1, "put text that begins with @, ` or % in quotes"),
        ("json", '{"a": 1,}', 1, "remove the comma before the closing bracket"),
        ("json", "{'a': 1}", 1, 'JSON wants double quotes: "'),
        ("json", '{\n// x\n"a": 1}', 2, "JSON has no comments; write the document as YAML to have them"),
        ("json", '{"a": 1 "b": 2}', 1, "a comma or a closing bracket is missing before this place"),
        ("json", '"a', 1, "check that each quote and bracket is closed"),
        ("toml", "a = b", 1, "text needs quotes in TOML"),
        ("toml", "a = 1\na = 2", 2, "a key or a table is there twice; make one of them"),
        ("toml", "\na", 2, "check this line and the one above"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_cure(fmt: str, text: str, line: int, cure: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        load_text(text, fmt, "f")
    [problem] = caught.value.problems
    assert problem.source == "f"
    assert problem.path.startswith(f"line {line}, column ")
    assert problem.hint == cure


@pytest.mark.parametrize(
    "text",
    [
        "workers: " + "[" * 51 + "]" * 51,
        "workers: " + "[" * 3000 + "]" * 3000,
        "workers: &all\n- {name: a, labels: *all}\n",
        "workers:\n- &one {name: a, env: {A: *one}}\n",
    ],
    ids=["deep", "deeper than Python goes", "a list in itself", "a mapping in itself"],
)
def test_what_has_no_end_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocument, match="nested too deeply, or without end"):
        load_text(text, "yaml", "ci.yml")


def test_a_key_that_is_there_twice_names_the_first_line() -> None:
    with pytest.raises(InvalidDocument, match=r"the key 'a' is there twice \(first in line 1\)"):
        load_text("a: 1\na: 2", "yaml", "f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a":1,"a":2}', "f: the key 'a' is there twice in one object; remove or correct it"),
        ('{"a": NaN}', "f: NaN is not a number of JSON; remove or correct it"),
    ],
)
def test_what_json_would_let_pass_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        load_text(text, "json", "f")
    assert [str(problem) for problem in caught.value.problems] == [said]


def test_characters_that_are_no_text_are_told() -> None:
    with pytest.raises(InvalidDocument, match="f: line 1"):
        load_text("a: \x00", "yaml", "f")


def test_without_pyyaml_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(HodeiError, match="PyYAML is missing") as caught:
        load_text("a: 1", "yaml", "f")
    assert f"{sys.executable} -m pip install PyYAML" in caught.value.hint


def test_a_bare_list_is_a_list_of_workers_and_keys_for_anchors_are_left_out() -> None:
    assert split_document([{"name": "a"}], "f") == {"workers": [{"name": "a"}]}
    assert split_document({"x-common": {}, "owner": "ci"}, "f") == {"owner": "ci"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, ["f: expected a document, got an empty file; write workers: and a list below"]),
        ("x", ["f: expected a document, got text; write workers: and a list below"]),
        ({"wokers": []}, ["f: unknown field 'wokers'; did you mean workers?"]),
        (
            {"rotation_policies": []},
            ["f: 'rotation_policies' is not in this version; rotation comes in a later version"],
        ),
        ({"a" * 9: 1, True: 1}, None),
    ],
)
def test_what_is_no_document_is_told(content: Any, said: list[str] | None) -> None:
    with pytest.raises(InvalidDocument) as caught:
        split_document(content, "f")
    assert said is None or [str(problem) for problem in caught.value.problems] == said

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates of workers' files: rendered as seldom as possible, never too seldom, and every failure told with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.hodei.workers.plugins.module_utils.ansible.templates import (
    OF_INSTANCE,
    OF_WORKER,
    Template,
    TemplateError,
    names_used,
    render_files,
    without_templates,
)
from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument

TEXTS = {
    "same.j2": "port = {{ port }}",
    "named.j2": "name = {{ worker_name }}",
    "own.j2": "id = {{ worker_id }}",
    "indirect.j2": "id = {{ base }}",
}
VARIABLES = {"port": 80, "base": "{{ shift }}", "shift": {"by": ["{{ 100 + worker_index }}"]}}


class Kitchen:
    """Renders and counts."""

    def __init__(self) -> None:
        self.rendered: list[tuple[str, str]] = []

    def read(self, name: str) -> Template:
        if name not in TEXTS:
            raise TemplateError(f"there is no template {name}", "write one")
        return Template(name, TEXTS[name])

    def render(self, template: Template, about: Mapping[str, Any]) -> str:
        self.rendered.append((template.path, about["worker_id"]))
        return f"{template.path} for {about['worker_address']}"

    def workers(self, *workers: Any) -> Any:
        payload = {"documents": [], "workers": [{"source": "hodei_workers", "content": list(workers)}]}
        return render_files(payload, VARIABLES, self.read, self.render)["workers"][0]["content"]


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


def file(template: str, path: str = "f", **more: Any) -> dict[str, Any]:
    return {"path": path, "template": template, **more}


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("worker_index is no variable here", set()),
        ("{{ port }} {# worker_index #}", set()),
        ("{% if worker_name %}x{% endif %}", {"worker_name"}),
        ("{{ worker_index | default(0) }}", {"worker_index"}),
        ("{{ base }}", {"worker_index"}),
        ("{% include 'other.j2' %}", OF_INSTANCE | OF_WORKER),
        ("{{ lookup('vars', 'base') }}", OF_INSTANCE | OF_WORKER),
        ("#jinja2: variable_start_string:'[['\n[[ worker_index ]]", OF_INSTANCE | OF_WORKER),
    ],
)
def test_what_a_template_may_see_of_its_worker(text: str, used: set[str]) -> None:
    assert names_used(text, VARIABLES) == used


def test_one_rendering_for_all_that_see_the_same(kitchen: Kitchen) -> None:
    files = [file("same.j2"), file("named.j2", "g")]
    found = kitchen.workers(
        {"name": "a", "count": 1000, "files": files}, {"name": "b", "count": 1000, "files": files}, {"name": "c"}
    )
    assert [name for name, _unused in kitchen.rendered] == ["same.j2", "named.j2", "named.j2"]
    assert "instances" not in found[0]
    assert found[1]["files"][1] == {"path": "g", "content": "named.j2 for worker.b"}
    assert found[2] == {"name": "c"}


@pytest.mark.parametrize("template", ["own.j2", "indirect.j2"])
def test_one_rendering_for_each_instance_that_differs(kitchen: Kitchen, template: str) -> None:
    (found,) = kitchen.workers({"name": "a", "count": 3, "files": [file(template, mode="0400")]})
    assert found["files"] == [{"path": "f", "mode": "0400", "content": ""}]
    assert {index: one["files"][0]["content"] for index, one in found["instances"].items()} == {
        str(index): f"{template} for worker.a[{index}]" for index in range(3)
    }


@pytest.mark.parametrize(
    "written", [{1: {"files": [{"path": "f", "content": "mine"}]}}, [{}, {"files": [file("own.j2")]}]]
)
def test_what_is_written_about_an_instance_wins(kitchen: Kitchen, written: Any) -> None:
    (found,) = kitchen.workers({"name": "a", "count": 2, "files": [file("own.j2")], "instances": written})
    contents = {index: [one["content"] for one in own["files"]] for index, own in found["instances"].items()}
    assert contents["0"] == ["own.j2 for worker.a[0]"]
    assert contents["1"] in (["mine"], ["own.j2 for worker.a[1]"])


def test_a_worker_without_a_count(kitchen: Kitchen) -> None:
    (found,) = kitchen.workers({"name": "a", "files": [file("own.j2")]})
    assert found["files"] == [{"path": "f", "content": "own.j2 for worker.a"}]


def test_all_that_is_wrong_is_told_with_its_place(kitchen: Kitchen) -> None:
    with pytest.raises(InvalidDocument) as caught:
        kitchen.workers(
            {"name": "a", "files": [file("same.j2"), file("none.j2")]},
            {"name": "b", "count": 2, "instances": {1: {"files": [file("nor.j2")]}}},
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "hodei_workers[0].files[1].template: there is no template none.j2; write one",
        "hodei_workers[1].instances[1].files[0].template: there is no template nor.j2; write one",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        {"name": "a", "files": "f"},
        {"name": "a", "files": ["f", {"template": 7}]},
        {"name": "a", "files": [{"path": "f", "content": "x", "template": "same.j2"}]},
        {"name": "a", "files": [{"path": "f"}], "instances": "x"},
    ],
)
def test_what_is_not_valid_is_left_for_the_module_to_refuse(kitchen: Kitchen, entry: Any) -> None:
    assert kitchen.workers(entry) == [entry]


def test_a_document_file_and_a_single_worker(kitchen: Kitchen) -> None:
    document = {"source": "ci.yml", "content": {"workers": {"a": {"files": [file("none.j2")]}}, "owner": "x"}}
    payload = {
        "documents": [document],
        "workers": [{"source": "", "content": [{"name": "b", "files": [file("none.j2")]}]}],
    }
    with pytest.raises(InvalidDocument) as caught:
        render_files(payload, {}, kitchen.read, kitchen.render)
    assert [(problem.source, problem.path) for problem in caught.value.problems] == [
        ("ci.yml", "workers.a.files[0].template"),
        ("", "files[0].template"),
    ]
    assert without_templates(payload)["workers"][0]["content"][0]["files"] == [{"path": "f", "content": ""}]

# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""What is generated is what it claims to be, and the check refuses what it should."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import generate
import generate_checks
import generate_fragment
import generate_reference
import generate_schemas
import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from ansible_collections.hodei.workers.plugins.module_utils.model.schema import fields
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_secret import GENERATE, SECRET
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER
from ansible_collections.hodei.workers.plugins.module_utils.model.settings import SETTINGS
from ansible_collections.hodei.workers.tests.support.schema_values import values

PUBLISHED = json.loads(generate_schemas.worker())
DOCUMENT = json.loads(generate_schemas.document())


def test_the_published_schemas_are_schemas() -> None:
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    assert "x-" not in json.dumps(list(PUBLISHED))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(values(WORKER))
def test_the_published_schemas_accept_every_valid_worker(worker: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(PUBLISHED).validate(worker)
    named = {name: value for name, value in worker.items() if name != "name"}
    for workers in ([worker], {"a": named}):
        jsonschema.Draft202012Validator(DOCUMENT).validate({"owner": "ci", "workers": workers})


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(values(GENERATE))
def test_the_published_schema_of_what_is_generated_accepts_what_ours_does(spec: Any) -> None:
    published = generate_schemas.published(GENERATE)
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.Draft202012Validator(published).validate(spec)
    assert not jsonschema.Draft202012Validator(published).is_valid({"type": "token", "length": 3})


@pytest.mark.parametrize(
    "worker",
    [
        {},
        {"name": "A"},
        {"name": "a", "memory": 1},
        {"name": "a", "resources": {"memory": "512Mb"}},
        {"name": "a", "restart": "sometimes"},
        {"name": "a", "health": {}},
        {"name": "a", "secrets": [{"secret": "b"}]},
    ],
)
def test_the_published_schemas_refuse_what_editors_should_mark(worker: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(PUBLISHED).is_valid(worker)
    assert not jsonschema.Draft202012Validator(DOCUMENT).is_valid({"workers": [worker]})


def test_the_reference_names_every_field_and_setting() -> None:
    reference = generate_reference.document()
    own = [one for one in fields(SECRET) if not one[0].startswith("generate.")]  # these have a page of their own
    for path, _schema, _required in (*fields(WORKER), *own):
        assert f"| `{path.rpartition('.')[2].rstrip('[]*')}` |" in reference, path
    for name, known in SETTINGS.items():
        assert all(f"`{one}`" in generate_reference.settings() for one in (f"hodei_{name}", *known.environment))


def test_the_fragments_are_yaml_that_describes_every_field() -> None:
    secret = generate_fragment.fragment("secret", SECRET).split('r"""')[1].split('"""')[0]
    assert set(yaml.safe_load(secret)["options"]) == set(SECRET["properties"])
    text = generate_fragment.fragment("worker", WORKER).split('r"""')[1].split('"""')[0]
    options = yaml.safe_load(text)["options"]
    assert set(options) == set(WORKER["properties"]) - {"state"}
    assert any("C(memory)" in line for line in options["resources"]["description"])
    assert all(isinstance(line, str) for option in options.values() for line in option["description"])


def test_a_file_that_was_edited_by_hand_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    assert [line.split(":")[0] for line in generate.stale({"a": "new", "b": "new", "c": "new"})] == ["b", "c"]


DOCUMENTED = """
options:
  name: {type: str, description: [Its name.]}
  image: {type: raw, description: [Its image]}
  gone: {type: str, description: [It is gone]}
  mode: {type: str, choices: [a, b], default: a, description: [{One of: two}]}
"""


def test_a_module_whose_documentation_differs_from_its_argument_spec_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible.module_utils.basic import AnsibleModule

    spec = {
        "name": {"type": "str"},
        "image": {"type": "str"},
        "new": {},
        "mode": {"choices": ["b", "a"]},
    }
    module = SimpleNamespace(DOCUMENTATION=DOCUMENTED, main=lambda: AnsibleModule(spec), __name__="m")
    monkeypatch.setattr("generate_checks.importlib.import_module", lambda _name: module)
    found = list(generate_checks.module_problems("m"))
    assert found[:5] == [
        "m: option 'gone' is documented only",
        "m: option 'new' is accepted only",
        "m: the description of option 'mode' holds something that is not text; put it in quotes",
        "m: type of option 'image' differs between documentation and argument spec",
        "m: default of option 'mode' differs between documentation and argument spec",
    ]
    assert "m: takes a worker, but not its field 'resources'" in found[5:]

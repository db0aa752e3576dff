# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: hodei.workers contributors
"""Holds each module's argument spec to its documentation, and the documentation of workers to the schema."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "ansible_collections.hodei.workers.plugins"
COMPARED = ("type", "elements", "default", "choices", "required")


class Captured(Exception):
    """Carries the argument spec out of a module that was about to run."""


def modules() -> list[str]:
    """Say what is wrong with the documentation of our modules."""
    return [
        problem
        for path in sorted((ROOT / "plugins" / "modules").glob("*.py"))
        for problem in module_problems(path.stem)
    ]


def module_problems(name: str) -> Iterator[str]:
    """Yield what is wrong with the documentation of one module."""
    module = importlib.import_module(f"{PACKAGE}.modules.{name}")
    documented = documented_options(module.DOCUMENTATION)
    accepted = argument_spec(module)
    for option in sorted(documented.keys() ^ accepted.keys()):
        yield f"{name}: option '{option}' is {'documented' if option in documented else 'accepted'} only"
    for option, about in sorted(documented.items()):
        # `- A sentence: with a colon` is a mapping for YAML, and ansible-doc fails on the whole page.
        if not all(isinstance(line, str) for line in about["description"]):
            yield f"{name}: the description of option '{option}' holds something that is not text; put it in quotes"
    for option in sorted(documented.keys() & accepted.keys()):
        for key in COMPARED:
            if _value(documented[option], key) != _value(accepted[option], key):
                yield f"{name}: {key} of option '{option}' differs between documentation and argument spec"
    if "image" in accepted:
        for field in sorted(WORKER["properties"].keys() - accepted.keys()):
            yield f"{name}: takes a worker, but not its field '{field}'"


def _value(option: dict[str, Any], key: str) -> Any:
    value = option.get(key, {"type": "str", "required": False}.get(key))
    return sorted(value) if key == "choices" and value else value


def documented_options(documentation: str) -> dict[str, Any]:
    """The options of a module's documentation, those of its fragments included."""
    parsed = yaml.safe_load(documentation)
    options: dict[str, Any] = {}
    for fragment in parsed.get("extends_documentation_fragment", ()):
        parts = fragment.split(".")[2:]
        source = importlib.import_module(f"{PACKAGE}.doc_fragments.{parts[0]}").ModuleDocFragment
        text = getattr(source, parts[1].upper() if len(parts) > 1 else "DOCUMENTATION")
        options.update(yaml.safe_load(text).get("options") or {})
    return {**options, **(parsed.get("options") or {})}


def argument_spec(module: Any) -> dict[str, Any]:
    """The argument spec that a module hands to AnsibleModule when it is run."""

    def capture(_self: Any, argument_spec: dict[str, Any], **_rest: Any) -> None:
        raise Captured(argument_spec)

    with mock.patch.object(AnsibleModule, "__init__", capture):
        try:
            module.main()
        except Captured as captured:
            spec: dict[str, Any] = captured.args[0]
            return spec
    raise AssertionError(f"{module.__name__} makes no AnsibleModule")

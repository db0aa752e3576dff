# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document asks of providers that cannot carry it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model.carry import Column, Support, cell
from ..model.errors import Problem
from ..model.mounts import called
from ..model.worker import Instance, Spec


def not_carried(instances: Iterable[Instance], columns: Mapping[str, Column]) -> tuple[list[Problem], list[str]]:
    """Return what must stop the run (NONE, not degraded) and what the user should know (IGNORED, degraded).

    Each (worker or secret, field) is told once, whatever its count.
    """
    problems: dict[tuple[str, str], Problem] = {}
    warnings: dict[tuple[str, str], str] = {}
    for instance in instances:
        column = columns.get(instance.provider)
        if column is None:
            continue
        for path, value in _asked(instance):
            # A cell may be about one word of a field: `network.isolation.strict`.
            found = cell(column, f"{path}.{value}" if isinstance(value, str) else path)
            name = f"{instance.address.kind}.{instance.address.name}"
            key = (name, path)
            if found.support in (Support.NATIVE, Support.EMULATED) or key in problems or key in warnings:
                continue
            note = f": {found.note}" if found.note else ""
            if found.support is Support.IGNORED:
                warnings[key] = f"{name}: {called(instance.provider)} ignores {path}{note}"
            elif any(path == one or path.startswith(f"{one}.") for one in instance.degrade):
                warnings[key] = f"{name}: runs without {path}, as `degrade` allows{note}"
            else:
                problems[key] = Problem(
                    path=f"{name}.{path}",
                    message=f"{called(instance.provider)} cannot carry this{note}",
                    hint=f"remove it, choose another provider, or accept running without it by degrade: [{path}]",
                    source=instance.source,
                )
    return list(problems.values()), list(warnings.values())


def _asked(instance: Instance) -> Iterator[tuple[str, Any]]:
    """Yield what a worker asks of its provider, of which there is more than its spec."""
    yield from (one for one in fields(instance.spec) if one[0] != "secrets")
    yield from ((f"secrets.{mount.way}", None) for mount in instance.mounts)
    if instance.lifecycle.drain is not None:
        yield "lifecycle.drain", instance.lifecycle.drain


def fields(spec: Spec, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each field that a spec sets: mappings are walked, lists are one value."""
    for key, inner in spec.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(inner, Mapping) and inner:
            yield from fields(inner, path)
        else:
            yield path, inner

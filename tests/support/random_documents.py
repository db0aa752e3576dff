# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole documents at random over the schema, each with one field that changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from ansible_collections.hodei.workers.plugins.module_utils.model.errors import InvalidDocument
from ansible_collections.hodei.workers.plugins.module_utils.model.parse import RawDocument, parse
from ansible_collections.hodei.workers.plugins.module_utils.model.schema_worker import WORKER
from ansible_collections.hodei.workers.plugins.module_utils.model.worker import Document

from .fleets import KEY
from .schema_values import field_paths, values

Worker = dict[str, Any]
Workers = list[Worker]
Read = Callable[[Workers], RawDocument]

HIGHEST_COUNT = 3
_FIELDS = sorted({path.replace("[]", "") for path in field_paths(WORKER)})
_PORTS = [path for path in field_paths(WORKER) if path.endswith("http.port") or path == "health.tcp.port"]


@st.composite
def workers(draw: st.DrawFn, names: str, providers: tuple[str, ...]) -> Workers:
    """Draw the workers of a document: each of its own, and what names others of them fits."""
    found: Workers = []
    for name in names[: draw(st.integers(1, len(names)))]:
        worker = {**draw(values(WORKER)), "name": name, "provider": draw(st.sampled_from(providers))}
        found.append(fitted(draw, worker, [one["name"] for one in found]))
    return found


def fitted(draw: st.DrawFn, worker: Worker, others: list[str]) -> Worker:
    """Make what a worker says of its own fields, and of other workers, something that is there."""
    count = worker.get("count")
    if count is not None:
        worker["count"] = count = count % (HIGHEST_COUNT + 1)
    if not (worker.get("command") or worker.keys() & {"image", "program"}):
        worker["command"] = ["serve"]
    if isinstance(worker.get("instances"), dict):
        worker["instances"] = {str(index): one for index, one in enumerate(worker["instances"].values())}
    worker["instances"] = worker.get("instances") if count else None
    names = {"env_visible": sorted(worker.get("env", ())), "degrade": _FIELDS, "depends_on": others}
    for field, known in names.items():
        if field in worker:
            worker[field] = draw(st.lists(st.sampled_from(known), unique=True, max_size=2)) if known else None
    if "ignore_changes" in worker.get("lifecycle", {}):
        worker["lifecycle"]["ignore_changes"] = [draw(st.sampled_from(_FIELDS))]
    for index, file in enumerate(worker.get("files", ())):
        if "template" in file:
            file["content"] = file.pop("template")
        file["path"] = file["path"].strip("/") or f"f{index}"
    for path in _PORTS:
        *way, last = path.split(".")
        holder: Any = worker
        for step in way:
            holder = holder.get(step, {})
        if last in holder and worker.get("ports"):
            holder[last] = worker["ports"][0]["name"]
    return {key: value for key, value in worker.items() if value is not None}


def mended(found: Workers, read: Read, schemas: dict[str, Any]) -> tuple[Workers, Document]:
    """Leave out, top-level field by top-level field, what does not go with the rest."""
    while True:
        try:
            return found, parse(read(copy.deepcopy(found)), key=KEY, provider_schemas=schemas)
        except InvalidDocument as error:
            found = [dict(one) for one in found]
            for problem in error.problems:
                _drop(found, problem.path)


def _drop(found: Workers, path: str) -> None:
    """Remove the field that a problem is about; one that is about a whole worker costs it what may not stand together."""
    index, _unused, field = path.partition("[")[2].partition("]")
    worker = found[int(index)]
    name = field.lstrip(".").partition(".")[0].partition("[")[0]
    for one in (name,) if name else ("image", "program"):
        worker.pop(one, None)
    worker["command"] = worker.get("command") or ["serve"]


@st.composite
def one_changed(draw: st.DrawFn, found: Workers, providers: tuple[str, ...]) -> Iterator[Workers]:
    """The same with a worker over the whole schema."""
    (other,) = draw(workers("x", providers))
    return draw(one_of(found, other))


@st.composite
def one_of(draw: st.DrawFn, found: Workers, other: Worker) -> Iterator[Workers]:
    """Draw the order in which single fields of one worker are taken from another; of each, the document with that one changed."""
    index = draw(st.integers(0, len(found) - 1))
    paths = draw(st.permutations(list(_differing(found[index], other)))) if found[index] != other else []
    return ([*found[:index], _put(found[index], path, other), *found[index + 1 :]] for path in paths)


def _differing(one: Any, other: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places where two nests of mappings differ, the inner ones too."""
    for key in sorted({*one, *other} - (set() if prefix else {"name"})):
        before, after = one.get(key), other.get(key)
        if before != after:
            yield (*prefix, key)
            if isinstance(before, dict) and isinstance(after, dict):
                yield from _differing(before, after, (*prefix, key))


def _put(one: Any, path: tuple[str, ...], other: Any) -> Any:
    """Take one place from another nest, or leave it out where that has none."""
    key, *rest = path
    if rest:
        return {**one, key: _put(one[key], tuple(rest), other[key])}
    kept = {name: value for name, value in one.items() if name != key}
    return {**kept, key: copy.deepcopy(other[key])} if key in other else kept

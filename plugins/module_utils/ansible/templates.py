# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side: the templates of workers' files become what the files hold, before the document leaves the controller.

Pure but for the functions handed in. A template that says nothing of an instance is rendered once for all of them, one that says
nothing of a worker once for all workers: what a template may see of these is told from its text and from the variables that it
names, which may be templates themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..model.errors import InvalidDocument, Problem
from ..model.place import Place
from ..model.schema_worker import HIGHEST_COUNT

#: What a template knows of its worker, and of its instance.
OF_WORKER = frozenset(("worker_name", "worker_count"))
OF_INSTANCE = frozenset(("worker_index", "worker_id", "worker_address"))
#: With these a template sees more than its own words say.
_OPAQUE = frozenset(("include", "import", "extends", "vars", "hostvars", "varnames", "lookup", "query", "q"))
_CODE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOLD = 20


class Template(NamedTuple):
    """A template as it was found."""

    path: str
    text: str


class TemplateError(Exception):
    """A template that cannot be found, read or rendered; ``message`` holds no value of a variable."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


Read = Callable[[str], Template]
Render = Callable[[Template, Mapping[str, Any]], str]


def render_files(
    payload: Mapping[str, Any], variables: Mapping[str, Any], read: Read, render: Render
) -> dict[str, Any]:
    """Return a payload in which every file says what it holds. Raises InvalidDocument with all that went wrong."""
    renderer = _Renderer(variables, read, render)
    documents = [
        {
            **one,
            "content": {**one["content"], "workers": renderer.workers(one["content"]["workers"], source=one["source"])},
        }
        if one["content"].get("workers")
        else one
        for one in payload["documents"]
    ]
    workers = [
        {**one, "content": renderer.workers(one["content"], path=one["source"])} for one in payload.get("workers", ())
    ]
    if renderer.problems:
        more = len(renderer.problems) - _TOLD
        rest = [Problem("", f"{more} more templates cannot be rendered", "mend these first")] if more > 0 else []
        raise InvalidDocument([*renderer.problems[:_TOLD], *rest])
    return {**payload, "documents": documents, "workers": workers}


def without_templates(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload for a task that asks nobody what files hold: to delete, or to reach into what is there."""
    return render_files(payload, {}, lambda name: Template(name, ""), lambda template, about: "")


def names_used(text: str, variables: Mapping[str, Any]) -> frozenset[str]:
    """Return what a template may see of its worker: at least what it does see."""
    everything = OF_WORKER | OF_INSTANCE
    if text.startswith("#jinja2:"):
        return everything
    found: set[str] = set()
    waiting = [text]
    while waiting:
        words = {word for code in _CODE.findall(waiting.pop()) for word in _WORD.findall(code)}
        if words & _OPAQUE:
            return everything
        fresh = words - found
        found |= fresh
        for name in fresh & variables.keys():
            waiting += _templates_in(variables[name])
    return everything & found


def _templates_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _templates_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _templates_in(inner)


class _Worker(NamedTuple):
    """What is needed of the entry that is looked at; ``total`` is its count, None where that is left out or no number."""

    name: str
    total: int | None

    def about(self, index: int | None) -> dict[str, Any]:
        """Return the variables of an instance, as the worker finds them in its environment."""
        mark = "" if index is None else f"[{index}]"
        return {
            "worker_name": self.name,
            "worker_count": 1 if self.total is None else self.total,
            "worker_index": index or 0,
            "worker_id": self.name if index is None else f"{self.name}-{index}",
            "worker_address": f"worker.{self.name}{mark}",
        }


class _Renderer:
    def __init__(self, variables: Mapping[str, Any], read: Read, render: Render) -> None:
        self._variables = variables
        self._read = read
        self._render = render
        self._known: dict[str, tuple[Template, frozenset[str]] | TemplateError] = {}
        self._rendered: dict[tuple[Any, ...], str | TemplateError] = {}
        self.problems: list[Problem] = []

    def workers(self, entries: Any, path: str = "workers", source: str = "") -> Any:
        """Render the files of a list of workers, or of a mapping by name; what is neither is for the module to refuse."""
        base = Place(path if path != "" or source else "", source)
        if isinstance(entries, Mapping):
            return {
                key: self._entry(entry, str(key), Place(base.under((key,)), source)) for key, entry in entries.items()
            }
        if isinstance(entries, (list, tuple)):
            return [
                self._entry(entry, "", Place(base.under((index,)) if base.path else "", source))
                for index, entry in enumerate(entries)
            ]
        return entries

    def _entry(self, entry: Any, key: str, place: Place) -> Any:
        if not isinstance(entry, Mapping) or not ("files" in entry or "instances" in entry):
            return entry
        worker = _Worker(str(entry.get("name", key)), _count(entry.get("count")))
        found = dict(entry)
        own: dict[int, list[dict[str, Any]]] = {}
        if "files" in entry:
            found["files"] = self._files(entry["files"], worker, None, place, own)
        overrides = entry.get("instances")
        if overrides:
            found["instances"] = self._instances(overrides, worker, place)
        if own:
            found["instances"] = _merged(found.get("instances"), own)
        return found

    def _instances(self, overrides: Any, worker: _Worker, place: Place) -> Any:
        if isinstance(overrides, (list, tuple)):
            return [self._instance(one, worker, index, place) for index, one in enumerate(overrides)]
        if isinstance(overrides, Mapping):
            return {key: self._instance(one, worker, _count(key), place) for key, one in overrides.items()}
        return overrides

    def _instance(self, override: Any, worker: _Worker, index: int | None, place: Place) -> Any:
        if not isinstance(override, Mapping) or "files" not in override:
            return override
        place = place._replace(path=place.under(("instances", index)))
        return {**override, "files": self._files(override["files"], worker, index, place, None)}

    def _files(
        self,
        files: Any,
        worker: _Worker,
        index: int | None,
        place: Place,
        own: dict[int, list[dict[str, Any]]] | None,
    ) -> Any:
        """Render a list of files; what differs from one instance to the other goes to ``own``, where it may."""
        if not isinstance(files, (list, tuple)):
            return files
        return [
            self._file(file, worker, index, Place(place.under(("files", number, "template")), place.source), own)
            if isinstance(file, Mapping) and isinstance(file.get("template"), str)
            else file
            for number, file in enumerate(files)
        ]

    def _file(
        self,
        file: Mapping[str, Any],
        worker: _Worker,
        index: int | None,
        place: Place,
        own: dict[int, list[dict[str, Any]]] | None,
    ) -> dict[str, Any]:
        rest = {name: value for name, value in file.items() if name != "template"}
        if any(name in file for name in ("content", "content_base64")):
            return dict(file)  # which of them is meant? the module asks
        try:
            template, names = self._look(file["template"])
            if own is None or worker.total is None or not names & OF_INSTANCE:
                return {**rest, "content": self._content(template, names, worker.about(index))}
            for number in range(min(worker.total, HIGHEST_COUNT)):
                content = self._content(template, names, worker.about(number))
                own.setdefault(number, []).append({"path": file.get("path"), "content": content})
        except TemplateError as error:
            self.problems.append(Problem(place.path, error.message, error.hint, place.source))
        return {**rest, "content": ""}

    def _look(self, name: str) -> tuple[Template, frozenset[str]]:
        found = self._known.get(name)
        if found is None:
            try:
                template = self._read(name)
                found = template, names_used(template.text, self._variables)
            except TemplateError as error:
                found = error
            self._known[name] = found
        if isinstance(found, TemplateError):
            raise found
        return found

    def _content(self, template: Template, names: frozenset[str], about: Mapping[str, Any]) -> str:
        """Render once for all that see the same."""
        key = (template.path, *((name, about[name]) for name in sorted(names)))
        found = self._rendered.get(key)
        if found is None:
            try:
                found = self._render(template, about)
            except TemplateError as error:
                found = error
            self._rendered[key] = found
        if isinstance(found, TemplateError):
            raise found
        return found


def _count(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        return None


def _merged(overrides: Any, own: Mapping[int, list[dict[str, Any]]]) -> Any:
    """Add each instance's own files to what is written about it; what is written there wins."""
    listed = enumerate(overrides) if isinstance(overrides, list) else (overrides or {}).items()
    found: dict[str, Any] = {str(index): override for index, override in listed}
    for number, files in own.items():
        override = found.get(str(number)) or {}
        if isinstance(override, Mapping) and isinstance(override.get("files", []), list):
            said = {file.get("path") for file in override.get("files", []) if isinstance(file, Mapping)}
            fresh = [file for file in files if file["path"] not in said]
            found[str(number)] = {**override, "files": [*fresh, *override.get("files", [])]}
    return found

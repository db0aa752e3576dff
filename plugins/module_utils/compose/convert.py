# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose file as a document of ours: the main path. Pure but for the function that reads files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .blocks import Block
from .delivered import Delivered
from .fields import Fields, Finding, Notes, text_of
from .mounts import Mounts
from .networks import Networks
from .project import Loader, Project, ReadFile
from .reasons import TOP
from .worker import Context, worker

PROVIDER = "docker"
_PULLS = {"": "missing", "missing": "missing", "if_not_present": "missing", "always": "always", "never": "never"}
_DEFAULT_PULL = "missing"


class Converted(NamedTuple):
    """A document, and what of the Compose file it does not carry as it stood there."""

    owner: str
    providers: dict[str, Any]
    workers: dict[str, Any]
    findings: tuple[Finding, ...]


def convert(
    paths: Sequence[str], read_file: ReadFile, environ: Mapping[str, str], profiles: Iterable[str] = ()
) -> Converted:
    """Convert Compose files, each laid over the one before it. Raises InvalidDocument, with all problems."""
    notes = Notes()
    loader = Loader(read_file, notes)
    project = loader.project(paths, environ, profiles)
    notes.check()
    context = _context(project, loader)
    workers, pulls = {}, {}
    for name, value in project.services.items():
        fields = Fields(value, f"services.{name}", notes, project.services.at[name])
        if "provider" in fields:
            fields.left_out(
                "provider", "it is run by another program, not as a container", "have that program run by a task"
            )
            continue
        pulls[name] = fields
        workers[context.names[name]] = worker(name, fields, context)
    configured: dict[str, Any] = {"type": PROVIDER, **_pull(pulls)}
    for rest in (context.mounts, context.networks, *context.files):
        rest.unused()
    if context.networks.configured:
        configured["networks"] = context.networks.configured
    _version(project.top)
    project.top.end(TOP, "name version include services networks volumes configs secrets")
    notes.check()
    return Converted(project.name, {PROVIDER: configured}, workers, tuple(notes.findings))


def _context(project: Project, loader: Loader) -> Context:
    names = _names(project)
    return Context(
        project,
        loader,
        names,
        Mounts(project.top, project.name),
        Networks(project.top, project.services),
        (Delivered("configs", project, loader), Delivered("secrets", project, loader)),
        _linked(project.services),
    )


def _names(project: Project) -> dict[str, str]:
    """Name a worker after each service: ours have lower case letters, digits, - and _."""
    names: dict[str, str] = {}
    for name, spot in project.services.at.items():
        if name not in project.services:
            continue
        ours = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:63]
        field, notes = f"services.{name}", project.top.notes
        if not ours or ours in names.values():
            hint = "use other letters than capitals and dots, so that they differ"
            notes.wrong(spot, field, f"no worker can be called after it{f', {ours} is taken' if ours else ''}", hint)
        elif ours != name:
            notes.differs(spot, field, f"its worker is called {ours}", f"others find it in its network as {name}, too")
        names[name] = ours
    return names


def _linked(services: Block) -> dict[str, list[str]]:
    """Return by which names each service is linked by others."""
    found: dict[str, list[str]] = {}
    for service in services.values():
        for link in (service.get("links") or ()) if isinstance(service, Block) else ():
            name, _unused, alias = text_of(link).partition(":")
            if alias:
                found.setdefault(name, []).append(alias)
    return found


def _pull(services: Mapping[str, Fields]) -> dict[str, str]:
    """Return when images are pulled, which is one rule for all workers of a provider."""
    wanted = {name: fields.text("pull_policy") for name, fields in services.items()}
    rules = {_PULLS[policy] for policy in wanted.values() if policy in _PULLS}
    chosen = rules.pop() if len(rules) == 1 else _DEFAULT_PULL
    for name, policy in wanted.items():
        if policy not in _PULLS:
            services[name].left_out(
                "pull_policy",
                f"images are pulled when missing, always or never, not by '{policy}'",
                "write always, or pull by a task",
            )
        elif policy and _PULLS[policy] != chosen:
            hint = f"make a second provider with pull: {_PULLS[policy]}, and name it in the worker"
            services[name].left_out("pull_policy", f"it is one rule for all workers of a provider, here {chosen}", hint)
    return {} if chosen == _DEFAULT_PULL else {"pull": chosen}


def _version(top: Fields) -> None:
    top.take("version")  # says nothing any more: Compose ignores it as well
    top.take("include")

# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task was given: the document and the settings, from arguments, files and variables, and where the owner's files are by them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.configs import read_audit, read_backend, read_stores
from ..model.entries import Fragment
from ..model.errors import InvalidDocument
from ..model.identity import read_identity
from ..model.parse import RawDocument, parse
from ..model.place import Place
from ..model.settings import Setting, resolve
from ..model.worker import Document
from ..providers.registry import ConfigSchemas
from ..stores.registry import store_schemas
from .places import owners_place
from .sealed_arguments import opened

#: Stands in for the lineage where a document is checked before its fleet has one.
NO_LINEAGE = "00000000-0000-0000-0000-000000000000"
DEFAULT_PROVIDERS = {"local": {"type": "process"}}


@dataclass(frozen=True)
class Payload:
    """What the action plugin gathered, with arguments, files and variables already in their order of precedence."""

    owner: Any
    lineage: Any
    backend: Mapping[str, Any]
    providers: Any
    stores: Any
    audit: Any
    identity: Any
    fragments: tuple[Fragment, ...]
    secrets: tuple[Fragment, ...]
    variables: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False
    moved: Any = None
    progress: str = ""  # the file that somebody on this machine watches
    asking: Mapping[str, Any] = field(default_factory=dict)  # host, play and task, as they say
    broker: Mapping[str, Any] | None = field(default=None, repr=False)  # how that of the playbook is asked


def read_payload(params: Mapping[str, Any]) -> Payload:
    """Bring arguments and payload together; a task that bypassed the action plugin has its arguments alone."""
    gathered = opened(params)
    documents = gathered.get("documents", [])

    sources: dict[str, str] = {}

    def pick(name: str) -> Any:
        """Argument first, then the documents, then the variable."""
        sources[name] = "argument"
        if params.get(name) is not None:
            return params[name]
        if gathered.get(f"{name}_given"):
            return gathered[name]
        for one in documents:
            if one["content"].get(name) is not None:
                sources[name] = f"document {one['source']}"
                return one["content"][name]
        sources[name] = f"variable hodei_{name}"
        return gathered.get(name)

    def listed(kind: str) -> tuple[Fragment, ...]:
        """Return what lists of a kind there are; one that nobody wrote is no fragment, so that nothing of it is pruned."""
        if not gathered:
            return (Fragment(params[kind], kind),) if params.get(kind) is not None else ()
        return (
            *(
                Fragment(one["content"].get(kind) or [], kind, one["source"])
                for one in documents
                if kind == "workers" or kind in one["content"]
            ),
            *(Fragment(one["content"] or [], one["source"]) for one in gathered.get(kind, ())),
        )

    return Payload(
        owner=pick("owner"),
        lineage=pick("lineage"),
        backend=read_backend(pick("backend")),
        providers=pick("providers") or DEFAULT_PROVIDERS,
        stores=pick("stores"),
        audit=pick("audit"),
        identity=pick("identity"),
        moved=pick("moved"),
        fragments=listed("workers"),
        secrets=listed("secrets"),
        variables=gathered.get("variables", {}),
        sources=sources,
        progress=gathered.get("progress") or "",
        asking=gathered.get("asking") or {},
        broker=gathered.get("broker"),
    )


def locate(
    params: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> tuple[Payload, dict[str, Setting], Path]:
    """Return what a task was given, its settings, and the directory of the owner, which is not touched.

    Raises InvalidDocument without an owner, HodeiError(conflict) for one that was moved.
    """
    payload = read_payload(params)
    settings = read_settings(payload, os.environ if environ is None else environ)
    return payload, settings, directory_of(payload, settings)


def read_settings(payload: Payload, environ: Mapping[str, str]) -> dict[str, Setting]:
    """Resolve owner, place of state and defaults, each with the source that it came from."""
    picked = {"owner": payload.owner, "lineage": payload.lineage}
    settings = {}
    for name in ("owner", "lineage", "state_dir", "default_timeout", "rate_limits"):
        found = resolve(name, picked.get(name), payload.variables.get(f"hodei_{name}"), environ)
        settings[name] = found._replace(source=payload.sources[name]) if found.source == "argument" else found
    return settings


def directory_of(payload: Payload, settings: Mapping[str, Setting]) -> Path:
    """Return where the owner's state and key are, see ``locate``."""
    return owners_place(settings["owner"].value, payload.backend, settings["state_dir"].value)


def written_settings(payload: Payload) -> dict[str, Any]:
    """Return what a task itself says of audit, identity and stores: it counts until the state remembers what a converge said.

    Raises InvalidDocument.
    """
    stores, problems = read_stores(payload.stores, store_schemas())
    audit, wrong = read_audit(payload.audit, stores)
    identity, more = read_identity(payload.identity)
    if problems := [*problems, *wrong, *more]:
        raise InvalidDocument(problems)
    return {"audit": audit, "identity": identity, "stores": stores}


def parse_payload(payload: Payload, owner: str, lineage: Any, key: bytes) -> Document:
    """Check the whole document. Raises InvalidDocument with every problem."""
    raw = RawDocument(
        owner=owner,
        lineage=lineage,
        fragments=payload.fragments,
        secrets=payload.secrets,
        providers=payload.providers,
        backend=payload.backend,
        stores=payload.stores,
        audit=payload.audit,
        identity=payload.identity,
        deleting=payload.deleting,
        moved=payload.moved,
        sources={
            name: source.removeprefix("document ")
            for name, source in payload.sources.items()
            if source.startswith("document ")
        },
        moved_place=_moved_place(payload.sources.get("moved", "")),
    )
    return parse(raw, key=key, provider_schemas=ConfigSchemas(), store_schemas=store_schemas())


def _moved_place(source: str) -> Place:
    """Say where the moves are written, as a user would look for it."""
    kind, _unused, name = source.partition(" ")
    return Place("moved", name) if kind == "document" else Place(name if kind == "variable" else "moved")

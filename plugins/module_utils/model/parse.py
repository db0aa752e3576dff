# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what users wrote to a Document, or to every problem that it has. Read this file from the top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from .choosing import choose
from .configs import Config, public, read_audit, read_config, read_providers, read_stores, read_text
from .dependencies import resolve
from .digest import canonical, keyed
from .entries import Entry, Fragment, read_entries
from .errors import InvalidDocument, Problem
from .expand import engine_part, expand, override_problems
from .identity import read_identity
from .mounts import STORE, Vaults, mount_problems
from .moved import moves_text, read_moves, still_there
from .place import Place
from .references import Copy, needed_secrets, reference_problems, referring_of
from .schema import Schema
from .schema_document import BACKEND, LINEAGE, OWNER
from .worker import Document, Instance, Move


class RawDocument(NamedTuple):
    """A document as it came: nothing checked, nothing converted.

    ``fragments`` are the workers and ``secrets`` the secrets, from as many places as there are; ``sources`` tells which files the
    rest (`owner`, `providers`...) came from, where it came from files. ``deleting`` says that they are named to be deleted: their
    names are enough. ``moved_place`` is where ``moved`` is written.
    """

    owner: Any
    lineage: Any
    fragments: Sequence[Fragment]
    providers: Any = None
    backend: Any = None
    stores: Any = None
    audit: Any = None
    identity: Any = None
    sources: Mapping[str, str] = {}
    deleting: bool = False
    moved: Any = None
    moved_place: Place = Place("moved")
    secrets: Sequence[Fragment] = ()


def parse(
    raw: RawDocument,
    *,
    key: bytes,
    provider_schemas: Mapping[str, Schema],
    store_schemas: Mapping[str, Schema] = MappingProxyType({}),
) -> Document:
    """Check, bring into normal form, expand and digest a document.

    ``key`` is the owner's key for digests; ``provider_schemas`` maps each type of provider to the JSON Schema fragment of its
    own keys, ``store_schemas`` each type of store. Raises InvalidDocument with every problem that was found.
    """
    providers, problems = read_providers(raw.providers, provider_schemas)
    problems = [*_head(raw), *problems]
    stores, wrong = read_stores(raw.stores, store_schemas)
    problems += wrong
    audit, wrong = read_audit(raw.audit, stores)
    problems += wrong
    identity, wrong = read_identity(raw.identity)
    problems += wrong
    entries, wrong, names = read_entries(raw.fragments, names_suffice=raw.deleting)
    problems += wrong
    depends, wrong = resolve(entries, names)
    problems += wrong
    chosen = choose(entries, "provider", raw.providers, providers, problems, deleting=raw.deleting)
    moves, wrong = read_moves(raw.moved, raw.moved_place)
    problems += wrong
    secrets: tuple[Instance, ...] = ()
    copies: list[Copy] = []
    if raw.secrets:
        from .secrets import read_secrets

        secrets, copies, wrong = read_secrets(raw.secrets, stores, raw.stores, key, names_suffice=raw.deleting)
        problems += wrong
    vaults = Vaults(
        tuple(raw.stores) if isinstance(raw.stores, dict) and raw.stores else tuple(stores),
        {one.address.name: one.provider.removeprefix(STORE) for one in secrets},
    )
    for entry in entries:
        problems += mount_problems(entry.worker, vaults, entry.place)
        if "instances" in entry.worker:
            problems += override_problems(entry, vaults)
    referring = referring_of(providers, provider_schemas, stores, store_schemas)
    problems += reference_problems(referring, copies, vaults)
    if problems:
        raise InvalidDocument(_sourced(dict.fromkeys(problems), raw.sources))
    instances: list[Instance] = []
    first = {one.name: needed_secrets(one, vaults) for one in referring if one.kind == "provider"}
    for entry, provider in zip(entries, chosen, strict=True):
        before = (*depends.get(entry.worker["name"], ()), *first.get(provider, ()))
        instances.extend(expand(entry, provider, before, key, vaults))
    listed = tuple(entry.worker["name"] for entry in entries)
    problems = list(still_there(moves, instances, listed, raw.owner))
    if problems:
        raise InvalidDocument(_sourced(problems, raw.sources))
    return Document(
        owner=raw.owner,
        lineage=str(raw.lineage).lower(),
        instances=tuple(instances),
        providers=providers,
        stores=stores,
        audit=audit,
        identity=identity,
        secrets=secrets,
        digest=_digest(key, raw, moves, entries, (*instances, *secrets), providers, provider_schemas),
        sources=tuple(dict.fromkeys(fragment.label for fragment in (*raw.fragments, *raw.secrets))),
        names=listed,
        resting=tuple(entry.worker for entry in entries if entry.worker.get("count") == 0),
        moves=moves,
    )


def _head(raw: RawDocument) -> list[Problem]:
    """Check everything that is neither a provider nor a worker."""
    found: list[Problem] = []
    for name, value, schema in (("owner", raw.owner, OWNER), ("lineage", raw.lineage, LINEAGE)):
        if value is None or value == "":
            found.append(_missing(name))
        else:
            found.extend(read_text(value, schema, name))
    found.extend(read_config({} if raw.backend is None else raw.backend, BACKEND, Place("backend"))[1])
    return found


def _missing(name: str) -> Problem:
    if name == "owner":
        return Problem("owner", "the owner is missing", "set hodei_owner: whose fleet this is, such as ci-prod")
    hint = "run the playbook hodei.workers.init once; it prints the line to put into the document"
    return Problem("lineage", "the lineage is missing", hint)


def _sourced(problems: Iterable[Problem], sources: Mapping[str, str]) -> list[Problem]:
    """Name the file of what was wrong outside of the workers."""

    def sourced(problem: Problem) -> Problem:
        head = problem.path.partition(".")[0].partition("[")[0]
        return problem if problem.source or head not in sources else problem._replace(source=sources[head])

    return [sourced(problem) for problem in problems]


def _digest(
    key: bytes,
    raw: RawDocument,
    moves: Sequence[Move],
    entries: Sequence[Entry],
    instances: Sequence[Instance],
    providers: Mapping[str, Config],
    schemas: Mapping[str, Schema],
) -> str:
    shown = {name: public(config, schemas[config["type"]]) for name, config in providers.items()}
    head = canonical([raw.owner, str(raw.lineage).lower(), shown, *moves_text(moves)])
    parts = [f"{one.address}\0{one.provider}\0{one.digest}\0{one.state}" for one in instances]
    return keyed(key, "document", "\n".join([head, *(engine_part(entry) for entry in entries), *parts]))

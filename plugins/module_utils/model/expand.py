# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a valid worker to its instances: counted, overridden, digested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .address import Address
from .digest import canonical, recorded, spec_digest
from .entries import Entry
from .errors import Problem
from .mounts import Mount, Vaults, mount_problems, mounts_of, sources_of
from .normal import normalise_field
from .rules import worker_problems
from .schema_worker import ENGINE_FIELDS, FILE_SOURCES
from .worker import Drain, Instance, Lifecycle, Spec

_DEFAULT_LIFECYCLE = Lifecycle()
NO_VAULTS = Vaults()


def expand(
    entry: Entry, provider: str, depends_on: tuple[Address, ...], key: bytes, vaults: Vaults = NO_VAULTS
) -> Iterator[Instance]:
    """Yield a worker's instances. What all of them share is made once and shared."""
    worker = entry.worker
    spec = {name: value for name, value in worker.items() if name not in ENGINE_FIELDS}
    visible = frozenset(worker.get("env_visible", ()))
    state, degrade = worker.get("state", "started"), tuple(worker.get("degrade", ()))
    lifecycle, count = _lifecycle(worker.get("lifecycle")), worker.get("count")
    overrides = _overrides(entry)
    record = recorded(key, spec, visible)
    base = (spec, record, spec_digest(key, spec), state, *_given(spec, record, depends_on, vaults))
    for index in (None,) if count is None else range(count):
        override = overrides.get(index)
        if override is None:
            own = base
        else:
            changed = overridden(entry.raw, spec, override)
            record = recorded(key, changed, visible)
            own = (
                changed,
                record,
                spec_digest(key, changed),
                override.get("state", state),
                *_given(changed, record, depends_on, vaults),
            )
        yield Instance(
            Address("worker", worker["name"], index),
            provider,
            spec=own[0],
            recorded=own[1],
            digest=own[2],
            lifecycle=lifecycle,
            state=own[3],
            mounts=own[4],
            depends_on=own[5],
            degrade=degrade,
            source=entry.label,
        )


def _given(
    spec: Spec, record: Spec, depends_on: tuple[Address, ...], vaults: Vaults
) -> tuple[tuple[Mount, ...], tuple[Address, ...]]:
    """Return what secrets a worker is given, and what it depends on: those of them that the document has, too."""
    mounts = mounts_of(spec, record, vaults)
    needed = dict.fromkeys(one.address for one in sources_of(mounts) if vaults.secrets.get(one.name.path) == one.store)
    return mounts, (*depends_on, *needed) if needed else depends_on


def override_problems(entry: Entry, vaults: Vaults = NO_VAULTS) -> list[Problem]:
    """Return what is wrong with single instances: the rules that hold for a worker hold for each of them."""
    found: list[Problem] = []
    for index, override in _overrides(entry).items():
        changed = overridden(entry.raw, entry.worker, override)
        changed.pop("instances", None)
        changed.pop("env_visible", None)
        place = entry.place._replace(path=entry.place.under(("instances", index)))
        found.extend(worker_problems(changed, place))
        if "secrets" in override or "files" in override:
            found.extend(mount_problems(changed, vaults, place))
    return found


def engine_part(entry: Entry) -> str:
    """Return the canonical text of what only the engine reads, for the digest of the document."""
    return canonical({name: value for name, value in entry.worker.items() if name in ENGINE_FIELDS})


def overridden(raw: Mapping[str, Any], spec: Spec, override: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec in normal form with one instance's differences merged in.

    They are merged as they were written, so that a value that equals a default overrides, too.
    """
    changed = dict(spec)
    for name, value in override.items():
        if name == "state":
            continue
        normal = normalise_field(name, merge(raw[name], value) if name in raw else value)
        if normal is None:
            changed.pop(name, None)
        else:
            changed[name] = normal
    return changed


def merge(base: Any, over: Any) -> Any:
    """Merge mappings key by key and lists of named entries name by name, of files path by path; all else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merge(base[key], value) if key in base else value for key, value in over.items()}}
    if _all_have("name", base) and _all_have("name", over):
        return _merge_by("name", base, over, merge)
    if _all_have("path", base) and _all_have("path", over):
        return _merge_by("path", base, over, _merge_file)
    return over


def _merge_by(key: str, base: list[Any], over: list[Any], join: Callable[[Any, Any], Any]) -> list[Any]:
    entries = {entry[key]: entry for entry in base}
    for entry in over:
        entries[entry[key]] = join(entries.get(entry[key], {}), entry)
    return list(entries.values())


def _merge_file(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """An instance's file says anew what it holds; the rest stays."""
    return {**{name: value for name, value in base.items() if name not in FILE_SOURCES}, **over}


def _all_have(key: str, value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and key in one for one in value)


def _overrides(entry: Entry) -> dict[int | None, Mapping[str, Any]]:
    return {int(index): override for index, override in entry.worker.get("instances", {}).items()}


def _lifecycle(fields: Mapping[str, Any] | None) -> Lifecycle:
    if not fields:
        return _DEFAULT_LIFECYCLE
    drain = Drain.read(fields["drain"]) if "drain" in fields else None
    return Lifecycle(**{**fields, "ignore_changes": tuple(fields.get("ignore_changes", ())), "drain": drain})

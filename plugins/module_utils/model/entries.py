# Copyright (c) 2026 hodei.workers contributors
# GNU General Public License v3.0 or later (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what users wrote, in however many files and variables, to valid workers in normal form, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .check import Check, Fault, compile_check, is_integer
from .coerce import coerce
from .errors import Problem
from .normal import normalise
from .place import Place
from .rules import worker_problems
from .schema import Schema
from .schema_worker import WORKER

#: So many invalid entries are told in full; one mistake in a template must not print ten thousand times.
TOLD = 100


class Fragment(NamedTuple):
    """Workers, or secrets, from one place: a list of entries, or a mapping by name.

    ``path`` is what the list is called there (`workers`, `hodei_workers__ci`), ``source`` the file, if it is one. An empty path
    means that the one entry is no list's, so that its fields have no prefix.
    """

    entries: Any
    path: str = "workers"
    source: str = ""

    @property
    def label(self) -> str:
        """What the fragment is called as a whole: what came from another one is never pruned."""
        return self.source or self.path


class Entry(NamedTuple):
    """One valid worker or secret: where it was written, as it was written, and in normal form."""

    place: Place
    label: str
    raw: dict[str, Any]
    worker: dict[str, Any]


class EntryKind(NamedTuple):
    """What a list has entries of.

    ``check`` returns the compiled check; ``normalise`` makes the normal form; ``problems`` are what a schema cannot say; ``naming``
    are the fields that say which one is meant, and nothing of what it is. ``identity`` is what no two entries may share.
    """

    noun: str
    schema: Schema
    check: Callable[[], Check]
    normalise: Callable[[Any], dict[str, Any]]
    problems: Callable[[Any, Place], list[Problem]]
    naming: frozenset[str]
    identity: Callable[[Any], Any]


@lru_cache(maxsize=1)
def worker_check() -> Check:
    """The compiled check of a worker; built once, on first use."""
    return compile_check(WORKER)


def _name(raw: Any) -> Any:
    return raw.get("name")


WORKERS = EntryKind(
    "worker", WORKER, worker_check, normalise, worker_problems, frozenset(("name", "provider", "count")), _name
)


def read_entries(
    fragments: Sequence[Fragment], kind: EntryKind = WORKERS, *, names_suffice: bool = False
) -> tuple[list[Entry], list[Problem], set[str]]:
    """Return the valid entries, what is wrong with the others, and the names of all."""
    entries: list[Entry] = []
    found: list[Problem] = []
    places: dict[str, Place] = {}
    invalid = 0
    for place, label, written in _listed(fragments, kind, found):
        raw, fault = _checked(_stringed(written), kind)
        wrong = _twice(raw, kind, place, places)
        if fault is not None:
            invalid += 1
            wrong += _worded(raw, kind, place, fault) if invalid <= TOLD else []
        if fault is None and not wrong:
            worker = kind.normalise(raw)
            wrong = [] if names_suffice and worker.keys() <= kind.naming else kind.problems(worker, place)
            entries.append(Entry(place, label, raw, worker))
        found.extend(wrong)
    if invalid > TOLD:
        found.append(Problem("", f"{invalid - TOLD} more {kind.noun}s are not valid", "mend these first"))
    return entries, found, set(places)


def _checked(raw: Any, kind: EntryKind) -> tuple[Any, Fault | None]:
    """Return an entry, mended where a template made text of a number, and its first fault."""
    check = kind.check()
    fault = check(raw)
    if fault is None:
        return raw, None
    mended = coerce(raw, kind.schema)
    return mended, check(mended)


def _worded(raw: Any, kind: EntryKind, place: Place, fault: Fault) -> list[Problem]:
    from .words import problems  # imported for invalid documents only

    return problems(raw, kind.schema, place, fault)


def _one_worker(fragment: Fragment, kind: EntryKind, base: Place) -> Problem | None:
    if "name" not in fragment.entries or kind is not WORKERS:
        return None
    from .lookalike import one_worker

    return one_worker(fragment.entries, base.path, base.source)


def _listed(fragments: Sequence[Fragment], kind: EntryKind, found: list[Problem]) -> Iterator[tuple[Place, str, Any]]:
    """Yield each entry with its place and its fragment's label; an entry of a mapping gets its key as its name."""
    for fragment in fragments:
        base = Place(fragment.path, fragment.source)
        if isinstance(fragment.entries, list):
            for index, entry in enumerate(fragment.entries):
                path = base.under((index,)) if fragment.path else ""
                yield Place(path, fragment.source), fragment.label, entry
        elif isinstance(fragment.entries, dict) and (alone := _one_worker(fragment, kind, base)) is not None:
            found.append(alone)
        elif isinstance(fragment.entries, dict):
            for key, entry in fragment.entries.items():
                place = Place(base.under((key,)), fragment.source)
                wrong = _wrong_name(key, entry, kind, place)
                found.extend(wrong)
                if not wrong:
                    yield place, fragment.label, {"name": key, **entry} if isinstance(entry, dict) else entry
        else:
            from .traps import type_name

            message = f"expected a list of {kind.noun}s or a mapping by name, got {type_name(fragment.entries)}"
            hint = f"write [] for no {kind.noun}s" if fragment.entries is None else f"write - before each {kind.noun}"
            found.append(Problem(fragment.path, message, hint, fragment.source))


def _wrong_name(key: Any, entry: Any, kind: EntryKind, place: Place) -> list[Problem]:
    if not isinstance(key, str):
        from .traps import key_cure

        return [Problem(place.path, f"the name of this {kind.noun} is not text", key_cure(key), place.source)]
    if isinstance(entry, dict) and entry.get("name", key) != key:
        hint = "remove name, or make it equal to the key"
        return [Problem(place.path, "the key and the field 'name' differ", hint, place.source)]
    return []


def _stringed(raw: Any) -> Any:
    """Give `instances` text for keys: YAML reads its indices as numbers, JSON can't hold them."""
    overrides = raw.get("instances") if isinstance(raw, dict) else None
    if not isinstance(overrides, dict):
        return raw
    keys = {index: str(index) if is_integer(index) else index for index in overrides}
    return {**raw, "instances": {keys[index]: override for index, override in overrides.items()}}


def _twice(raw: Any, kind: EntryKind, place: Place, places: dict[str, Place]) -> list[Problem]:
    name = kind.identity(raw) if isinstance(raw, dict) else None
    if not isinstance(name, str):
        return []
    first = places.setdefault(name, place)
    if first is place:
        return []
    return [
        Problem(place.path, f"there is another {kind.noun} '{name}' at {first}", "rename one of them", place.source)
    ]
